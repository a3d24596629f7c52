"""The project report: all of it from the files, for any models, and the same every time."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusion_model.bootstrap import Interval
from fusion_model.catalogue import Entry
from fusion_model.evaluation_report import TABLE, make_report
from fusion_model.prediction_table import PredictionTable, read_table, table_from_frame, write_table
from training import report, report_tables
from training.figures import DOCS, REPORT_BLOCKS, update_report
from training.findings import Findings, base_of
from training.report_charts import CHARTS, draw_all
from training.report_sentences import pairs_sentence, summary

#: What is no figure: names, years, numbers of sections and of articles of law, fields, code.
NO_FIGURES = (
    r"FER-2013|MobileNetV2|ResNet50|InceptionV3|\bF1\b",
    r"\(?\b(19|20)\d\d\b\)?",
    r"Art\. \d+\(\d\)",
    r"[Ss]ections? \d(\.\d)?",
    r"^#+ [\d.]+",
    r"^\d\. ",
    r"\$\{\w+\}",
    r"`[^`]*`",
    r"of 95 %",  # what intervals are of, by convention
)
BLOCKS = dict.fromkeys(REPORT_BLOCKS, "table")


@pytest.fixture(scope="module")
def found() -> Findings:
    return Findings.read(make_report(TABLE, "all"))


TWO = ("cnn", "fusion")


@pytest.fixture(scope="module")
def more(found: Findings, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """CNN and fusion with two further pairs of models, one of them without weights in the package."""
    found = replace(found, table=only_two(found.table), london=only_two(found.london))
    names = {"resnet50": "ResNet50", "resnet50_fusion": "ResNet50 fusion", "other": "other"}
    few = found.table.frame.groupby(["split", "label"]).head(60).index
    table = widened(found.table.select(np.isin(np.arange(len(found.table)), few)), names)
    path = tmp_path_factory.mktemp("report") / "predictions.csv.gz"
    write_table(table, path)
    entries = {name: found.entries[name] for name in TWO}
    costs = {name: found.costs[name] for name in TWO}
    for name, title in names.items():
        if name != "other":
            entries[name] = Entry(name, title, table.labels, 5, 0.9)
            slow = Interval(np.nan, np.nan, np.nan)
            costs[name] = replace(costs["cnn"], title=title, base=base_of(name), latency_ms=slow)
    return replace(
        found,
        report=make_report(path, "all"),
        table=read_table(path),
        london=widened(found.london, names),
        entries=entries,
        costs=costs,
    )


def only_two(table: PredictionTable) -> PredictionTable:
    """The same without the other models that come with the package."""
    others = [f"{name}_{label}" for name in table.models if name not in TWO for label in table.labels]
    return table_from_frame(table.frame.drop(columns=others), table.labels)


def widened(table: PredictionTable, names: dict[str, str]) -> PredictionTable:
    frame = table.frame.copy()
    for place, name in enumerate(names):
        turned_NK = np.roll(table.probabilities("cnn"), place % 2, axis=0)
        frame[[f"{name}_{label}" for label in table.labels]] = turned_NK
    return table_from_frame(frame, table.labels)


def test_the_committed_report_and_its_charts_are_up_to_date() -> None:
    assert update_report(DOCS, TABLE, write=False) == []


def test_a_chart_that_the_report_has_no_more_is_removed(tmp_path: Path) -> None:
    assert len(update_report(tmp_path, TABLE, write=True)) == 1 + len(CHARTS)
    left = tmp_path / report.CHARTS.format("old")
    left.write_text("<svg/>")
    assert update_report(tmp_path, TABLE, write=False) == [left] and left.exists()
    assert update_report(tmp_path, TABLE, write=True) == [left] and not left.exists()
    assert update_report(tmp_path, TABLE, write=False) == []


def test_no_figure_is_typed_into_the_text() -> None:
    text = report.TEXT.read_text(encoding="utf-8").partition("## References")[0]
    for pattern in NO_FIGURES:
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    assert re.findall(r".*\d.*", text) == []


def test_every_reference_is_cited_and_every_citation_has_one() -> None:
    text, _, references = report.TEXT.read_text(encoding="utf-8").partition("## References")
    listed = set(re.findall(r"^- (\w+)[ ,].*?\((\d{4})\)", references, re.MULTILINE | re.DOTALL))
    text = " ".join(text.split())
    for name, year in listed - {("European", "2024")}:
        assert re.search(rf"{name}( et al\.| & \w+)? \(?{year}", text), name
    cited = set(re.findall(r"(\w+)(?: et al\.| & \w+) \(?(\d{4})", text))
    cited |= set(re.findall(r"(\w+) \((\d{4})\)", text))
    assert cited <= listed


def test_every_field_and_chart_is_used_and_an_unknown_one_is_refused(found: Findings, tmp_path: Path) -> None:
    text = report.TEXT.read_text(encoding="utf-8")
    for name in (*report.FIELDS, *REPORT_BLOCKS, *(f"chart_{name}" for name in CHARTS)):
        assert f"${{{name}}}" in text, name
    wrong = tmp_path / "text.md"
    wrong.write_text("${nonsense}")
    with pytest.raises(KeyError, match="nonsense"):
        report.made(found, BLOCKS, wrong)


def test_whatever_models_there_are_stand_in_tables_and_charts(more: Findings) -> None:
    assert more.models == ("cnn", "fusion", "resnet50", "resnet50_fusion", "other")
    text = report.made(more, BLOCKS)[report.NAME].decode()
    assert "$" not in text
    assert "Five models are compared: CNN, Fusion, ResNet50, ResNet50 fusion and other." in text
    for tell in (report_tables.comparison_table, report_tables.sets_table):
        assert [line.split(" | ")[0][2:] for line in tell(more).splitlines()[2:]] == [
            "CNN",
            "Fusion",
            "ResNet50",
            "ResNet50 fusion",
            "other",
        ]
    assert "Not timed yet: ResNet50, ResNet50 fusion and other." in text
    titles = [pair.title for pair in more.pairs]
    assert titles == ["Fusion − CNN", "ResNet50 fusion − ResNet50", "ResNet50 − CNN", "other − CNN"]
    for chart in draw_all(more).values():
        assert b"<title>" in chart.svg or b"<dc:title>" in chart.svg
    for name in ("accuracy", "confusion", "calibration", "risk"):
        assert "ResNet50 fusion" in draw_all(more)[name].alt


def test_the_pairs_are_those_of_the_evaluation_and_corrected_together(more: Findings) -> None:
    pairs = {pair.title: pair for pair in more.pairs}
    told = more.report["splits"]["PrivateTest"]["comparison"]
    assert pairs["Fusion − CNN"].all.mcnemar_p == pytest.approx(told["mcnemar_p"], rel=1e-5)
    # "resnet50" has the CNN's answers, "resnet50_fusion" those of the next row: chance against the CNN.
    assert pairs["ResNet50 − CNN"].all.only_first == pairs["ResNet50 − CNN"].all.only_second == 0
    worst = pairs["ResNet50 fusion − ResNet50"]
    assert worst.corrected_p == pytest.approx(4 * worst.all.mcnemar_p)
    assert "beyond chance after correction: 1" in pairs_sentence(more)


def test_words_follow_the_figures(found: Findings) -> None:
    part = found.pairs[0].all.difference
    said = "can well be chance" if part.low <= 0 <= part.high else "is beyond what chance would do"
    assert said in summary(found)
    sure = replace(found.pairs[0], all=replace(found.pairs[0].all, difference=Interval(0.02, 0.01, 0.03)))
    changed = replace(found)
    changed.__dict__["pairs"] = (sure,)
    assert "+2.0 (+1.0 to +3.0) points is beyond what chance would do" in summary(changed)


@pytest.mark.parametrize(
    ("tell", "value", "words"),
    [
        (report_tables.p_value, 0.0004, "< .001"),
        (report_tables.p_value, 0.14, ".140"),
        (report_tables.p_value, 1.0, "1.000"),
        (report_tables.p_value, float("nan"), "–"),
        (report_tables.interval, Interval(0.0056, -0.0014, 0.0125), "+0.6 (−0.1 to +1.2)"),
        (report_tables.interval, Interval(float("nan"), 0, 0), "–"),
    ],
)
def test_numbers_in_words(tell: Callable[[object], str], value: object, words: str) -> None:
    assert tell(value) == words


def test_charts_are_the_same_bytes_every_time(found: Findings) -> None:
    assert draw_all(found) == draw_all(found)

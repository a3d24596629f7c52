"""Write the figures into README.md and docs/: ``python -m training.figures [--check]``.

Whatever stands between ``<!-- figures:NAME -->`` and ``<!-- /figures -->`` is computed from the committed
prediction tables, cards and result files, never typed. The project report, ``docs/report.md``, and its charts
are written whole (`training.report`). ``--check`` writes nothing and fails where a file is not up to date.
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from fusion_model.checkpoint import ASSETS, Card, load_card, load_checkpoint
from fusion_model.errors import ExpressionLensError
from fusion_model.evaluation_report import TABLE, make_report
from fusion_model.prediction_table import read_table
from training import (
    detector_report,
    explain_report,
    landmark_report,
    reliability,
    speed_blocks,
    trust_report,
)
from training import report as project_report
from training.findings import Findings
from training.group_blocks import estimated_gaps, estimated_groups
from training.page_blocks import page_times
from training.published import training_commands
from training.score_blocks import (
    called,
    conformal,
    ferplus,
    labelled,
    latency,
    london,
    london_groups,
    own_contempt,
    own_smiling,
    percent,
    photographs,
    rough,
    surroundings,
)

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FILES = (
    ROOT / "README.md",
    *(
        DOCS / name
        for name in (
            "model-card.md",
            "landmarks.md",
            "own-data.md",
            "explanations.md",
            "detector.md",
            "speed.md",
            "speed.md",
        )
    ),
)
OTHER_ROOMS = (
    "fusion_model/assets/     weights with cards, prediction tables, drawings and mean faces, the example",
    "tests/                   one folder a room; tests/browser drives a real Chromium",
    "docs/                    report, model card, decisions, experiments, study of landmarks, result files",
    "tools/                   what pip cannot bring (Python, system libraries, a browser), audit of packages",
    ".ci/run                  what a change must pass",
)
_BLOCK = re.compile(r"(<!-- figures:(?P<name>[a-z-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.figures", description="Write the figures into the texts."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where a file is out of date"
    )
    options = parser.parse_args(arguments)
    try:
        stale = update(FILES, TABLE, write=not options.check)
        stale += update_report(DOCS, TABLE, write=not options.check)
        told = {DOCS / reliability.NAME: reliability.made(DOCS / "results").encode()}
        stale += _replace(told, write=not options.check)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    for path in stale:
        print(f"{path.name}: {'out of date, run python -m training.figures' if options.check else 'written'}")
    return int(bool(stale) and options.check)


def update(files: tuple[Path, ...], table: Path, *, write: bool) -> list[Path]:
    """Bring the marked blocks of these files up to date; returns the files that were not.

    Raises
    ------
    TableError, CheckpointError
        Where a table or a card cannot be read.
    KeyError
        For a block of unknown name.
    """
    report = _report_of(table)
    fresh = {}
    for path in files:
        text = path.read_text(encoding="utf-8")
        told = _BLOCK.sub(lambda found: found[1] + BLOCKS[found["name"]](report) + found[3], text)
        fresh[path] = told.encode()
    return _replace(fresh, write)


def update_report(folder: Path, table: Path, *, write: bool) -> list[Path]:
    """Bring the project report and its charts up to date, likewise; charts that it has no more are removed.

    Parameters
    ----------
    folder : where it stands, ``docs/``
    table : the prediction table
    write : whether to, or only to tell
    """
    report = _report_of(table)
    blocks = {field: BLOCKS[name](report) for field, name in REPORT_BLOCKS.items()}
    files = project_report.made(Findings.read(report, table), blocks)
    stale = _replace({folder / name: content for name, content in files.items()}, write)
    for path in sorted(folder.glob(project_report.CHARTS.format("*"))):
        if str(path.relative_to(folder)) not in files:
            stale.append(path)
            if write:
                path.unlink()
    return stale


@cache
def _report_of(table: Path) -> dict[str, Any]:
    return make_report(table, "all")


def _replace(fresh: dict[Path, bytes], write: bool) -> list[Path]:
    """Write what is not as it should be, aside and then renamed; the paths of it."""
    stale = [path for path, content in fresh.items() if not path.exists() or path.read_bytes() != content]
    for path in stale if write else ():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".aside")
        aside.write_bytes(fresh[path])
        aside.replace(path)
    return stale


def results(report: dict[str, Any]) -> str:
    """One row a model and split, and the comparison in a sentence."""
    rows = [
        "| model | split | n | accuracy | without copies | without flip TTA | macro-F1 | balanced | ECE |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for split in ("PrivateTest", "PublicTest"):
        for model, figures in report["splits"][split]["models"].items():
            cells = [
                called(model),
                split,
                f"{figures['n']:,}",
                percent(figures["accuracy"]),
                f"{percent(figures['without_copies']['accuracy'])} of {figures['without_copies']['n']:,}",
                percent(figures["no_tta"]["accuracy"]),
                percent(figures["macro_f1"]),
                percent(figures["balanced_accuracy"]),
                f"{100 * figures['ece']:.1f}",
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n\n" + comparison(report)


def comparison(report: dict[str, Any]) -> str:
    """Fusion against the CNN on PrivateTest, in two sentences."""
    found = report["splits"]["PrivateTest"]["comparison"]
    kept = found["without_copies"]
    return (
        f"Fusion minus CNN on the same {found['n']:,} PrivateTest pictures: "
        f"{_points(found['difference'])}, exact McNemar p = {found['mcnemar_p']:.2g}; "
        f"fusion alone is right on {found['only_second']}, the CNN alone on {found['only_first']}. "
        f"Without copies of training pictures: {_points(kept['difference'])}, p = {kept['mcnemar_p']:.2g}.\n"
    )


def per_class(report: dict[str, Any]) -> str:
    """Precision, recall and F1 of every expression on PrivateTest, for both models."""
    models = report["splits"]["PrivateTest"]["models"]
    shown = [name for name in ("cnn", "fusion") if name in models]
    titles = [f"{figure} {name}" for figure in ("precision", "recall", "F1") for name in shown]
    rows = [f"| expression | n | {' | '.join(titles)} |", "| --- | ---: |" + " ---: |" * len(titles)]
    for label in report["labels"]:
        cells = [
            percent(models[name]["per_class"][label][figure])
            for figure in ("precision", "recall", "f1")
            for name in shown
        ]
        rows.append(f"| {label} | {models[shown[0]]['per_class'][label]['support']} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def models(report: dict[str, Any]) -> str:
    """Size and training of every committed model, from its card."""
    rows = [
        "| model | parameters | file | epochs (of what it began from) | seed | minutes (likewise) | machine "
        "| extra supervision | temperature |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: |",
    ]
    known = next(iter(report["splits"].values()))["models"]
    for path in sorted(ASSETS.glob("*.safetensors")):
        if path.stem in known:
            rows.append(_model_row(path, load_card(path)))
    return "\n".join(rows) + "\n"


def coverage(report: dict[str, Any]) -> str:
    """Share of test pictures with a mesh, and copies of training pictures, by expression."""
    frame = read_table(ASSETS / report["table"]).frame
    rows = [
        "| expression | test pictures | with a mesh | copies of training pictures |",
        "| --- | ---: | ---: | ---: |",
    ]
    for label in (*report["labels"], "all"):
        chosen = frame if label == "all" else frame[frame["label"] == label]
        copies = int(chosen["copy_in_training"].sum())
        rows.append(f"| {label} | {len(chosen):,} | {100 * chosen['mesh_found'].mean():.1f} % | {copies} |")
    return "\n".join(rows) + "\n"


def tree(_: dict[str, Any]) -> str:
    """The packages, one line a module: the first line of its docstring."""
    lines = []
    for room in ("fusion_model", "training", "dashboard"):
        lines.append(f"{room}/")
        for path in sorted((ROOT / room).rglob("*.py")):
            told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            name = str(path.relative_to(ROOT / room))
            if path.name != "__init__.py":
                lines.append(f"  {name:<22} {told.splitlines()[0].rstrip('.')}")
    return "```\n" + "\n".join([*lines, *OTHER_ROOMS]) + "\n```\n"


BLOCKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "results": results,
    "per-class": per_class,
    "conformal": conformal,
    "ferplus": ferplus,
    "models": models,
    "coverage": coverage,
    "london": london,
    "london-groups": london_groups,
    "surroundings": surroundings,
    "rough": rough,
    "photographs": photographs,
    "labelled": labelled,
    "latency": latency,
    "estimated-groups": estimated_groups,
    "estimated-gaps": estimated_gaps,
    "own-contempt": own_contempt,
    "own-smiling": own_smiling,
    "page-times": page_times,
    "training-commands": lambda _: training_commands(),
    "tree": tree,
    **landmark_report.BLOCKS,
    **explain_report.BLOCKS,
    **detector_report.BLOCKS,
    **speed_blocks.BLOCKS,
    **trust_report.BLOCKS,
}
#: Blocks that the project report shares with the other texts, by its own names.
REPORT_BLOCKS = {
    "results_table": "results",
    "training_table": "models",
    "ferplus_table": "ferplus",
    "london_table": "london",
    "surroundings_table": "surroundings",
    "rough_table": "rough",
    "photographs_table": "photographs",
    "landmarks_summary": "landmarks-summary",
}


def _model_row(path: Path, card: Card) -> str:
    network, _ = load_checkpoint(path)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    cells = [
        called(card.name),
        f"{parameters / 1e6:.2f} M",
        f"{path.stat().st_size / 1e6:.1f} MB" + (f" on {Path(card.base.file).stem}" if card.base else ""),
        ", ".join([str(card.training["recipe"]["epochs"]), *_before(card.training, "epochs")]),
        str(card.training["seed"]),
        ", ".join([f"{card.training['minutes']:.0f}", *_before(card.training, "minutes")]),
        card.training["machine"],
        card.data.get("extra_supervision") or "none",
        f"{card.temperature:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _before(training: dict[str, Any], figure: str) -> list[str]:
    """``24 (cnn)`` for every run that this one was begun from, the earliest last."""
    found = []
    for source, run in training.get("begun_from", {}).items():
        found += [f"{run[figure]:.0f} ({source})", *_before(run, figure)]
    return found


def _points(interval: dict[str, float]) -> str:
    value, low, high = (100 * interval[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


if __name__ == "__main__":
    sys.exit(main())

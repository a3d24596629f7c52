"""Blocks of figures for the texts: prediction sets, and accuracy where the taggers of FER+ agree."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from fusion_model.benchmark import TOGETHER
from fusion_model.catalogue import ASSETS, catalogue
from fusion_model.conformal import CALIBRATION_SPLIT, SCORES, compare_scores
from fusion_model.costs import LATENCY
from fusion_model.labels import EXPRESSIONS
from fusion_model.prediction_table import of_split, read_table
from training.photographs import LABELS, USES

MODEL_NAMES = {"cnn": "CNN, pixels", "fusion": "Fusion, pixels + landmarks"}
RESULTS = Path(__file__).parents[1] / "docs" / "results"
LONDON = "london_predictions.csv.gz"
SURROUNDINGS = "surroundings.csv"
ROUGH = "rough.csv"
PHOTOGRAPHS = "photographs.csv"
ROUGH_NAMES = {
    "none": "as they are",
    "noise": "noise of {:g} grey levels",
    "blur": "blurred by {:g} px",
    "sharpening": "edges added {:g} times more",
    "JPEG": "JPEG of quality {:g}",
}
SMALLEST_GROUP = 10  # of a table by group
MEASURED_SPLIT = "PrivateTest"
LEVEL = "0.9"  # of the figures by expression
REPEATS = 5  # halvings of PublicTest to compare scores by


def conformal(report: dict[str, Any]) -> str:
    """Prediction sets on PrivateTest by model and level, at 90 % by expression; the trial of their score."""
    models = report["splits"][MEASURED_SPLIT]["models"]
    known = {name: figures for name, figures in models.items() if LEVEL in (figures["conformal"] or {})}
    if not known:
        return f"The prediction table has too few rows of {CALIBRATION_SPLIT} to calibrate sets on.\n"
    rows = [
        "| model | sets | coverage | without copies | mean size | of one | of two | of three | of more |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, figures in known.items():
        kept = figures["without_copies"]["conformal"]
        for level, entry in figures["conformal"].items():
            one, two, three, *more = (100 * share for share in entry["size_shares"])
            cells = [
                called(name),
                f"{100 * float(level):g} %",
                percent(entry["coverage"]),
                percent(kept[level]["coverage"]),
                f"{entry['mean_size']:.2f}",
                *(f"{share:.1f} %" for share in (one, two, three, sum(more))),
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, "", *_by_class(report["labels"], known), "", _scores(report["table"])]) + "\n"


def ferplus(report: dict[str, Any]) -> str:
    """Accuracy on PrivateTest where FER+ has a majority, against the official label and the majority's."""
    rows = [
        "| model | pictures | n | against the official label | against the majority's | both labels agree |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, figures in report["splits"][MEASURED_SPLIT]["models"].items():
        variants = {"all": figures, "without copies": figures["without_copies"] or {}}
        for pictures, entry in variants.items():
            found = entry.get("ferplus")
            if found:
                cells = [percent(found[key]) for key in ("official", "majority", "labels_agree")]
                cells = [called(name), pictures, f"{found['n']:,}", *cells]
                rows.append(f"| {' | '.join(cells)} |")
    if len(rows) == 2:
        return "The prediction table has no FER+ columns yet, so there are no such figures.\n"
    return "\n".join(rows) + "\n"


def called(model: str) -> str:
    """What the texts call a model: by its parts, or the title on its card."""
    known = catalogue()
    return MODEL_NAMES.get(model) or (known[model].title if model in known else model)


def percent(interval: dict[str, float]) -> str:
    """A share with its interval, in percent."""
    return f"{100 * interval['value']:.1f} ({100 * interval['low']:.1f}–{100 * interval['high']:.1f})"


def _by_class(labels: list[str], models: dict[str, Any]) -> list[str]:
    titles = [f"{figure} {name}" for figure in ("coverage", "mean size") for name in models]
    rows = [f"| expression | n | {' | '.join(titles)} |", "| --- | ---: |" + " ---: |" * len(titles)]
    for label in labels:
        found = [figures["conformal"][LEVEL]["per_class"][label] for figures in models.values()]
        cells = [percent(entry["coverage"]) for entry in found]
        cells += [f"{entry['mean_size']:.2f}" for entry in found]
        rows.append(f"| {label} | {found[0]['support']} | {' | '.join(cells)} |")
    return rows


def _scores(table_name: str) -> str:
    """The trial of scores on PublicTest in a sentence a model."""
    table = of_split(read_table(ASSETS / table_name), CALIBRATION_SPLIT)
    sentences = [f"{100 * float(LEVEL):g} % sets on {CALIBRATION_SPLIT}, each half calibrated on the other:"]
    for model in table.models:
        probabilities_NK, labels_N = table.probabilities(model), table.truth()
        trials = compare_scores(probabilities_NK, labels_N, float(LEVEL), repeats=REPEATS)
        told = [
            f"{score.upper()} {size:.2f} labels ({100 * coverage:.1f} % coverage)"
            for score, (coverage, size) in ((score, trials[score]) for score in SCORES)
        ]
        sentences.append(f"{called(model)}: {', '.join(told)}.")
    return " ".join(sentences)


def london(_: dict[str, Any]) -> str:
    """Photographs of another source, by model and by what they show, with Wilson's 95 % intervals."""
    table = read_table(ASSETS / LONDON)
    shown = ("neutral", "happy")
    rows = [
        "| model | right, of seven expressions | neutral | smiling | with a face found |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for model in table.models:
        right_N = table.predicted(model) == table.truth()
        label_N = table.frame["label"].to_numpy()
        parts = [right_N, *(right_N[label_N == label] for label in shown)]
        cells = [called(model), *map(_share, parts)]
        rows.append(f"| {' | '.join(cells)} | {table.frame['face_found'].sum()} of {len(table)} |")
    return "\n".join(rows) + "\n"


def london_groups(_: dict[str, Any]) -> str:
    """Smiles of the London set taken for smiles, by what the persons reported; groups from 10 on."""
    table = read_table(ASSETS / LONDON)
    frame = table.frame[table.frame["label"] == "happy"]
    rows = [
        f"| smiling, by | {' | '.join(map(called, table.models))} |",
        f"| --- |{' ---: |' * len(table.models)}",
    ]
    for column in ("gender", "age_band", "ethnicity"):
        for group, inside in frame.groupby(column):
            if len(inside) >= SMALLEST_GROUP:
                chosen = inside.index.to_numpy()
                cells = [_share((table.predicted(m) == table.truth())[chosen]) for m in table.models]
                rows.append(f"| {column.replace('_', ' ')} {group} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _share(right_N: np.ndarray) -> str:
    """``59 of 102, 57.8 % (48.1–67.0)``."""
    return _of(int(right_N.sum()), len(right_N))


def _of(right: int, n: int) -> str:
    """``59 of 102, 57.8 % (48.1–67.0)``."""
    return f"{right} of {n}, {_wilson(right, n)}" if n else "–"


def _wilson(right: int, n: int) -> str:
    """``57.8 % (48.1–67.0)``."""
    low, high = proportion_confint(right, n, method="wilson")
    return f"{100 * right / n:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def surroundings(_: dict[str, Any]) -> str:
    """Accuracy on faces in other surroundings, by the result file of `training.surroundings`."""
    counts = pd.read_csv(RESULTS / SURROUNDINGS)
    shown = list(counts["surroundings"].unique())
    rows = [
        f"| model | split | {' | '.join(f'in {name} surroundings' for name in shown)} |",
        f"| --- | --- |{' ---: |' * len(shown)}",
    ]
    for (model, split), found in counts.groupby(["model", "split"], sort=False):
        cells = [_wilson(row.right, row.n) for row in found.itertuples()]
        rows.append(f"| {called(model)} | {split} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def rough(_: dict[str, Any]) -> str:
    """Accuracy on rough pictures, by the result file of `training.rough`."""
    counts = pd.read_csv(RESULTS / ROUGH)
    arms = list(dict.fromkeys(zip(counts["model"], counts["split"], strict=True)))
    rows = [
        f"| pictures | {' | '.join(f'{called(model)}, {split}' for model, split in arms)} |",
        f"| --- |{' ---: |' * len(arms)}",
    ]
    for (change, strength), found in counts.groupby(["change", "strength"], sort=False):
        by_arm = found.set_index(["model", "split"])
        cells = [_wilson(*by_arm.loc[arm, ["right", "n"]].astype(int)) for arm in arms]
        rows.append(f"| {ROUGH_NAMES[change].format(strength)} | {' | '.join(cells)} |")
    return "\n".join([*rows, "", f"{counts['n'].max():,} pictures of each split."]) + "\n"


def photographs(_: dict[str, Any]) -> str:
    """Right answers on labelled photographs, by the result file of `training.photographs`."""
    counts = pd.read_csv(RESULTS / PHOTOGRAPHS)
    expressions = list(counts["expression"].unique())
    rows = [
        f"| model | faces | all | {' | '.join(expressions)} |",
        f"| --- | --- |{' ---: |' * (1 + len(expressions))}",
    ]
    for (model, drawn), found in counts.groupby(["model", "drawn"], sort=False):
        by_expression = found.set_index("expression")[["right", "n"]].astype(int)
        cells = [_of(*by_expression.sum()), *(_of(*by_expression.loc[name]) for name in expressions)]
        rows.append(f"| {called(model)} | {drawn} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def labelled(_: dict[str, Any]) -> str:
    """How many photographs are labelled, to learn from and to choose by, with each expression."""
    faces = pd.read_csv(LABELS)
    counts = pd.crosstab(faces["expression"], faces["use"]).loc[list(EXPRESSIONS), list(USES)]
    rows = ["| expression | faces to learn from | faces to choose by |", "| --- | ---: | ---: |"]
    for name, (learned, chosen) in [*counts.iterrows(), ("all", counts.sum())]:
        rows.append(f"| {name} | {learned:,} | {chosen:,} |")
    return "\n".join(rows) + "\n"


def latency(_: dict[str, Any]) -> str:
    """From a face's crop to probabilities, by the result files of `fusion_model.benchmark`."""
    rows = [
        "| crop to probabilities, with the mirrored face | precision | ms of CPU time, median (5th–95th) |",
        "| --- | --- | ---: |",
    ]
    machine = ""
    for path in (LATENCY, *sorted(RESULTS.glob("latency*.json"))):
        found = json.loads(path.read_text(encoding="utf-8"))
        models = found["settings"]["models"]
        for name in (TOGETHER, *(f"{model} alone" for model in models)):
            time = found["timings"][name]["cpu_ms"]
            figure = f"{time['median']:.1f} ({time['p5']:.1f}–{time['p95']:.1f})"
            told = f"{', '.join(models)} together" if name == TOGETHER else name
            rows.append(f"| {told} | {found['settings']['precision']} | {figure} |")
        versions = found["machine"]["versions"]
        threads = found["settings"]["threads"]
        machine = f"{found['machine']['cpu']}, threads: {threads}, torch {versions['torch']}"
    return "\n".join([*rows, "", f"{machine}, by `python -m fusion_model.benchmark`."]) + "\n"


def own_contempt(_: dict[str, Any]) -> str:
    """The worked example of an eighth class, from its result file."""
    return _own("contempt")


def own_smiling(_: dict[str, Any]) -> str:
    """The worked example of two classes, from its result file."""
    return _own("smiling")


def _own(example: str) -> str:
    """One row a class, and how the model came about in a sentence."""
    found = json.loads((RESULTS / f"own_{example}.json").read_text(encoding="utf-8"))
    figures, training = found["figures"], found["training"]
    rows = [
        "| class | trained on | test | precision | recall | F1 |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label in found["labels"]:
        entry = figures["per_class"][label]
        cells = [percent(entry[key]) for key in ("precision", "recall", "f1")]
        rows.append(f"| {label} | {training['by_class'][label]} | {entry['support']} | {' | '.join(cells)} |")
    origin = ", ".join(training["begun_from"])
    return "\n".join(rows) + (
        f"\n\nAccuracy on {figures['n']} test pictures: {percent(figures['accuracy'])} %, macro-F1 "
        f"{percent(figures['macro_f1'])} % (95 % intervals). `{training['name']}` from our {origin}, "
        f"{training['epochs']} epochs of batches of {training['batch']}, seed {training['seed']}: "
        f"{training['minutes']} minutes of training on {training['machine']}.\n"
    )

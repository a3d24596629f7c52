"""A report of `fusion_model.evaluation_report.make_report` for reading: percentages with 95 % intervals."""

from typing import Any

from fusion_model.conformal import CALIBRATION_SPLIT

_OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "macro_f1": "macro-F1",
    "weighted_f1": "weighted F1",
}
_CLASS_LEVEL = "0.9"
_LARGEST_TOLD = 3  # sets of more labels than these are counted together


def as_text(report: dict[str, Any]) -> str:
    """The report as lines of 110 characters at most."""
    lines = [f"{report['table']}: percent, with 95 % bootstrap intervals"]
    for split, part in report["splits"].items():
        lines += ["", split, f"{'':20}{'n':>7}" + "".join(f"{name:>19}" for name in _OVERALL.values())]
        lines[-1] += f"{'ECE':>7}"
        for model, figures in part["models"].items():
            lines += _overall_lines(model, figures)
        for model, figures in part["models"].items():
            lines += ["", *_class_lines(model, figures)]
        lines += _conformal_lines(part["models"], split) + _ferplus_lines(part["models"])
        for comparison in part["comparisons"]:
            lines += ["", *_comparison_lines(comparison, "")]
            if comparison["without_copies"]:
                lines += _comparison_lines(comparison["without_copies"], ", without copies")
    return "\n".join(lines)


def _overall_lines(model: str, figures: dict[str, Any]) -> list[str]:
    no_tta = figures["no_tta"] or {}
    variants = {
        model: figures,
        "  without copies": figures["without_copies"],
        "  without TTA": no_tta,
        "  without either": no_tta.get("without_copies"),
    }
    return [
        f"{name:<20}{entry['n']:>7,}"
        + "".join(f"{_percent(entry[key]):>19}" for key in _OVERALL)
        + f"{100 * entry['ece']:>7.1f}"
        for name, entry in variants.items()
        if entry
    ]


def _class_lines(model: str, figures: dict[str, Any]) -> list[str]:
    """Precision, recall, F1 and, where there are prediction sets, how those of 90 % did."""
    columns = ("precision", "recall", "f1")
    sets = (figures["conformal"] or {}).get(_CLASS_LEVEL)
    lines = [f"{model:<20}{'support':>7}" + "".join(f"{column:>19}" for column in columns)]
    lines[0] += f"{'in its 90 % set':>19}{'size':>7}" if sets else ""
    for label, entry in figures["per_class"].items():
        line = f"  {label:<18}{entry['support']:>7,}"
        line += "".join(f"{_percent(entry[column]):>19}" for column in columns)
        if sets:
            of_class = sets["per_class"][label]
            size = of_class["mean_size"]
            line += f"{_percent(of_class['coverage']):>19}" + (
                f"{'-':>7}" if size is None else f"{size:7.2f}"
            )
        lines.append(line)
    return lines


def _conformal_lines(models: dict[str, Any], split: str) -> list[str]:
    """One line a model and level: how often the prediction sets hold the label, and how large they are."""
    lines = []
    for name, figures in _with_variants(models):
        for level, entry in (figures["conformal"] or {}).items():
            shares = [100 * share for share in entry["size_shares"]]
            shares = [*shares[:_LARGEST_TOLD], sum(shares[_LARGEST_TOLD:])]
            lines.append(
                f"{name:<20}{f'{100 * float(level):g} %':>7}{_percent(entry['coverage']):>19}"
                f"{entry['mean_size']:>11.2f}" + "".join(f"{share:8.1f}" for share in shares)
            )
    how = f"on {CALIBRATION_SPLIT}" + (", each half on the other" if split == CALIBRATION_SPLIT else "")
    header = f"{'prediction sets':<20}{'level':>7}{'coverage':>19}{'mean size':>11}"
    header += "".join(f"{f'of {size}':>8}" for size in range(1, _LARGEST_TOLD + 1)) + f"{'more':>8}"
    return ["", header, *lines, f"  Calibrated {how}."] if lines else []


def _ferplus_lines(models: dict[str, Any]) -> list[str]:
    """One line a model: accuracy where FER+ has a majority, by the official label and by the majority's."""
    columns = {"official": "official label", "majority": "majority's label", "labels_agree": "labels agree"}
    lines = [
        f"{name:<20}{figures['ferplus']['n']:>7,}"
        + "".join(f"{_percent(figures['ferplus'][column]):>19}" for column in columns)
        for name, figures in _with_variants(models)
        if figures["ferplus"]
    ]
    header = f"{'FER+ majority':<20}{'n':>7}" + "".join(f"{title:>19}" for title in columns.values())
    return ["", header, *lines] if lines else []


def _with_variants(models: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every model, then the same without copies, by what to call it."""
    found = []
    for model, figures in models.items():
        found.append((model, figures))
        if figures["without_copies"]:
            found.append(("  without copies", figures["without_copies"]))
    return found


def _comparison_lines(comparison: dict[str, Any], where: str) -> list[str]:
    first, second, difference = comparison["first"], comparison["second"], comparison["difference"]
    value, low, high = (100 * difference[key] for key in ("value", "low", "high"))
    return [
        f"{second} minus {first}{where}: {value:+.1f} points of accuracy ({low:+.1f} to {high:+.1f}), "
        f"exact McNemar p = {comparison['mcnemar_p']:.2g}",
        f"  both right {comparison['both_right']:,}, only {first} {comparison['only_first']:,}, "
        f"only {second} {comparison['only_second']:,}, both wrong {comparison['both_wrong']:,}; "
        f"same answer on {100 * comparison['agreement']:.1f} %",
    ]


def _percent(interval: dict[str, float | None]) -> str:
    value, low, high = interval["value"], interval["low"], interval["high"]
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:.1f} ({100 * low:.1f}-{100 * high:.1f})"

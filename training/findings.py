"""What the project report is written from: the committed tables, cards and result files, read once.

No network is loaded and nothing is trained: whoever has the repository can write the report again.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fusion_model.catalogue import ASSETS, Entry, catalogue, default_models, leading
from fusion_model.costs import LATENCY, ModelCost, measured_on, model_costs
from fusion_model.evaluation import PairedComparison, compare_models
from fusion_model.evaluation_report import TABLE
from fusion_model.group_figures import holm
from fusion_model.prediction_table import PredictionTable, of_split, read_table
from training.census import RESULT as CENSUS
from training.score_blocks import LONDON

#: The split that settings are chosen on, and the one that is reported.
CHOSEN_ON, REPORTED = "PublicTest", "PrivateTest"


@dataclass(frozen=True)
class Pair:
    """Two models on the same pictures of the reported split.

    Attributes
    ----------
    title : what sets them apart.
    all, kept : on all pictures, and on those that are no copies of training pictures.
    corrected_p : of McNemar's test on all, corrected for being one of several (Holm 1979).
    """

    title: str
    all: PairedComparison
    kept: PairedComparison
    corrected_p: float


@dataclass(frozen=True, eq=False)
class Findings:
    """What is known of the models of a prediction table.

    Attributes
    ----------
    report : of `fusion_model.evaluation_report.make_report`, all splits.
    table, london : the prediction tables, of all rows.
    entries, costs : by model; those without weights in the package have none.
    census : of `training.census`.
    timed_on : processor, threads and precision of the times.
    """

    report: dict[str, Any]
    table: PredictionTable
    london: PredictionTable
    entries: dict[str, Entry]
    costs: dict[str, ModelCost]
    census: dict[str, Any]
    timed_on: str

    @classmethod
    def read(
        cls,
        report: dict[str, Any],
        table: Path = TABLE,
        assets: Path = ASSETS,
        latency: Path = LATENCY,
        census: Path = CENSUS,
    ) -> "Findings":
        """Read the files that belong to a report of all splits.

        Raises
        ------
        TableError, CostError
            For a table, a card or weights that cannot be read.
        """
        return cls(
            report,
            read_table(table),
            read_table(assets / LONDON),
            catalogue(assets),
            model_costs(assets, latency),
            json.loads(census.read_text(encoding="utf-8")),
            measured_on(latency),
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        return self.table.labels

    @property
    def models(self) -> tuple[str, ...]:
        """Those of the table: in the order of their cards, then those that have none."""
        known = tuple(name for name in self.entries if name in self.table.models)
        return known + tuple(name for name in self.table.models if name not in known)

    @property
    def usual(self) -> tuple[str, ...]:
        """The models that are asked where nothing else is said."""
        return default_models(self.models)

    @property
    def lead(self) -> str:
        """The best model on the split that choices are made on."""
        return leading(self.models, self.entries)

    @cached_property
    def reported(self) -> PredictionTable:
        """Rows of the reported split."""
        return of_split(self.table, REPORTED)

    def title(self, model: str) -> str:
        """What people call a model."""
        return self.entries[model].title if model in self.entries else model

    def figures(self, model: str, split: str = REPORTED) -> dict[str, Any]:
        """Its part of the report."""
        found: dict[str, Any] = self.report["splits"][split]["models"][model]
        return found

    def with_landmarks(self) -> list[tuple[str, str]]:
        """Every CNN with the fusion model that stands on it."""
        return [(base, name) for name in self.models if (base := base_of(name)) in self.models]

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """What landmarks add to every CNN, then every CNN against the first one."""
        cnns = [name for name in self.models if not base_of(name)]
        chosen = self.with_landmarks() + [(cnns[0], other) for other in cnns[1:]]
        kept_N = (self.reported.frame["copy_in_training"] == 0).to_numpy(bool)
        kept = self.reported.select(kept_N)
        found = [compare_models(self.reported, *names) for names in chosen]
        corrected = holm_of([item.mcnemar_p for item in found])
        return tuple(
            Pair(f"{self.title(second)} − {self.title(first)}", item, compare_models(kept, first, second), p)
            for (first, second), item, p in zip(chosen, found, corrected, strict=True)
        )


def base_of(model: str) -> str:
    """Name of the CNN that a fusion model stands on, by its own name; empty for a CNN."""
    if model == "fusion":
        return "cnn"
    return model.removesuffix("_fusion") if model.endswith("_fusion") else ""


def holm_of(p_values: list[float]) -> list[float]:
    """P values corrected for being several (Holm 1979)."""
    return [float(p) for p in holm(np.array(p_values))] if p_values else []

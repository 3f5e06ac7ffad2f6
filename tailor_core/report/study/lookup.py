"""Finds the figures of an arm among the results."""

from __future__ import annotations

from collections.abc import Sequence

from tailor_core.report.results import is_in_distribution
from tailor_core.study.accuracy import Cell as Accuracy
from tailor_core.study.accuracy import Gain
from tailor_core.study.comparison import Comparison, Quantity
from tailor_core.study.curves import Curve
from tailor_core.study.results import StudyResults


class Lookup:
    """The results by backbone, arm and what else they are of; None where there is no such figure."""

    def __init__(self, results: StudyResults) -> None:
        self._cells = {(c.backbone, c.arm, c.model, c.split): c for c in results.cells}
        self._gains = {(g.backbone, g.arm, g.split): g for g in results.gains}
        self._comparisons = {(c.backbone, c.arm, c.split, c.quantity): c for c in results.comparisons}
        self._by_quantity = {(c.backbone, c.arm, c.quantity): c for c in reversed(results.comparisons)}
        self._curves = {(c.backbone, c.arm): c for c in results.curves}
        self.splits: tuple[str, ...] = tuple(dict.fromkeys(cell.split for cell in results.cells))

    @property
    def main_split(self) -> str:
        """The split of the headline: the first in distribution, or else the first; empty where there is none."""
        return first_in_distribution(self.splits)

    @property
    def other_splits(self) -> tuple[str, ...]:
        return tuple(split for split in self.splits if split != self.main_split)

    def accuracy(self, backbone: str, arm: str, model: str, split: str) -> Accuracy | None:
        return self._cells.get((backbone, arm, model, split))

    def start(self, backbone: str, arm: str, split: str) -> Accuracy | None:
        """Of the model that RL began at: the warm start, or the base model where there is none."""
        warm = self.accuracy(backbone, arm, "warm_start", split)
        return warm or self.accuracy(backbone, arm, "base", split)

    def gain(self, backbone: str, arm: str, split: str) -> Gain | None:
        return self._gains.get((backbone, arm, split))

    def curve(self, backbone: str, arm: str) -> Curve | None:
        return self._curves.get((backbone, arm))

    def comparison(self, backbone: str, arm: str, quantity: Quantity, split: str) -> Comparison | None:
        return self._comparisons.get((backbone, arm, split, quantity))

    def along_rl(self, backbone: str, arm: str, quantity: Quantity) -> Comparison | None:
        """The comparison of what has one split only: area and steps are of the validation problems."""
        return self._by_quantity.get((backbone, arm, quantity))


def first_in_distribution(splits: Sequence[str]) -> str:
    """The first split in distribution, or else the first; empty where there is none."""
    return next((split for split in splits if is_in_distribution(split)), splits[0] if splits else "")

"""What all sections of the page are made from: the trials, the figures, and how arms are shown and linked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import polars

from tailor_core.report.study.arms import Arm, Sweep, describe_arms
from tailor_core.report.study.tables import Cell, words
from tailor_core.report.text import label
from tailor_core.study.evidence import Evidence
from tailor_core.study.results import StudyResults
from tailor_core.study.trials import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study and its figures; `arms` are all of it, the reference first."""

    title: str
    description: str
    trials: tuple[Trial, ...]
    evidence: Evidence
    results: StudyResults
    sweeps: tuple[Sweep, ...]
    arms: tuple[Arm, ...]

    @classmethod
    def of(
        cls,
        *,
        title: str,
        description: str,
        trials: Sequence[Trial],
        evidence: Evidence,
        results: StudyResults,
        sweeps: Sequence[Sweep],
        titles: Mapping[str, str],
    ) -> Self:
        methods = {trial.arm: trial.method for trial in trials}
        arms = describe_arms(methods, results.settings.reference, titles, sweeps)
        return cls(
            title=title,
            description=description,
            trials=tuple(trials),
            evidence=evidence,
            results=results,
            sweeps=tuple(sweeps),
            arms=arms,
        )

    @property
    def backbones(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(trial.backbone for trial in self.trials))

    @property
    def compared(self) -> tuple[Arm, ...]:
        """The arms that figures compare: all but the values of sweeps, which have figures of their own."""
        return tuple(arm for arm in self.arms if not arm.value)

    @property
    def reference(self) -> Arm | None:
        return next((arm for arm in self.arms if arm.reference), None)

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def of_arm(self, backbone: str, arm: str) -> tuple[Trial, ...]:
        """The trials of an arm on a backbone, all seeds."""
        return tuple(trial for trial in self.trials if (trial.backbone, trial.arm) == (backbone, arm))

    def anchor(self, backbone: str, arm: str, seed: int | None = None) -> str:
        """Where the trials of an arm on a backbone are listed, or the one of a seed."""
        place = f"trials-{self.backbones.index(backbone)}-{self.arm(arm).place}"
        return place if seed is None else f"{place}-{seed}"

    def href(self, backbone: str, arm: str, seed: int | None = None) -> str:
        return f"#{self.anchor(backbone, arm, seed)}"

    def names(self, backbone: str, arm: Arm) -> tuple[Cell, Cell]:
        """The first two cells of a row: the arm, and the backbone."""
        link = self.href(backbone, arm.name)
        return words(arm.title, href=link, colour=arm.colour), words(label(backbone))

    def each(self, arms: Sequence[Arm] | None = None) -> Iterator[tuple[str, Arm]]:
        """Backbones and arms that have a trial, in order."""
        for backbone in self.backbones:
            for arm in self.arms if arms is None else arms:
                if self.of_arm(backbone, arm.name):
                    yield backbone, arm

    def on(self, backbone: str) -> str:
        """What a title says of the backbone, where there are several."""
        return f", {label(backbone)}" if len(self.backbones) > 1 else ""

    def place(self, backbone: str) -> str:
        """What tells the files of a backbone's figures apart, where there are several."""
        return f"-{self.backbones.index(backbone) + 1}" if len(self.backbones) > 1 else ""


def part(frame: polars.DataFrame, **values: object) -> polars.DataFrame:
    """The rows with these values in these columns."""
    return frame.filter(*(polars.col(name) == value for name, value in values.items()))

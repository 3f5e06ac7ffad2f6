"""What the student lacks, as the probe shows it, and which moves that calls for.

Tailor's own rule of thumb: answers that are wrong call for testing and verifying, answers out of form for
short and plain traces, and a fall from easy to hard problems for a good choice of what to look at next. Which
moves these are is for each move language to say (`MoveProgram.called_for`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST = 3.0
"""How much likelier a move can become at most."""


@dataclass(frozen=True, slots=True)
class Aim:
    """How likely each value is to be drawn, relative to the others of its dimension, and where to screen.

    lacks: lack -> how much of it the probe shows, 0 to 1; pass_rates: difficulty -> the student's pass rate
    """

    lacks: Mapping[str, float] = field(default_factory=dict)
    pass_rates: Mapping[int, float] = field(default_factory=dict)

    def weights(self, values: Sequence[str], called_for: Mapping[str, Sequence[str]]) -> list[float]:
        """One weight for each value, 1 where nothing speaks for it; `called_for`: lack -> values that help."""
        weights = []
        for value in values:
            pull = sum(lack for name, lack in self.lacks.items() if value in called_for.get(name, ()))
            weights.append(1.0 + (MOST - 1.0) * min(pull, 1.0))
        return weights

    def emphasis(self, difficulty: int) -> float:
        """How much weight a difficulty has among the probe problems: up to twice where the student fails."""
        return 2.0 - self.pass_rates.get(difficulty, 0.0)


def read_aim(summary: Mapping[str, Any]) -> Aim:
    """The aim of a probe's summary.

    It holds `pass_rate_by_difficulty` ({"3": share}), `failures` ({reason: n}), and in `wrong` how many of the
    failures have the right form.
    """
    rates = {int(level): float(rate) for level, rate in summary["pass_rate_by_difficulty"].items()}
    total = sum(map(int, summary["failures"].values()))
    if not rates or not total:
        return Aim({}, rates)
    wrong = int(summary["wrong"]) / total
    easiest, hardest = rates[min(rates)], rates[max(rates)]
    falls = max(easiest - hardest, 0.0) / easiest if easiest else 1.0
    lacks = {"wrong": round(wrong, 6), "out_of_form": round(1 - wrong, 6), "falls": round(falls, 6)}
    return Aim(lacks, dict(sorted(rates.items())))

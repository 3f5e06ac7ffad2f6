"""What trials came to, in two figures each: the accuracy at which RL began, and the one that it led to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from flows.terminal import read_summary
from tailor_core.artifacts.store import Store
from tailor_core.report.study.lookup import first_in_distribution
from tailor_core.study.trials import LAST_STAGE, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares of right answers (pass@1) on the first split in distribution of an evaluation."""

    start: float
    final: float

    def __str__(self) -> str:
        return f"{_percent(self.start)} -> {_percent(self.final)} %"


def read_score(trial: Trial, store: Store, cache: Path) -> Score | None:
    """The score of a trial; None of one that did not come to its end."""
    if LAST_STAGE not in trial.refs:
        return None
    summary = read_summary(store.local(trial.refs[LAST_STAGE], cache))
    split, models = first_in_distribution(summary["splits"]), summary["models"]
    start, final = (
        float(models[name]["splits"][split]["pass@1"]["value"])
        for name in ("warm_start" if "warm_start" in models else "base", "policy")
    )
    return Score(start=start, final=final)


def score_rows(trials: Sequence[Trial], scores: Sequence[Score | None]) -> tuple[list[str], list[list[str]]]:
    """Headings and a row for each arm (on each backbone), the best final accuracy first.

    Figures are percent, the mean over seeds and their standard deviation.
    """
    arms: dict[tuple[str, str], list[Score | None]] = {}
    for trial, score in zip(trials, scores, strict=True):
        arms.setdefault((trial.arm, trial.backbone), []).append(score)
    several = len({backbone for _, backbone in arms}) > 1
    rows = []
    for (arm, backbone), found in arms.items():
        there = [score for score in found if score]
        final = fmean(score.final for score in there) if there else -1.0
        figures = [
            f"{len(there)} of {len(found)}",
            _mean([score.start for score in there]),
            _mean([score.final for score in there]),
        ]
        rows.append((final, [arm, *([backbone] if several else []), *figures]))
    headings = ["arm", *(["backbone"] if several else []), "seeds", "start", "final"]
    return headings, [row for _, row in sorted(rows, key=lambda item: -item[0])]


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {_percent(stdev(values))}" if len(values) > 1 else ""
    return f"{_percent(fmean(values))}{spread}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"

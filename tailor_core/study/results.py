"""Every figure that a study's page shows, made from its evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars

from tailor_core.evaluation.intervals import rounded
from tailor_core.study.accuracy import POLICY, Cell, Gain, accuracies, cells, gain_figures, gains, outcomes
from tailor_core.study.comparison import (
    Comparison,
    compare,
    pairs_of_curves,
    pairs_of_outcomes,
    pairs_of_soundness,
    twins,
)
from tailor_core.study.correlation import Correlation, correlate
from tailor_core.study.curves import Curve, curves, paths
from tailor_core.study.evidence import Evidence
from tailor_core.study.figures import CONFIDENCE
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import SOUND
from tailor_core.study.widening import PassAtK, Widening, pass_figures, pass_table, widenings

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the figures were made with; target: the accuracy that steps are counted to."""

    confidence: float
    resamples: int
    seed: int
    reference: str
    target: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResults:
    """All tables of a study, each row naming its backbone and arm; arms in the order of the evidence.

    twins: each (backbone, arm) whose trials are the reference's own, and so are not compared with it
    """

    settings: Settings
    cells: tuple[Cell, ...]
    gains: tuple[Gain, ...]
    comparisons: tuple[Comparison, ...]
    curves: tuple[Curve, ...]
    pass_at_k: tuple[PassAtK, ...]
    widening: tuple[Widening, ...]
    correlations: tuple[Correlation, ...]
    twins: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON: keys are text, floats are rounded to six digits, and what is not known is null."""
        found: dict[str, Any] = _jsonable(asdict(self))
        return found


def summarise_study(evidence: Evidence, reference: str, target: float | None, seed: int = 0) -> StudyResults:
    """The results of a study: every arm alone, and against the arm `reference`.

    What is missing (arms, seeds, models, a curve) is missing in the results; nothing else changes with it. All random
    numbers follow from `seed` and the name of what they are for.
    """
    resampler = Resampler(seed, RESAMPLES)
    known = accuracies(evidence.answers, resampler)
    sound = accuracies(evidence.answers, resampler, SOUND)
    gained = gain_figures(known)
    became = outcomes(known, gained)
    along = paths(evidence.curve)
    passes = pass_figures(evidence.wide, resampler)
    same = tuple(twins(evidence.answers, reference))
    pairs = [
        *pairs_of_outcomes(became, reference),
        *pairs_of_soundness(sound, reference),
        *pairs_of_curves(along, reference, target, resampler),
    ]
    starts = set(twins(evidence.answers.filter(polars.col("model") != POLICY), reference))
    others = [
        pair
        for pair in pairs
        if (pair.backbone, pair.arm) not in (starts if pair.quantity == "accuracy before RL" else same)
    ]
    return StudyResults(
        settings=Settings(
            confidence=CONFIDENCE, resamples=RESAMPLES, seed=seed, reference=reference, target=target
        ),
        cells=tuple(cells(evidence.answers, known, sound, resampler)),
        gains=tuple(gains(gained, resampler)),
        comparisons=tuple(compare(others, resampler)),
        curves=tuple(curves(along, evidence.training, target, resampler)),
        pass_at_k=tuple(pass_table(passes, resampler)),
        widening=tuple(widenings(passes, resampler)),
        correlations=tuple(correlate(evidence.data, became, resampler)),
        twins=same,
    )


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(entry) for entry in value]
    if isinstance(value, float):
        return None if math.isnan(value) else rounded(value)
    return value

"""Do data that are more diverse, or better, go with more accuracy? Rank correlations over arms and seeds.

The seeds of one arm have much in common, so they stand together, and arms that are fine-tuned on the same data count as
one, with the mean of what became of them: intervals draw arms with all their seeds (a cluster bootstrap), and p-values
deal out the data of whole arms anew (a permutation test, exact in its error rate).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import get_args

import numpy
import polars
from numpy.typing import NDArray
from scipy import stats

from tailor_core.evaluation.intervals import Interval
from tailor_core.study.accuracy import Outcome, Outcomes
from tailor_core.study.figures import SAME, Figure, percentiles
from tailor_core.study.multiplicity import holm
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import groups

Floats = NDArray[numpy.float64]

SPLIT = "test"
"""Whose accuracies are correlated: problems like those of the training."""

LEAST_ARMS = 4
"""With fewer arms a rank correlation says nothing: three are in order by chance one time in three."""

LEAST_ARMS_FOR_INTERVAL = 8
"""With fewer arms no interval is given: draws of four that are in order are all in order."""

_SAME_RANKS = ("effective_primitives",)
"""Metrics that rank data as another does, which would only count as another test: it is exp(primitive_entropy)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One trial: a metric of its warm start's data, and what became of it."""

    arm: str
    seed: int
    metric: float
    outcome: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """Spearman's rho of a data metric and an outcome over all trials that have both.

    interval: None where there are few arms (LEAST_ARMS_FOR_INTERVAL)
    p_adjusted: Holm's, over the metrics of this backbone and outcome
    arms: that have data of their own; those that share their data count as one
    """

    backbone: str
    metric: str
    outcome: Outcome
    rho: float
    interval: Interval | None
    p_value: float
    p_adjusted: float
    arms: int
    points: tuple[Point, ...]


def correlate(data: polars.DataFrame, outcomes: Outcomes, resampler: Resampler) -> Iterator[Correlation]:
    """Every metric with every outcome; none where either is the same in all trials, or with few arms."""
    for (backbone,), rows in groups(data.filter(~polars.col("metric").is_in(_SAME_RANKS)), "backbone"):
        for outcome in get_args(Outcome):
            figures = {
                arm: figure
                for (of, arm, split, name), figure in outcomes.items()
                if (of, split, name) == (backbone, SPLIT, outcome)
            }
            found = [
                one
                for (metric,), part in groups(rows, "metric")
                if (one := _correlate(backbone, metric, part, outcome, figures, resampler))
            ]
            for one, adjusted in zip(found, holm([one.p_value for one in found]), strict=True):
                yield replace(one, p_adjusted=adjusted)


def rank_correlations(x: Floats, y: Floats) -> Floats:
    """Spearman's rho of each row of x and y [R, n], over what both know; NaN where either is constant."""
    known = ~(numpy.isnan(x) | numpy.isnan(y))
    ranks = [stats.rankdata(numpy.where(known, values, numpy.inf), axis=-1) for values in (x, y)]
    count = numpy.maximum(known.sum(axis=-1, keepdims=True), 1)
    centred = [
        numpy.where(known, rank - (rank * known).sum(axis=-1, keepdims=True) / count, 0.0) for rank in ranks
    ]
    size = numpy.sqrt((centred[0] ** 2).sum(axis=-1) * (centred[1] ** 2).sum(axis=-1))
    product = (centred[0] * centred[1]).sum(axis=-1)
    rho: Floats = numpy.divide(product, size, out=numpy.full_like(size, numpy.nan), where=size > 0)
    return rho


def correlation_of_arms(
    x: Floats, y: Floats, rng: numpy.random.Generator, resamples: int
) -> tuple[Interval, float] | None:
    """Spearman's rho over all known pairs of x and y [A, S], with the interval and the p-value of the arms A.

    None where either does not vary.
    """
    rho = float(rank_correlations(x.reshape(1, -1), y.reshape(1, -1))[0])
    if numpy.isnan(rho):
        return None
    arms = len(x)
    drawn = rng.integers(0, arms, (resamples, arms))
    bootstrap = rank_correlations(x[drawn].reshape(resamples, -1), y[drawn].reshape(resamples, -1))
    dealt = rng.permuted(numpy.broadcast_to(numpy.arange(arms), (resamples, arms)), axis=1)
    null = rank_correlations(x[dealt].reshape(resamples, -1), numpy.tile(y.ravel(), (resamples, 1)))
    extreme = int((numpy.abs(null) >= abs(rho) - SAME).sum())
    return percentiles(rho, bootstrap), (extreme + 1) / (resamples + 1)


def _correlate(
    backbone: str,
    metric: str,
    rows: polars.DataFrame,
    outcome: Outcome,
    figures: Mapping[str, Figure],
    resampler: Resampler,
) -> Correlation | None:
    """The correlation of one metric and one outcome."""
    known = rows.drop_nulls("value").drop_nans("value")
    points = [
        Point(arm=arm, seed=seed, metric=value, outcome=float(figures[arm].of_seeds([seed]).values[0]))
        for arm, seed, value in known.select("arm", "seed", "value").iter_rows()
        if arm in figures and seed in figures[arm].seeds
    ]
    shared = _shared_data(known)
    arms, seeds = sorted({shared[one.arm] for one in points}), sorted({one.seed for one in points})
    if len(arms) < LEAST_ARMS:
        return None
    x, y = numpy.full((2, len(arms), len(seeds)), numpy.nan)
    for row, arm in enumerate(arms):
        for column, seed in enumerate(seeds):
            alike = [one for one in points if shared[one.arm] == arm and one.seed == seed]
            if alike:
                x[row, column] = fmean(one.metric for one in alike)
                y[row, column] = fmean(one.outcome for one in alike)
    rng = resampler.rng("correlation", backbone, metric, outcome)
    found = correlation_of_arms(x, y, rng, resampler.resamples)
    if found is None:
        return None
    interval, p_value = found
    return Correlation(
        backbone=backbone,
        metric=metric,
        outcome=outcome,
        rho=interval.value,
        interval=interval if len(arms) >= LEAST_ARMS_FOR_INTERVAL else None,
        p_value=p_value,
        p_adjusted=p_value,
        arms=len(arms),
        points=tuple(points),
    )


def _shared_data(rows: polars.DataFrame) -> dict[str, str]:
    """Each arm with the first of those that are fine-tuned on the same data with some seed, directly or by others.

    Who shares data with two arms makes the three one, whatever their order.
    """
    found: list[tuple[list[str], set[str]]] = []
    for (arm,), part in groups(rows, "arm"):
        arms, contents = [arm], set(part["content"])
        sharing = [other for other in found if other[1] & contents]
        found = [other for other in found if other not in sharing]
        for others, theirs in reversed(sharing):
            arms, contents = others + arms, contents | theirs
        found.append((arms, contents))
    return {arm: arms[0] for arms, _ in found for arm in arms}

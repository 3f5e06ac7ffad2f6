"""Accuracy along RL: curves, the area under them, and how many steps it takes to a target."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy
import polars
from numpy.typing import NDArray

from tailor_core.evaluation.intervals import Interval
from tailor_core.study.figures import Estimate, Figure, mean_share, resampled
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import Scores, groups, scores_along

Floats = NDArray[numpy.float64]

Path = tuple[tuple[int, ...], Scores]
"""Steps [T] and scores [S, T, P]."""

Paths = Mapping[tuple[str, str], Path]
"""The path of each (backbone, arm)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToTarget:
    """RL steps until the accuracy is `target`, by linear interpolation between the models that were kept.

    reached: with how many seeds it got there; per_seed: None where it did not
    mean: over all seeds, where one that did not get there counts with the last step, so that the mean is a lower bound
        (a restricted mean time, Royston & Parmar 2013); None where no seed got there
    """

    target: float
    seeds: int
    reached: int
    per_seed: tuple[float | None, ...]
    mean: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The accuracy of an arm's models along RL, the first of which is the one it began at.

    steps: [T]; samples, tokens: trained on so far, means over seeds, [T]
    mean, low, high: [T]; per_seed: [S, T]
    area: below the curve over its range, which is a mean accuracy; None with fewer than two steps
    """

    backbone: str
    arm: str
    seeds: tuple[int, ...]
    problems: int
    steps: tuple[int, ...]
    samples: tuple[float, ...]
    tokens: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    per_seed: tuple[tuple[float, ...], ...]
    area: Estimate | None
    steps_to_target: ToTarget | None


def paths(curve: polars.DataFrame) -> Paths:
    """The paths of all arms, in the order of the rows; none of an arm whose seeds have no step in common."""
    found = {key: scores_along(part) for key, part in groups(curve, "backbone", "arm")}
    return {key: path for key, path in found.items() if path[0]}


def curves(
    found: Paths,
    training: polars.DataFrame,
    target: float | None,
    resampler: Resampler,
) -> Iterator[Curve]:
    """The learning curves."""
    for (backbone, arm), (steps, scores) in found.items():
        intervals = [
            mean_share(_at(scores, step), resampler).interval(resampler) for step in range(len(steps))
        ]
        spent = training.filter(polars.col("backbone") == backbone, polars.col("arm") == arm)
        area = area_under((steps, scores), resampler)
        yield Curve(
            backbone=backbone,
            arm=arm,
            seeds=scores.seeds,
            problems=len(scores.problems),
            steps=steps,
            samples=_spent(spent, "samples", steps),
            tokens=_spent(spent, "tokens", steps),
            mean=tuple(one.value for one in intervals),
            low=tuple(one.low for one in intervals),
            high=tuple(one.high for one in intervals),
            per_seed=tuple(map(tuple, numpy.nanmean(scores.shares, axis=-1).tolist())),
            area=area.estimate(resampler) if area else None,
            steps_to_target=None if target is None else _to_target((steps, scores), target, resampler),
        )


def area_under(path: Path, resampler: Resampler) -> Figure | None:
    """The trapezoidal area under the curve, divided by the range of its steps; None for a single step."""
    steps, scores = path
    if len(steps) < 2:
        return None
    area = numpy.asarray(numpy.trapezoid(scores.shares, steps, axis=1)) / (steps[-1] - steps[0])
    return mean_share(replace(scores, shares=area), resampler)


def up_to(path: Path, horizon: float) -> Path:
    """The path to `horizon`, which lies within it; where that is between two steps, linear between their scores."""
    steps, scores = path
    kept = [step for step in steps if step <= horizon]
    shares = scores.shares[:, : len(kept)]
    if kept[-1] < horizon:
        low, high = steps[len(kept) - 1 : len(kept) + 1]
        before, after = scores.shares[:, len(kept) - 1], scores.shares[:, len(kept)]
        last = before + (horizon - low) / (high - low) * (after - before)
        kept, shares = [*kept, int(horizon)], numpy.concatenate([shares, last[:, None]], axis=1)
    return tuple(kept), replace(scores, shares=shares)


def first_crossing(steps: Floats, accuracy: Floats, target: float) -> Floats:
    """The first step at which curves [..., T] are at `target`, linear between `steps` [T]; inf where they never are."""
    reached = accuracy >= target
    after = reached.argmax(axis=-1)
    before = numpy.maximum(after - 1, 0)
    low, high = (numpy.take_along_axis(accuracy, at[..., None], axis=-1)[..., 0] for at in (before, after))
    part = (target - low) / numpy.where(high > low, high - low, 1.0)
    crossing = steps[before] + part * (steps[after] - steps[before])
    return numpy.where(reached.any(axis=-1), crossing, numpy.inf)


def crossings(path: Path, target: float) -> Floats:
    """The steps to `target` of each seed's curve, shape [S]; inf where it does not get there."""
    steps, scores = path
    return first_crossing(numpy.asarray(steps, numpy.float64), numpy.nanmean(scores.shares, axis=-1), target)


def steps_to(path: Path, target: float, horizon: float, resampler: Resampler) -> Figure:
    """The steps to `target` of each seed's curve, where all that lies after `horizon` counts as `horizon`."""
    steps, scores = path
    grid = numpy.asarray(steps, numpy.float64)
    values, replicates = resampled(scores, resampler)
    return Figure(
        seeds=scores.seeds,
        problems=scores.problems,
        clusters=scores.clusters,
        values=numpy.minimum(first_crossing(grid, values, target), horizon),
        replicates=numpy.minimum(first_crossing(grid, replicates, target), horizon),
    )


def _to_target(path: Path, target: float, resampler: Resampler) -> ToTarget:
    found = crossings(path, target)
    reached = int(numpy.isfinite(found).sum())
    figure = steps_to(path, target, path[0][-1], resampler)
    return ToTarget(
        target=target,
        seeds=len(found),
        reached=reached,
        per_seed=tuple(step if numpy.isfinite(step) else None for step in found.tolist()),
        mean=figure.mean if reached else None,
        interval=figure.interval(resampler) if reached else None,
    )


def _at(scores: Scores, step: int) -> Scores:
    return replace(scores, shares=scores.shares[:, step])


def _spent(training: polars.DataFrame, column: str, steps: tuple[int, ...]) -> tuple[float, ...]:
    """What the seeds had trained on at each step, on average: 0 before the first row of their logs.

    NaN where the logs do not say.
    """
    if training[column].null_count() == len(training):
        return (math.nan,) * len(steps)
    spent = []
    for step in steps:
        so_far = training.filter(polars.col("step") <= step).group_by("seed").agg(polars.col(column).max())
        spent.append(float(so_far[column].sum()) / max(1, training["seed"].n_unique()))
    return tuple(spent)

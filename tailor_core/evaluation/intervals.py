"""How sure a figure is: bootstrap over problems, Wilson's score interval, paired comparison of models.

The samples of one problem stand or fall together, and so do problems that are solved by the same steps: everything
resamples clusters of such problems, all with their problems (a cluster bootstrap with percentile limits, Efron 1979,
Davison & Hinkley 1997, section 3.8). Where nothing is said of clusters every problem is one. Where all clusters score
alike a bootstrap has no width; Wilson's interval (1927) with one trial a problem, of clusters as many as would say as
much (Kish 1965), and for differences Newcombe's (1998, method 10), stand in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy
from numpy.typing import NDArray

from tailor_core.errors import InputError

Floats = NDArray[numpy.float64]

_DRAWS_AT_ONCE = 4_000_000
"""Resampled indices held in memory at a time."""

_EXACT_UP_TO = 12
"""With so many differing problems at most, all sign flips are tried instead of drawn."""

_DIGITS = 6

_ROUNDING = 1e-12
"""Means that are no farther apart are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with its limits at the asked confidence."""

    value: float
    low: float
    high: float
    method: Literal["bootstrap", "wilson"]

    def to_json(self) -> dict[str, Any]:
        return {
            "value": rounded(self.value),
            "low": rounded(self.low),
            "high": rounded(self.high),
            "method": self.method,
        }


def rounded(value: float) -> float:
    """As stored: the last bits differ between machines."""
    return round(float(value), _DIGITS) + 0.0  # + 0.0 turns -0.0 into 0.0


def wilson(share: float, trials: int, confidence: float) -> Interval:
    """Wilson's score interval of a share of `trials`; InputError without trials."""
    if trials < 1:
        raise InputError(f"trials = {trials}, but an interval needs at least 1; evaluate some problems")
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    # It holds the share; at 0 and 1, where they meet, rounding could put a limit on the other side.
    low, high = min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
    return Interval(value=share, low=low, high=high, method="wilson")


def mean_intervals(
    values: Floats,
    rng: numpy.random.Generator,
    *,
    resamples: int,
    confidence: float,
    clusters: Sequence[str] | None = None,
) -> list[Interval]:
    """The mean of each column of `values` [P, M] (shares in [0, 1], a row a problem) with its interval.

    All columns share the resampled problems; `clusters` [P] names that of each. InputError without problems.
    """
    if len(values) < 1:
        raise InputError("values holds no problems; evaluate at least one")
    means = _resampled_means(values, rng, resamples, clusters)
    low, high = _limits(means, confidence)
    intervals = []
    for column, value in enumerate(values.mean(axis=0)):
        if numpy.ptp(means[:, column]) > _ROUNDING:
            limits = (float(low[column]), float(high[column]))
            intervals.append(Interval(value=float(value), low=limits[0], high=limits[1], method="bootstrap"))
        else:
            intervals.append(wilson(float(value), _trials(len(values), clusters), confidence))
    return intervals


def difference_interval(
    first: Floats,
    second: Floats,
    rng: numpy.random.Generator,
    *,
    resamples: int,
    confidence: float,
    clusters: Sequence[str] | None = None,
) -> Interval:
    """Mean of `first` minus mean of `second`, shares [P] of the same problems in the same order, paired."""
    _check_pairs(first, second)
    difference = first - second
    means = _resampled_means(difference[:, None], rng, resamples, clusters)
    if numpy.ptp(means) > _ROUNDING:
        low, high = _limits(means, confidence)
        return Interval(
            value=float(difference.mean()), low=float(low[0]), high=float(high[0]), method="bootstrap"
        )
    trials = _trials(len(first), clusters)
    a, b = (wilson(float(x.mean()), trials, confidence) for x in (first, second))
    return Interval(
        value=float(difference.mean()),
        low=a.value - b.value - math.hypot(a.value - a.low, b.high - b.value),
        high=a.value - b.value + math.hypot(a.high - a.value, b.value - b.low),
        method="wilson",
    )


def paired_p_value(
    first: Floats,
    second: Floats,
    rng: numpy.random.Generator,
    *,
    resamples: int,
    clusters: Sequence[str] | None = None,
) -> float:
    """Two-sided sign-flip test that the mean difference of shares [P] of the same problems is 0.

    The problems of a cluster are on one side together. Exact where few clusters differ, else with `resamples` random
    flips and the observed one counted in.
    """
    _check_pairs(first, second)
    difference = _sums(first - second, clusters)
    differing = difference[difference != 0]
    if not len(differing):
        return 1.0
    reach = abs(differing.sum()) - 1e-9  # ties must count in spite of rounding
    if len(differing) <= _EXACT_UP_TO:
        flips = numpy.array(list(itertools.product((-1.0, 1.0), repeat=len(differing))))
        return float((abs(flips @ differing) >= reach).mean())
    extreme = 0
    for size in _batches(resamples, len(differing)):
        flips = rng.integers(0, 2, (size, len(differing)), dtype=numpy.int8) * 2.0 - 1.0
        extreme += int((abs(flips @ differing) >= reach).sum())
    return (extreme + 1) / (resamples + 1)


def _check_pairs(first: Floats, second: Floats) -> None:
    if first.shape != second.shape or not len(first):
        raise InputError(
            f"first holds {len(first)} problems and second {len(second)}; a paired comparison needs "
            "the same ones, at least one"
        )


def _sums(values: Floats, clusters: Sequence[str] | None) -> Floats:
    """The sum of values [P, ...] over each of G clusters, shape [G, ...]; the values, where every problem is one."""
    if clusters is None:
        return values
    names, places = numpy.unique(clusters, return_inverse=True)
    sums = numpy.zeros((len(names), *values.shape[1:]))
    numpy.add.at(sums, places, values)
    return sums


def independent(clusters: Sequence[str]) -> float:
    """As many problems without anything in common would say as much as these, of whose clusters it is (Kish 1965)."""
    _, sizes = numpy.unique(clusters, return_counts=True)
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _trials(problems: int, clusters: Sequence[str] | None) -> int:
    return problems if clusters is None else math.floor(independent(clusters))


def _resampled_means(
    values: Floats, rng: numpy.random.Generator, resamples: int, clusters: Sequence[str] | None
) -> Floats:
    """Column means [R, M] of clusters drawn with replacement, each with all its problems."""
    sums, sizes = _sums(values, clusters), _sums(numpy.ones(len(values)), clusters)
    count, means = len(sums), []
    for size in _batches(resamples, sums.size):
        drawn = rng.integers(0, count, (size, count))
        means.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)[:, None])
    return numpy.concatenate(means)


def _batches(resamples: int, draws_each: int) -> list[int]:
    size = max(1, min(resamples, _DRAWS_AT_ONCE // max(1, draws_each)))
    return [min(size, resamples - start) for start in range(0, resamples, size)]


def _limits(means: Floats, confidence: float) -> tuple[Floats, Floats]:
    tail = (1 - confidence) / 2
    low, high = numpy.quantile(means, [tail, 1 - tail], axis=0)
    return low, high

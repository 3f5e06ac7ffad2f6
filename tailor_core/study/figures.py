"""A figure of an arm, seed by seed and over resampled problems.

A study has two sources of chance: the problems that happened to be asked, and the seeds that data and training
happened to have. Each problem is asked of the models of all seeds, so the two are crossed. Intervals resample both:
problems and, independently, seeds are drawn with replacement, and all answers at their crossings count (Owen 2007,
"The pigeonhole bootstrap", Annals of Applied Statistics 1), with percentile limits (Efron 1979). With one seed only
problems are drawn: such a figure holds for these trained models, not for the method. Where two or three seeds vary
much more than problems do, an interval is too narrow, for no draw leaves their range (`contrast` has what to do).

Problems that are solved by the same steps stand or fall together: what is drawn is such clusters with all their
problems (Davison & Hinkley 1997, section 3.8). As the number of problems counts that of equally large clusters that
would say as much (Kish 1965), which is 1 over the sum of the squared shares that clusters have in all problems.

Where neither seeds nor problems vary, as where nothing is ever solved, there is nothing to resample: Wilson's interval
with one trial a problem stands in, combined for differences as by Newcombe (1998, method 10) and Zou & Donner (2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy
from numpy.typing import NDArray

from tailor_core.evaluation.intervals import Interval, independent, wilson
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import Scores

Floats = NDArray[numpy.float64]

CONFIDENCE = 0.95

SAME = 1e-9
"""Figures that differ by less are equal: sums of shares in different orders."""

Over = Literal["problems", "seeds and problems"]

Term = tuple[Literal[-1, 1], Floats]
"""A share in [0, 1] of each seed, shape [S], and the sign with which it enters a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds with its interval.

    seeds, problems: what it rests on; over: what the interval resamples
    clusters: of problems that are solved alike, which it resamples; as many as problems, where none are
    mean, std: over `per_seed`, the figure of each of `seeds`; std with ddof 1, None for one seed
    """

    seeds: tuple[int, ...]
    problems: int
    clusters: int
    mean: float
    std: float | None
    interval: Interval
    per_seed: tuple[float, ...]
    over: Over


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure for each of S seeds, and over R draws of P problems.

    clusters: of each problem, P names
    values: [S]; replicates: [R, S], of the same draws for all figures of the same problems
    shares: [S, P], where the figure is a mean over problems, else None
    terms: the shares that it is the sum of; none where it is something else
    """

    seeds: tuple[int, ...]
    problems: tuple[str, ...]
    clusters: tuple[str, ...]
    values: Floats
    replicates: Floats
    shares: Floats | None = None
    terms: tuple[Term, ...] = ()

    def of_seeds(self, seeds: Sequence[int]) -> Figure:
        """The same for some of its seeds."""
        at = [self.seeds.index(seed) for seed in seeds]
        return replace(
            self,
            seeds=tuple(seeds),
            values=self.values[at],
            replicates=self.replicates[:, at],
            shares=None if self.shares is None else self.shares[at],
            terms=tuple((sign, share[at]) for sign, share in self.terms),
        )

    def __sub__(self, other: Figure) -> Figure:
        """The difference seed by seed, for figures of the same seeds.

        Figures of different problems are resampled each for itself, and so make no pairs.
        """
        shares = None
        if self.shares is not None and other.shares is not None and self.problems == other.problems:
            shares = self.shares - other.shares
        fewer = min(self, other, key=lambda figure: figure.independent)
        return Figure(
            seeds=self.seeds,
            problems=fewer.problems,
            clusters=fewer.clusters,
            values=self.values - other.values,
            replicates=self.replicates - other.replicates,
            shares=shares,
            terms=self.terms + tuple(_minus(term) for term in other.terms),
        )

    @property
    def independent(self) -> float:
        """As many problems without anything in common would say as much: their number, where none has."""
        return independent(self.clusters)

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def varies(self) -> bool:
        """Whether seeds or problems make any difference."""
        return bool(numpy.ptp(self.replicates) > SAME)

    @property
    def over(self) -> Over:
        return "seeds and problems" if len(self.seeds) > 1 else "problems"

    def interval(self, resampler: Resampler) -> Interval:
        """Crossed percentile bootstrap; of shares that do not vary, what the number of problems allows."""
        if self.terms and not self.varies:
            return self.without_spread()
        return percentiles(self.mean, self.drawn(resampler.weights("seeds", self.seeds)))

    def drawn(self, weights: Floats) -> Floats:
        """The figure over draws of seeds as well, with the weights [R, S] of the seeds: shape [R]."""
        drawn: Floats = (self.replicates * weights).sum(axis=1)
        return drawn

    def without_spread(self) -> Interval:
        """The interval of a sum of shares that are the same for all problems and seeds."""
        below = above = 0.0
        for sign, share in self.terms:
            one = wilson(float(share.mean()), math.floor(self.independent), CONFIDENCE)
            down, up = one.value - one.low, one.high - one.value
            below += (down if sign > 0 else up) ** 2
            above += (up if sign > 0 else down) ** 2
        low, high = self.mean - math.sqrt(below), self.mean + math.sqrt(above)
        return Interval(value=self.mean, low=low, high=high, method="wilson")

    def estimate(self, resampler: Resampler) -> Estimate:
        return Estimate(**self.summary(resampler))

    def summary(self, resampler: Resampler) -> dict[str, Any]:
        """The fields of an `Estimate`, for rows that have more."""
        return {
            "seeds": self.seeds,
            "problems": len(self.problems),
            "clusters": len(set(self.clusters)),
            "mean": self.mean,
            "std": float(self.values.std(ddof=1)) if len(self.seeds) > 1 else None,
            "interval": self.interval(resampler),
            "per_seed": tuple(self.values.tolist()),
            "over": self.over,
        }


def mean_share(scores: Scores, resampler: Resampler) -> Figure:
    """The mean over problems of scores [S, P]."""
    values, replicates = resampled(scores, resampler)
    return Figure(
        seeds=scores.seeds,
        problems=scores.problems,
        clusters=scores.clusters,
        values=values,
        replicates=replicates,
        shares=scores.shares,
        terms=((1, values),),
    )


def resampled(scores: Scores, resampler: Resampler) -> tuple[Floats, Floats]:
    """Means over problems of scores [S, ..., P]: of all problems [S, ...], and of each draw of them [R, S, ...].

    A draw takes clusters with all their problems. Of a seed none of whose problems is in a draw, it is the mean of all.
    """
    clusters, places = numpy.unique(scores.clusters, return_inverse=True)
    weights = resampler.weights("problems", clusters.tolist())[:, places]
    known = ~numpy.isnan(scores.shares)
    values = numpy.nanmean(scores.shares, axis=-1)
    total = numpy.where(known, scores.shares, 0.0) @ weights.T
    counted = known @ weights.T
    means = numpy.where(counted > 0, total / numpy.where(counted > 0, counted, 1.0), values[..., None])
    return values, numpy.moveaxis(means, -1, 0)


def percentiles(value: float, drawn: Floats) -> Interval:
    """The interval of a value from the same over resamples [R]; those where it is not defined (NaN) do not count."""
    low, high = numpy.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(value=value, low=float(low), high=float(high), method="bootstrap")


def _minus(term: Term) -> Term:
    sign, share = term
    return (-1 if sign > 0 else 1), share


def shared_seeds(*figures: Figure) -> tuple[int, ...]:
    """The seeds that all figures have, in the order of the first."""
    return tuple(seed for seed in figures[0].seeds if all(seed in other.seeds for other in figures))

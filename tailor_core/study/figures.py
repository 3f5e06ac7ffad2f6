"""A figure of an arm, seed by seed and over resampled problems, and how sure it is.

A study has two sources of chance: the problems that happened to be asked, and the seeds that data and training
happened to have. Each problem is asked of the models of all seeds, so the two are crossed.

- **Intervals** resample both: problems and, independently, seeds are drawn with replacement, and all answers at their
  crossings count (Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1), with percentile limits
  (Efron 1979). With one seed only problems are drawn: such a figure holds for these trained models, not for the method.
- **p-values** do not come from there: no draw leaves the range of three seeds, so that three which agree by chance, one
  time in four, could give p = 0. Nor do sign flips over problems serve, which take the trained models for given. A
  t-test for two crossed random effects asks about the methods: its variance adds what seeds vary to what problems vary
  (Clark 1973, "The language-as-fixed-effect fallacy"), with Satterthwaite's degrees of freedom (1946), which are few
  where seeds vary more than problems do. For few seeds a t-test keeps its error rate and a bootstrap does not
  (Colas et al. 2018, "How many random seeds?"). Its own limits are given as well; they are the ones that go with p.

Where neither seeds nor problems vary, as where nothing is ever solved, there is nothing to resample: Wilson's interval
with one trial a problem stands in, combined for differences as by Newcombe (1998, method 10) and Zou & Donner (2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy
from numpy.typing import NDArray
from scipy import stats

from tailor_core.evaluation.intervals import Interval, paired_p_value, wilson
from tailor_core.study.effects import cohens_dz
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import Scores

Floats = NDArray[numpy.float64]

CONFIDENCE = 0.95

Over = Literal["problems", "seeds and problems"]

_SAME = 1e-9
"""Figures that differ by less are equal: sums of shares in different orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over seeds with its interval.

    seeds, problems: what it rests on; over: what the interval resamples
    mean, std: over `per_seed`, the figure of each of `seeds`; std with ddof 1, None for one seed
    """

    seeds: tuple[int, ...]
    problems: int
    mean: float
    std: float | None
    interval: Interval
    per_seed: tuple[float, ...]
    over: Over


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroTest:
    """Whether a figure is 0: two-sided p-value, and the limits of the values that would not be rejected."""

    p_value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure for each of S seeds, and over R draws of P problems.

    values: [S]; replicates: [R, S], of the same draws for all figures of the same problems
    shares: [S, P], where the figure is a mean over problems, else None
    terms: the shares in [0, 1] that it is made of, with their signs
    """

    seeds: tuple[int, ...]
    problems: tuple[str, ...]
    values: Floats
    replicates: Floats
    shares: Floats | None = None
    terms: tuple[tuple[int, float], ...] = ()

    def __sub__(self, other: Figure) -> Figure:
        """The difference for the seeds that both have, which must be one at least.

        Figures of different problems are resampled each for itself, and so make no pairs.
        """
        seeds = shared_seeds(self, other)
        mine, theirs = ([figure.seeds.index(seed) for seed in seeds] for figure in (self, other))
        shares = None
        if self.shares is not None and other.shares is not None and self.problems == other.problems:
            shares = self.shares[mine] - other.shares[theirs]
        return Figure(
            seeds=seeds,
            problems=min(self.problems, other.problems, key=len),
            values=self.values[mine] - other.values[theirs],
            replicates=self.replicates[:, mine] - other.replicates[:, theirs],
            shares=shares,
            terms=(*self.terms, *((-sign, share) for sign, share in other.terms)),
        )

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    def value_of(self, seed: int) -> float:
        return float(self.values[self.seeds.index(seed)])

    def values_of(self, seeds: Sequence[int]) -> Floats:
        """The values of some of its seeds."""
        return self.values[[self.seeds.index(seed) for seed in seeds]]

    @property
    def varies(self) -> bool:
        return bool(numpy.ptp(self.replicates) > _SAME)

    def interval(self, resampler: Resampler) -> Interval:
        """Crossed percentile bootstrap; of shares that do not vary, what the number of problems allows."""
        if self.terms and not self.varies:
            low, high = self._limits_without_spread()
            return Interval(value=self.mean, low=low, high=high, method="wilson")
        drawn = (self.replicates * resampler.weights("seeds", self.seeds)).sum(axis=1)
        low, high = numpy.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return Interval(value=self.mean, low=float(low), high=float(high), method="bootstrap")

    def estimate(self, resampler: Resampler) -> Estimate:
        return Estimate(**self.summary(resampler))

    def summary(self, resampler: Resampler) -> dict[str, Any]:
        """The fields of an `Estimate`, for those that have more."""
        return {
            "seeds": self.seeds,
            "problems": len(self.problems),
            "mean": self.mean,
            "std": float(self.values.std(ddof=1)) if len(self.seeds) > 1 else None,
            "interval": self.interval(resampler),
            "per_seed": tuple(self.values.tolist()),
            "over": self.over,
        }

    @property
    def over(self) -> Over:
        return "seeds and problems" if len(self.seeds) > 1 else "problems"

    def test(self, resampler: Resampler) -> ZeroTest:
        """The t-test of two crossed random effects; sign flips where nothing varies."""
        variance, freedom = self.variance()
        if variance < _SAME**2:
            units = self.values if self.shares is None else numpy.nanmean(self.shares, axis=0)
            rng = resampler.rng("flips", self.seeds, self.problems)
            p_value = paired_p_value(units, numpy.zeros_like(units), rng, resamples=resampler.resamples)
            low, high = self._limits_without_spread()
            return ZeroTest(p_value=p_value, low=low, high=high)
        error = math.sqrt(variance)
        half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
        p_value = 2 * float(stats.t.sf(abs(self.mean) / error, freedom))
        return ZeroTest(p_value=p_value, low=self.mean - half, high=self.mean + half)

    def variance(self) -> tuple[float, float]:
        """The variance of the mean over seeds and problems, and its degrees of freedom.

        Of a mean over problems it is the one that a two-way analysis of variance gives, (MS_seeds + MS_problems -
        MS_interaction) / (S P), but at least MS_problems / (S P). Other figures have no value for each problem, so the
        parts are read off the replicates: their variance averaged over seeds, and a seed at a time.
        """
        seeds, problems = len(self.seeds), max(2, len(self.problems))
        unbiased = problems / (problems - 1)
        by_problems = float(self.replicates.mean(axis=1).var()) * unbiased
        if seeds == 1:
            return by_problems, problems - 1
        by_seeds = float(self.values.var(ddof=1)) / seeds
        a_seed_alone = float(self.replicates.var(axis=0).mean()) * unbiased
        interaction = (a_seed_alone - by_problems) / (seeds - 1)
        variance = by_problems + max(0.0, by_seeds - interaction)
        spread = by_seeds**2 / (seeds - 1) + by_problems**2 / (problems - 1)
        return variance, variance**2 / spread if spread else math.inf

    def effect(self) -> float | None:
        """Cohen's dz over problems, of the means over seeds; None for what is no mean over problems."""
        return None if self.shares is None else cohens_dz(numpy.nanmean(self.shares, axis=0))

    def _limits_without_spread(self) -> tuple[float, float]:
        below = above = 0.0
        for sign, share in self.terms:
            one = wilson(share, len(self.problems), CONFIDENCE)
            down, up = one.value - one.low, one.high - one.value
            below += (down if sign > 0 else up) ** 2
            above += (up if sign > 0 else down) ** 2
        return self.mean - math.sqrt(below), self.mean + math.sqrt(above)


def mean_share(scores: Scores, resampler: Resampler) -> Figure:
    """The mean over problems of scores [S, P]."""
    values, replicates = resampled(scores, resampler)
    return Figure(
        seeds=scores.seeds,
        problems=scores.problems,
        values=values,
        replicates=replicates,
        shares=scores.shares,
        terms=((1, float(values.mean())),),
    )


def resampled(scores: Scores, resampler: Resampler) -> tuple[Floats, Floats]:
    """Means over problems of scores [S, ..., P]: of all problems [S, ...], and of each draw of them [R, S, ...].

    Of a seed none of whose problems is in a draw, it is the mean of them all.
    """
    weights = resampler.weights("problems", scores.problems)
    known = ~numpy.isnan(scores.shares)
    values = numpy.nanmean(scores.shares, axis=-1)
    total = numpy.where(known, scores.shares, 0.0) @ weights.T
    counted = known @ weights.T
    means = numpy.where(counted > 0, total / numpy.where(counted > 0, counted, 1.0), values[..., None])
    return values, numpy.moveaxis(means, -1, 0)


def shared_seeds(*figures: Figure) -> tuple[int, ...]:
    """The seeds that all figures have, in the order of the first."""
    return tuple(seed for seed in figures[0].seeds if all(seed in other.seeds for other in figures))

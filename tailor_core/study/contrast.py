"""Two arms on the same problems: is there a difference between the methods, and how large is it?

**The p-value** asks about methods, not about the models that were trained, and must be honest with two or three seeds:
- Sign flips over problems take the trained models for given: where seeds vary, they tell equal methods apart.
- The bootstrap cannot leave the range of the seeds it has: of three, all favour one side by chance one time in four.
- Problems that are solved alike are no independent ones: clusters of them are (`figures`).
- So it is a t-test for crossed random effects. Its variance adds what problems vary, in pairs, and what the seeds of
  either arm vary (Clark 1973, "The language-as-fixed-effect fallacy"); Satterthwaite's degrees of freedom (1946) are
  few where seeds vary more than problems do. Over seeds it is Welch's t-test, advised for runs of RL by Colas et al.
  (2018, "How many random seeds?").

**Seeds** are not paired, neither there nor in the interval: two arms share little of what a seed decides, and pairs
would halve the degrees of freedom. Where they share more, as an ablation that chooses from the same demonstrations
does, both are on the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from scipy import stats

from tailor_core.evaluation.intervals import Interval, paired_p_value
from tailor_core.study.effects import cohens_dz, probability_of_superiority
from tailor_core.study.figures import CONFIDENCE, SAME, Figure, percentiles, shared_seeds
from tailor_core.study.resampling import Resampler

LEAST_P_OF_TWO_SEEDS = 0.01
"""A smaller p-value of two seeds is given as this. Where those of both arms agree by chance there is no variance left
of seeds, so that 0.001 comes ten times as often as it should (`tests/tailor_core/study/test_calibration.py`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroTest:
    """Whether a difference is 0: two-sided p-value, and the limits of what would not be rejected."""

    p_value: float
    low: float
    high: float


class Contrast:
    """`first` minus `second`, for the seeds that both have, which must be one at least."""

    def __init__(self, first: Figure, second: Figure) -> None:
        seeds = shared_seeds(first, second)
        self.arms = (first.of_seeds(seeds), second.of_seeds(seeds))
        self.difference = self.arms[0] - self.arms[1]

    def interval(self, resampler: Resampler) -> Interval:
        """Crossed percentile bootstrap: the same problems for both arms, seeds of their own for each."""
        difference = self.difference
        if difference.terms and not difference.varies:
            return difference.without_spread()
        first, second = (
            arm.drawn(resampler.weights(f"seeds of the {side}", arm.seeds))
            for side, arm in zip(("first", "second"), self.arms, strict=True)
        )
        return percentiles(difference.mean, first - second)

    def test(self, resampler: Resampler) -> ZeroTest:
        """The t-test; sign flips, over problems where it is a mean over them, else over seeds, where nothing varies."""
        mean = self.difference.mean
        least = LEAST_P_OF_TWO_SEEDS if len(self.difference.seeds) == 2 else 0.0
        variance, freedom = self.variance()
        if variance < SAME**2:
            units = self._per_problem()
            clusters = None if units is None else self.difference.clusters
            units = self.difference.values if units is None else units
            rng = resampler.rng("flips", self.difference.seeds, self.difference.problems)
            zeros, resamples = numpy.zeros_like(units), resampler.resamples
            p_value = paired_p_value(units, zeros, rng, resamples=resamples, clusters=clusters)
            limits = self.difference.without_spread()
            return ZeroTest(p_value=max(p_value, least), low=limits.low, high=limits.high)
        error = math.sqrt(variance)
        half = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
        p_value = 2 * float(stats.t.sf(abs(mean) / error, freedom))
        return ZeroTest(p_value=max(p_value, least), low=mean - half, high=mean + half)

    def variance(self) -> tuple[float, float]:
        """The variance of the difference over problems and seeds, and its degrees of freedom.

        Over problems it is that of the replicates. What the seeds of an arm add is the variance of their mean less what
        problems and sampling contribute to that, (MS_seeds - MS_interaction) / (S P) in a two-way analysis of variance,
        if that is above 0; read off the replicates too, as a figure need not be a mean over problems.
        """
        problems = max(2.0, self.difference.independent)
        seeds = len(self.difference.seeds)
        unbiased = problems / (problems - 1)
        by_problems = unbiased * float(self.difference.replicates.mean(axis=1).var())
        if seeds == 1:
            return by_problems, problems - 1
        of_seeds = [float(arm.values.var(ddof=1)) / seeds for arm in self.arms]
        mixed = [unbiased * _interaction(arm) for arm in self.arms]
        variance = by_problems + max(0.0, sum(of_seeds) - sum(mixed))
        spread = by_problems**2 / (problems - 1) + sum(one**2 for one in of_seeds) / (seeds - 1)
        # A sum has no fewer degrees of freedom than its part with the fewest; one that is less a part could seem to.
        freedom = max(seeds - 1.0, variance**2 / spread) if spread else math.inf
        return variance, freedom

    def dz(self) -> float | None:
        """Cohen's dz over problems, of the means over seeds; None for what is no mean over problems."""
        units = self._per_problem()
        return None if units is None else cohens_dz(units)

    def superiority(self) -> float | None:
        """The chance that a seed of the first is above a seed of the second; None where there is one of each."""
        if len(self.difference.seeds) == 1:
            return None
        return probability_of_superiority(self.arms[0].values, self.arms[1].values)

    def _per_problem(self) -> NDArray[numpy.float64] | None:
        shares = self.difference.shares
        return None if shares is None else numpy.nanmean(shares, axis=0)


def _interaction(arm: Figure) -> float:
    """What the crossing of seeds and problems, sampling included, contributes to the variance of the mean."""
    alone = float(arm.replicates.var(axis=0).mean())
    together = float(arm.replicates.mean(axis=1).var())
    return (alone - together) / (len(arm.seeds) - 1)

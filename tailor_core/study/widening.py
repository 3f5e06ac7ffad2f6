"""pass@k before and after RL: does RL widen what a model can solve, or sharpen what it could solve anyway?

With enough samples a start may solve more problems than the policy made from it (Yue et al. 2025, arXiv 2504.13837).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars

from tailor_core.evaluation.intervals import Interval, rounded
from tailor_core.evaluation.pass_at_k import pass_at_k
from tailor_core.study.accuracy import POLICY, STARTS
from tailor_core.study.figures import Figure, Over, mean_share, shared_seeds
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import groups, scores


@dataclass(frozen=True, slots=True, kw_only=True)
class PassAtK:
    """The chance that at least one of k samples is right (Chen et al. 2021), of a model of an arm, for each k."""

    backbone: str
    arm: str
    model: str
    seeds: tuple[int, ...]
    problems: int
    over: Over
    by_k: Mapping[int, Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Widening:
    """pass@k of the policy minus that of `start`, for each k.

    overtaken_at: the smallest k from which on, up to the largest, the start is ahead; None where it is not ahead at the
        largest. A policy that is ahead at k = 1 and overtaken later was sharpened, one that is never overtaken
        widened; what of that is beyond chance, the intervals say.
    """

    backbone: str
    arm: str
    start: str
    seeds: tuple[int, ...]
    by_k: Mapping[int, Interval]
    overtaken_at: int | None


PassFigures = Mapping[tuple[str, str, str], Mapping[int, Figure]]
"""pass@k of each (backbone, arm, model), for each k."""


def pass_figures(wide: polars.DataFrame, resampler: Resampler) -> PassFigures:
    """pass@k for powers of two, up to the number of samples that all problems have."""
    return {
        key: {
            k: _pass_at(part, k, resampler)
            for k in _powers_of_two(part.select(polars.col("samples").min()).item())
        }
        for key, part in groups(wide, "backbone", "arm", "model")
    }


def pass_table(found: PassFigures, resampler: Resampler) -> Iterator[PassAtK]:
    """pass@k of every model with intervals."""
    for (backbone, arm, model), by_k in found.items():
        any_k = by_k[1]
        yield PassAtK(
            backbone=backbone,
            arm=arm,
            model=model,
            seeds=any_k.seeds,
            problems=len(any_k.problems),
            over=any_k.over,
            by_k={k: figure.interval(resampler) for k, figure in by_k.items()},
        )


def widenings(found: PassFigures, resampler: Resampler) -> Iterator[Widening]:
    """Policy against start, of every arm that has both."""
    for (backbone, arm, model), policy in found.items():
        start = next((name for name in STARTS if (backbone, arm, name) in found), None)
        if model != POLICY or start is None:
            continue
        before = found[backbone, arm, start]
        seeds = shared_seeds(policy[1], before[1])
        if not seeds:
            continue
        by_k = {k: policy[k].of_seeds(seeds) - before[k].of_seeds(seeds) for k in policy if k in before}
        yield Widening(
            backbone=backbone,
            arm=arm,
            start=start,
            seeds=by_k[1].seeds,
            by_k={k: figure.interval(resampler) for k, figure in by_k.items()},
            overtaken_at=overtaken_at({k: figure.mean for k, figure in by_k.items()}),
        )


def overtaken_at(differences: Mapping[int, float]) -> int | None:
    """The smallest k from which on all differences, policy minus start, are below 0."""
    found = None
    for k in sorted(differences, reverse=True):
        if rounded(differences[k]) >= 0:
            break
        found = k
    return found


def _pass_at(part: polars.DataFrame, k: int, resampler: Resampler) -> Figure:
    estimates = pass_at_k(part["samples"].to_numpy(), part["correct"].to_numpy(), k)
    return mean_share(scores(part.with_columns(share=estimates), polars.col("share")), resampler)


def _powers_of_two(limit: int) -> list[int]:
    return [1 << power for power in range(limit.bit_length())]

"""Scores [S, P] of arms whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import ArrayLike

from tailor_core.study.scores import Scores


def scores_of(
    shares: ArrayLike,
    seeds: Sequence[int] | None = None,
    problems: str = "p",
    clusters: Sequence[object] | None = None,
) -> Scores:
    """These shares, a row a seed; without clusters every problem stands alone."""
    table = numpy.asarray(shares, numpy.float64)
    names = tuple(f"{problems}-{number}" for number in range(table.shape[-1]))
    return Scores(
        seeds=tuple(range(1, len(table) + 1)) if seeds is None else tuple(seeds),
        problems=names,
        clusters=names if clusters is None else tuple(f"c-{one}" for one in clusters),
        shares=table,
    )


def drawn_arms(
    rng: numpy.random.Generator,
    *,
    arms: int,
    seeds: int,
    problems: int,
    seed_std: float,
    samples: int = 4,
    clusters: Sequence[int] | None = None,
) -> list[Scores]:
    """Equally good arms: problems differ and so does each arm on each; every seed of every arm has its own luck.

    With the cluster of each problem given, problems of one cluster are all that one problem to an arm.
    """
    alike = numpy.arange(problems) if clusters is None else numpy.asarray(clusters)
    easy = rng.beta(2, 2, problems)[alike]
    found = []
    for _ in range(arms):
        chance = easy + rng.normal(0, 0.1, problems)[alike] + rng.normal(0, seed_std, (seeds, 1))
        right = rng.binomial(samples, numpy.clip(chance, 0, 1)) / samples
        found.append(scores_of(right, clusters=clusters))
    return found

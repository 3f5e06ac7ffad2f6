"""Scores [S, P] of arms whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import ArrayLike

from tailor_core.study.scores import Scores


def scores_of(shares: ArrayLike, seeds: Sequence[int] | None = None, problems: str = "p") -> Scores:
    """These shares, a row a seed."""
    table = numpy.asarray(shares, numpy.float64)
    return Scores(
        seeds=tuple(range(1, len(table) + 1)) if seeds is None else tuple(seeds),
        problems=tuple(f"{problems}-{number}" for number in range(table.shape[-1])),
        shares=table,
    )


def drawn_arms(
    rng: numpy.random.Generator, *, arms: int, seeds: int, problems: int, seed_std: float, samples: int = 4
) -> list[Scores]:
    """Equally good arms: problems differ and so does each arm on each; every seed of every arm has its own luck."""
    easy = rng.beta(2, 2, problems)
    found = []
    for _ in range(arms):
        chance = easy + rng.normal(0, 0.1, problems) + rng.normal(0, seed_std, (seeds, 1))
        found.append(scores_of(rng.binomial(samples, numpy.clip(chance, 0, 1)) / samples))
    return found

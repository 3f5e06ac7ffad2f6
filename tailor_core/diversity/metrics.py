"""How diverse a set of demonstrations is: Vendi score, mean pairwise distance, distinct-n, balance.

Vendi score: Friedman & Dieng 2023, exp of the entropy of the eigenvalues of K / n with K the cosine kernel,
from the d x d dual matrix, which has the same non-zero eigenvalues. Mean pairwise distance: closed form of
the mean of 1 - cosine over all pairs. distinct-n: Li et al. 2016. Balance: entropy of the shares over its
maximum. Figures are rounded to six digits: eigenvalues come from LAPACK, whose last bits differ between
machines.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tailor_core.diversity.similarity import Grid

_DIGITS = 6


def vendi_score(grid: Grid) -> float:
    """The effective number of different rows, between 1 and n; 0 for no rows."""
    if not len(grid):
        return 0.0
    eigenvalues = np.linalg.eigvalsh(grid.T @ grid / len(grid))
    shares = eigenvalues[eigenvalues > 0]
    shares = shares / shares.sum()
    return round(math.exp(-math.fsum(p * math.log(p) for p in shares.tolist())), _DIGITS)


def mean_pairwise_distance(grid: Grid) -> float:
    """Mean of 1 - cosine over all unordered pairs of rows, between 0 and 2; 0 for fewer than two rows."""
    n = len(grid)
    if n < 2:
        return 0.0
    total = grid.sum(axis=0)
    similarities = (total @ total - (grid * grid).sum()) / (n * (n - 1))
    return round(1.0 - float(similarities), _DIGITS)


def distinct_ngrams(texts: Iterable[str], n: int) -> float:
    """Different word n-grams over all word n-grams, 0..1; 0 where no text has n words."""
    ngrams: Counter[tuple[str, ...]] = Counter()
    for text in texts:
        words = text.casefold().split()
        ngrams.update(zip(*(words[i:] for i in range(n)), strict=False))
    return round(len(ngrams) / max(1, ngrams.total()), _DIGITS)


def balance(labels: Iterable[Hashable], kinds: Iterable[Hashable]) -> float:
    """How evenly `labels` spread over `kinds`: entropy / log(number of kinds), 0..1; 1 for a single kind.

    A kind that no label has counts, which is the point: a library half unused is not balanced.
    """
    counts: Mapping[Hashable, int] = Counter(labels)
    num_kinds = len({*kinds, *counts})
    total = sum(counts.values())
    if not total:
        return 0.0
    if num_kinds == 1:
        return 1.0
    entropy = -math.fsum(c / total * math.log(c / total) for c in counts.values())
    return round(entropy / math.log(num_kinds), _DIGITS) + 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the metrics of a set are computed from; sequences and rows of `grid` run in parallel."""

    texts: Sequence[str]
    tokens: Sequence[int]
    primitives: Sequence[str]
    difficulties: Sequence[int]
    grid: Grid

    def subset(self, rows: Sequence[int]) -> Described:
        """The same for some of the rows."""
        return Described(
            texts=[self.texts[i] for i in rows],
            tokens=[self.tokens[i] for i in rows],
            primitives=[self.primitives[i] for i in rows],
            difficulties=[self.difficulties[i] for i in rows],
            grid=self.grid[list(rows)],
        )


def describe(rows: Described, primitives: Iterable[str], difficulties: Iterable[int]) -> dict[str, float]:
    """All metrics of one set; `primitives` and `difficulties` are the kinds to balance over."""
    return {
        "rows": len(rows.texts),
        "vendi_score": vendi_score(rows.grid),
        "mean_pairwise_distance": mean_pairwise_distance(rows.grid),
        **{f"distinct_{n}": distinct_ngrams(rows.texts, n) for n in (1, 2, 3)},
        "primitive_balance": balance(rows.primitives, primitives),
        "difficulty_balance": balance(rows.difficulties, difficulties),
        "mean_tokens": round(math.fsum(rows.tokens) / max(1, len(rows.tokens)), _DIGITS),
    }

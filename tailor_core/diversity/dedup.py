"""Which texts say again what a better one has said: exact, near and semantic duplicates.

All three tests walk the rows in one order of preference and keep a row unless a row kept before it is its
duplicate (leader clustering). So no two kept rows are duplicates of each other, every dropped row names a
kept one and how similar it is, a second pass drops nothing, and the result does not depend on the order of
the input: the order of preference is total (higher reward, then fewer tokens, then id).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tailor_core.diversity.shingles import NearTextIndex
from tailor_core.diversity.similarity import Grid, cosine

DuplicateRule = Literal["exact_duplicate", "near_duplicate", "semantic_duplicate"]
BLOCK_ROWS = 1024
"""Rows of a similarity block: 1024 x 1024 float64 is 8 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row that wants to be kept. `problem` scopes exact duplicates: the same words answer another
    question.
    """

    id: str
    problem: str
    text: str
    reward: float
    tokens: int

    @property
    def preference(self) -> tuple[float, int, str]:
        """Sorts the better of two duplicates first."""
        return (-self.reward, self.tokens, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Why a row was dropped: by which rule, in favour of which kept row, how similar the two are (0..1)."""

    id: str
    rule: DuplicateRule
    duplicate_of: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduplicated:
    """kept: best first; dropped: in the order in which they were found. Together: all that came in."""

    kept: tuple[Candidate, ...]
    dropped: tuple[Duplicate, ...]


def drop_exact(candidates: Iterable[Candidate]) -> Deduplicated:
    """Drop rows whose text equals a better row's of the same problem up to case, spacing and Unicode form."""
    leaders: dict[tuple[str, str], str] = {}
    kept, dropped = [], []
    for row in _best_first(candidates):
        key = (row.problem, normalised(row.text))
        leader = leaders.setdefault(key, row.id)
        if leader == row.id:
            kept.append(row)
        else:
            dropped.append(_duplicate(row, "exact_duplicate", leader, 1.0))
    return Deduplicated(kept=tuple(kept), dropped=tuple(dropped))


def normalised(text: str) -> str:
    """`text` in Unicode form NFKC, case folded, every run of white space one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def drop_near(candidates: Iterable[Candidate], threshold: float) -> Deduplicated:
    """Drop rows whose masked word shingles have Jaccard similarity >= threshold with a better row's.

    People and role words are masked, so a trace told again about other people is found across problems.
    """
    ordered = _best_first(candidates)
    index = NearTextIndex(threshold, (row.text for row in ordered))
    kept: list[Candidate] = []
    dropped = []
    for row in ordered:
        found = index.nearest(row.text)
        if found is None:
            index.add(row.text)
            kept.append(row)
        else:
            leader, similarity = found
            dropped.append(_duplicate(row, "near_duplicate", kept[leader].id, similarity))
    return Deduplicated(kept=tuple(kept), dropped=tuple(dropped))


def drop_semantic(candidates: Sequence[Candidate], grid: Grid, threshold: float) -> Deduplicated:
    """Drop rows whose cosine with a better row is >= threshold; `grid` [n, d] has a row per candidate.

    Exact, in blocks: time n x kept x d, memory a block. A row is dropped in favour of its most similar kept
    row.
    """
    order = sorted(range(len(candidates)), key=lambda i: candidates[i].preference)
    kept: list[int] = []
    dropped: list[Duplicate] = []
    for start in range(0, len(order), BLOCK_ROWS):
        block = order[start : start + BLOCK_ROWS]
        nearest = _nearest_kept(grid[block], grid, kept)
        within = cosine(grid[block], grid[block])
        # Most rows have no duplicate among the better rows of their block; only the others need a look.
        alike = np.tril(within, k=-1) >= threshold
        crowded = np.asarray(alike.any(axis=1))
        fresh = np.zeros(len(block), dtype=bool)
        for i, row in enumerate(block):
            similarity, leader = nearest[i]
            if crowded[i] and (alike[i] & fresh).any():
                j = int(np.where(fresh, within[i], -np.inf).argmax())
                if within[i, j] > similarity:
                    similarity, leader = float(within[i, j]), block[j]
            fresh[i] = similarity < threshold
            if not fresh[i]:
                dropped.append(
                    _duplicate(candidates[row], "semantic_duplicate", candidates[leader].id, similarity)
                )
        kept.extend(row for row, is_fresh in zip(block, fresh.tolist(), strict=True) if is_fresh)
    return Deduplicated(kept=tuple(candidates[i] for i in kept), dropped=tuple(dropped))


def _nearest_kept(block: Grid, grid: Grid, kept: list[int]) -> list[tuple[float, int]]:
    """Per row of the block: (highest cosine with a kept row, that row), the most preferred one on a tie."""
    best = np.full(len(block), -np.inf)
    leader = np.full(len(block), -1)
    for start in range(0, len(kept), BLOCK_ROWS):
        columns = np.array(kept[start : start + BLOCK_ROWS])
        similarities = cosine(block, grid[columns])
        nearest = similarities.argmax(axis=1)
        highest = similarities[np.arange(len(block)), nearest]
        better = highest > best
        best[better] = highest[better]
        leader[better] = columns[nearest[better]]
    return list(zip(best.tolist(), leader.tolist(), strict=True))


def _best_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    return sorted(candidates, key=lambda row: row.preference)


def _duplicate(row: Candidate, rule: DuplicateRule, leader: str, similarity: float) -> Duplicate:
    return Duplicate(id=row.id, rule=rule, duplicate_of=leader, similarity=similarity)

"""A diverse subset to a budget, balanced over primitives and difficulty.

Quotas first: the budget is poured evenly over the primitives, then each primitive's share over its
difficulties; what a small cell cannot take flows to the others. Then k-center greedy (Gonzalez 1985;
farthest point first) in the embedding: cells take turns in proportion to their quotas, and a cell gives the
row that is farthest from all that was taken before. So every prefix of the ranking is itself balanced and
diverse.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heapify, heappop, heapreplace
from typing import TypeVar

import numpy as np

from tailor_core.diversity.similarity import Grid, cosine

Cup = TypeVar("Cup", str, int)
Cell = tuple[str, int]
"""(primitive id, difficulty)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """ranking: positions of the chosen rows; nearest: per row not chosen, (chosen row, cosine)."""

    ranking: tuple[int, ...]
    nearest: Mapping[int, tuple[int, float]]


def select(cells: Sequence[Cell], grid: Grid, budget: int) -> Selection:
    """Choose min(budget, n) of the n rows, whose cells and unit vectors [n, d] are given, better rows first.

    Deterministic: on equal distance the earlier row wins, so the order of the input is the order of
    preference.
    """
    rows_of: defaultdict[Cell, list[int]] = defaultdict(list)
    for row, cell in enumerate(cells):
        rows_of[cell].append(row)
    share = quotas({cell: len(rows) for cell, rows in rows_of.items()}, budget)
    chosen: list[int] = []
    covers = {cell: _Cover(rows, grid, chosen) for cell, rows in rows_of.items()}
    turns = [(Fraction(0), cell) for cell, quota in share.items() if quota]
    heapify(turns)
    while turns:
        progress, cell = turns[0]
        chosen.append(covers[cell].take_farthest())
        progress += Fraction(1, share[cell])
        if progress < 1:
            heapreplace(turns, (progress, cell))
        else:
            heappop(turns)
    nearest = {row: found for cell in sorted(covers) for row, found in covers[cell].uncovered()}
    return Selection(ranking=tuple(chosen), nearest=nearest)


class _Cover:
    """How near the rows of one cell are to what was chosen so far, brought up to date only when asked.

    Catching up on many chosen rows at once is one matrix product instead of many matrix-vector products.
    """

    def __init__(self, rows: list[int], grid: Grid, chosen: list[int]) -> None:
        self._rows = rows
        self._grid = grid
        self._chosen = chosen
        self._caught_up = 0
        self._similarity = np.full(len(rows), -np.inf)
        self._nearest = np.full(len(rows), -1)
        self._free = np.ones(len(rows), dtype=bool)

    def take_farthest(self) -> int:
        """The free row least similar to all chosen ones, no longer free."""
        self._catch_up()
        position = int(np.where(self._free, self._similarity, np.inf).argmin())
        self._free[position] = False
        return self._rows[position]

    def uncovered(self) -> list[tuple[int, tuple[int, float]]]:
        """Per free row: (row, (the chosen row nearest to it, their cosine))."""
        self._catch_up()
        return [
            (self._rows[i], (int(self._nearest[i]), float(self._similarity[i])))
            for i in np.flatnonzero(self._free).tolist()
        ]

    def _catch_up(self) -> None:
        news = np.array(self._chosen[self._caught_up :])
        if not news.size:
            return
        self._caught_up = len(self._chosen)
        similarities = cosine(self._grid[self._rows], self._grid[news])
        first = similarities.argmax(axis=1)
        highest = similarities[np.arange(len(first)), first]
        nearer = highest > self._similarity
        self._similarity[nearer] = highest[nearer]
        self._nearest[nearer] = news[first[nearer]]


def quotas(sizes: Mapping[Cell, int], budget: int) -> dict[Cell, int]:
    """How many rows each cell gives: at most its size, min(budget, all) together, primitives as even as can
    be.
    """
    by_primitive: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for (primitive, difficulty), size in sizes.items():
        by_primitive[primitive][difficulty] = size
    shares = _pour({primitive: sum(cells.values()) for primitive, cells in by_primitive.items()}, budget, {})
    result: dict[Cell, int] = {}
    poured: Counter[int] = Counter()
    for primitive in sorted(shares):
        cells = _pour(by_primitive[primitive], shares[primitive], poured)
        poured.update(cells)
        result.update({(primitive, difficulty): amount for difficulty, amount in cells.items()})
    return result


def _pour(sizes: Mapping[Cup, int], amount: int, before: Mapping[Cup, int]) -> dict[Cup, int]:
    """Fill cups of the given sizes evenly; an uneven rest goes first to those that got least `before`."""
    levels = dict.fromkeys(sizes, 0)
    open_cups = [cup for cup in sizes if sizes[cup] > 0]
    left = min(amount, sum(sizes.values()))
    while left:
        step = min(left // len(open_cups), min(sizes[cup] - levels[cup] for cup in open_cups))
        if step == 0:
            for cup in sorted(open_cups, key=lambda cup: (before.get(cup, 0), cup))[:left]:
                levels[cup] += 1
            break
        for cup in open_cups:
            levels[cup] += step
        left -= step * len(open_cups)
        open_cups = [cup for cup in open_cups if levels[cup] < sizes[cup]]
    return levels

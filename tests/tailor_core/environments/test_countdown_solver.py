"""The Countdown solver against brute force: every tree of every order of the numbers, in rationals."""

from __future__ import annotations

import itertools
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments import get_environment
from tailor_core.environments.countdown.answers import check_answer
from tailor_core.environments.countdown.solver import all_solutions
from tailor_core.environments.countdown.spec import Countdown

Normal = Any
"""An int, or ("sum" | "product", sorted signed parts): all trees that differ in order and grouping have one."""


def solutions(numbers: tuple[int, ...], target: int) -> set[Normal]:
    return {
        normal
        for order in set(itertools.permutations(numbers))
        for value, normal in trees(order)
        if value == target
    }


@cache
def trees(numbers: tuple[int, ...]) -> frozenset[tuple[Fraction, Normal]]:
    if len(numbers) == 1:
        return frozenset([(Fraction(numbers[0]), numbers[0])])
    found = set()
    for cut in range(1, len(numbers)):
        for (a, one), (b, other) in itertools.product(trees(numbers[:cut]), trees(numbers[cut:])):
            found.add((a + b, joined("sum", one, other, 1)))
            found.add((a - b, joined("sum", one, other, -1)))
            found.add((a * b, joined("product", one, other, 1)))
            if b:
                found.add((a / b, joined("product", one, other, -1)))
    return frozenset(found)


def joined(kind: str, one: Normal, other: Normal, sign: int) -> Normal:
    parts = [*flat(kind, one), *[(sign * s, part) for s, part in flat(kind, other)]]
    return kind, tuple(sorted(parts, key=repr))


def flat(kind: str, normal: Normal) -> list[tuple[int, Normal]]:
    return list(normal[1]) if isinstance(normal, tuple) and normal[0] == kind else [(1, normal)]


@given(st.lists(st.integers(1, 12), min_size=2, max_size=4), st.integers(0, 40))
@settings(max_examples=60)
def test_all_solutions_are_found_once(numbers: list[int], target: int) -> None:
    found = all_solutions(Countdown(tuple(numbers), target))
    assert len(found) == len(set(found)) == len(solutions(tuple(numbers), target))
    assert all(check_answer(text, numbers, target).correct for text in found)


@pytest.mark.parametrize(
    ("numbers", "target", "count"),
    [((3, 3, 8, 8), 24, 1), ((1, 5, 5, 5), 24, 1), ((1, 1, 1, 1), 24, 0), ((2, 2), 0, 1), ((7, 7, 7), 7, 2)],
)
def test_known_games_have_their_solutions(numbers: tuple[int, ...], target: int, count: int) -> None:
    found = all_solutions(Countdown(numbers, target))
    assert len(found) == count
    assert len(solutions(numbers, target)) == count


@pytest.mark.integration
def test_five_numbers_too() -> None:
    numbers, target = (2, 3, 5, 7, 11), 29
    assert len(all_solutions(Countdown(numbers, target))) == len(solutions(numbers, target))


def test_the_environment_counts_and_shows_the_shortest() -> None:
    countdown = get_environment("countdown")
    found = countdown.solve({"numbers": [3, 5, 7, 8], "target": 24})
    assert (found.count, found.first) == (4, "3 * 7 + 8 - 5")
    assert countdown.solve({"numbers": [1, 1], "target": 9}).first is None

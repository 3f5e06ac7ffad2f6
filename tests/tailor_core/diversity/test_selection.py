"""Diverse selection: quotas, the bound of k-center greedy, and prefixes that are balanced themselves."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tailor_core.diversity.selection import quotas, select
from tailor_core.diversity.similarity import on_grid

cells = st.tuples(st.sampled_from("abc"), st.integers(2, 4))
sizes = st.dictionaries(cells, st.integers(0, 9))


def unit(seed: int, n: int, d: int = 6) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(sizes, st.integers(1, 60))
def test_quotas_spend_the_budget_within_the_sizes(sizes: dict[tuple[str, int], int], budget: int) -> None:
    result = quotas(sizes, budget)
    assert sum(result.values()) == min(budget, sum(sizes.values()))
    assert all(0 <= result[cell] <= sizes[cell] for cell in sizes)


@given(sizes, st.integers(1, 60))
def test_no_primitive_gets_two_more_than_one_that_could_take_more(
    sizes: dict[tuple[str, int], int], budget: int
) -> None:
    result = quotas(sizes, budget)
    got: Counter[str] = Counter()
    could: Counter[str] = Counter()
    for cell in sizes:
        got[cell[0]] += result[cell]
        could[cell[0]] += sizes[cell]
    for poor in got:
        if got[poor] < could[poor]:
            assert all(got[rich] <= got[poor] + 1 for rich in got)


def test_the_uneven_rest_does_not_always_go_to_the_same_difficulty() -> None:
    result = quotas({(p, d): 10 for p in "abc" for d in (2, 3, 4)}, 12)
    by_difficulty = Counter({d: sum(n for (_, e), n in result.items() if e == d) for d in (2, 3, 4)})
    assert set(by_difficulty.values()) == {4}


@settings(max_examples=60, deadline=None)
@given(st.lists(cells, min_size=1, max_size=25), st.integers(1, 30), st.integers(0, 9))
def test_a_selection_fills_the_quotas_and_every_other_row_knows_its_nearest_chosen_one(
    labels: list[tuple[str, int]], budget: int, seed: int
) -> None:
    vectors = unit(seed, len(labels))
    chosen = select(labels, on_grid(vectors), budget)
    assert len(set(chosen.ranking)) == len(chosen.ranking) == min(budget, len(labels))
    taken = Counter(labels[i] for i in chosen.ranking)
    assert taken == +Counter(quotas(Counter(labels), budget))
    assert set(chosen.nearest) == set(range(len(labels))) - set(chosen.ranking)
    for row, (near, similarity) in chosen.nearest.items():
        cosines = vectors[list(chosen.ranking)] @ vectors[row]
        assert similarity == pytest.approx(cosines.max(), abs=2e-6)
        assert vectors[near] @ vectors[row] == pytest.approx(cosines.max(), abs=2e-6)


@pytest.mark.parametrize("seed", range(5))
def test_in_one_cell_the_cover_is_within_twice_the_best_possible(seed: int) -> None:
    vectors = unit(seed, 12, 3)
    distance = cdist(vectors, vectors)

    def radius(centers: tuple[int, ...]) -> float:
        return float(distance[:, centers].min(axis=1).max())

    best = min(radius(centers) for centers in combinations(range(12), 4))
    chosen = select([("p", 2)] * 12, on_grid(vectors), 4)
    assert radius(chosen.ranking) <= 2 * best + 1e-6


def test_the_first_choice_is_the_preferred_row_and_the_second_its_opposite() -> None:
    vectors = np.array([[1, 0], [0.6, 0.8], [-1, 0], [0, 1]], dtype=float)
    assert select([("p", 2)] * 4, on_grid(vectors), 2).ranking == (0, 2)


def test_every_prefix_of_the_ranking_is_balanced() -> None:
    labels = [(p, d) for p in "abcd" for d in (2, 3) for _ in range(10)]
    ranking = select(labels, on_grid(unit(1, len(labels))), 40).ranking
    for end in range(8, 41, 8):
        assert set(Counter(labels[i] for i in ranking[:end]).values()) == {end // 8}


def test_more_diverse_than_the_first_rows() -> None:
    vectors = np.concatenate([unit(2, 5)[[0] * 50], unit(3, 50)])
    chosen = select([("p", 2)] * 100, on_grid(vectors), 20)
    assert sum(i < 50 for i in chosen.ranking) == 1

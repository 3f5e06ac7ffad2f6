"""Diversity metrics against scipy, the primal definition and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import entropy

from tailor_core.diversity.metrics import (
    Described,
    balance,
    describe,
    distinct_ngrams,
    mean_pairwise_distance,
    vendi_score,
)
from tailor_core.diversity.similarity import on_grid


def unit(seed: int, n: int, d: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "d"), [(1, 4), (5, 8), (40, 8), (30, 64)])
def test_vendi_is_the_exponential_of_scipys_entropy_of_the_kernels_eigenvalues(n: int, d: int) -> None:
    rows = unit(n, n, d)
    eigenvalues = np.linalg.eigvalsh(rows @ rows.T / n).clip(0)
    assert vendi_score(on_grid(rows)) == pytest.approx(np.exp(entropy(eigenvalues)), abs=1e-4)


def test_vendi_counts_different_rows() -> None:
    assert vendi_score(on_grid(np.eye(6))) == pytest.approx(6, abs=1e-6)
    assert vendi_score(on_grid(np.repeat(np.eye(6)[:2], 50, axis=0))) == pytest.approx(2, abs=1e-6)
    assert vendi_score(on_grid(np.eye(6)[:1])) == 1
    assert vendi_score(on_grid(np.zeros((0, 6)))) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(2, 20), st.integers(0, 99))
def test_mean_distance_is_the_mean_of_scipys_pairwise_cosine_distances(n: int, d: int, seed: int) -> None:
    rows = unit(seed, n, d)
    assert mean_pairwise_distance(on_grid(rows)) == pytest.approx(pdist(rows, "cosine").mean(), abs=1e-5)


def test_mean_distance_of_fewer_than_two_rows_is_zero() -> None:
    assert mean_pairwise_distance(on_grid(np.eye(3)[:1])) == 0
    assert mean_pairwise_distance(on_grid(np.zeros((0, 3)))) == 0


def test_distinct_ngrams_are_the_share_of_different_ones() -> None:
    assert distinct_ngrams(["a b a b", "A b"], 1) == pytest.approx(2 / 6, abs=1e-6)
    assert distinct_ngrams(["a b a b", "A b"], 2) == pytest.approx(2 / 4, abs=1e-6)
    assert distinct_ngrams(["a"], 2) == 0
    assert distinct_ngrams([], 1) == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1))
def test_balance_is_scipys_entropy_over_all_kinds(labels: list[int]) -> None:
    expected = entropy(np.bincount(labels, minlength=6)) / np.log(6)
    assert balance(labels, range(6)) == pytest.approx(expected, abs=1e-6)


def test_balance_at_its_ends() -> None:
    assert balance(["a", "b"] * 3, "ab") == 1
    assert balance(["a"] * 3, "ab") == 0
    assert balance(["a"] * 3, "a") == 1
    assert balance([], "ab") == 0


def test_a_description_has_every_metric_and_a_subset_describes_its_rows() -> None:
    rows = Described(
        texts=["a b", "a b", "c d"],
        tokens=[2, 4, 6],
        primitives=["p", "p", "q"],
        difficulties=[2, 3, 3],
        grid=on_grid(np.eye(3)[[0, 0, 1]]),
    )
    assert set(describe(rows, "pq", [2, 3])) == {
        "rows", "vendi_score", "mean_pairwise_distance", "distinct_1", "distinct_2", "distinct_3",
        "primitive_balance", "difficulty_balance", "mean_tokens",
    }  # fmt: skip
    part = describe(rows.subset([0, 2]), "pq", [2, 3])
    assert part["rows"] == 2
    assert part["vendi_score"] == pytest.approx(2)
    assert part["distinct_1"] == 1
    assert part["primitive_balance"] == 1
    assert part["mean_tokens"] == 4

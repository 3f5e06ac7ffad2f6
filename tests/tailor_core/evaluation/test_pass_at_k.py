from __future__ import annotations

import itertools
import math

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.errors import InputError
from tailor_core.evaluation.pass_at_k import pass_at_k


@pytest.mark.parametrize("n", range(1, 8))
def test_pass_at_k_is_the_share_of_draws_that_hold_a_correct_sample(n: int) -> None:
    for c in range(n + 1):
        marks = [True] * c + [False] * (n - c)
        for k in range(1, n + 1):
            draws = list(itertools.combinations(marks, k))
            assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, draws)) / len(draws))


@given(st.integers(1, 400), st.data())
def test_pass_at_k_agrees_with_exact_binomials(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert float(pass_at_k(n, c, k)) == pytest.approx(1 - math.comb(n - c, k) / math.comb(n, k), abs=1e-12)


def test_pass_at_1_is_the_mean_and_problems_may_have_different_counts() -> None:
    found = pass_at_k(numpy.array([4, 8, 2]), numpy.array([1, 8, 0]), 1)
    assert found.tolist() == pytest.approx([0.25, 1, 0])


def test_the_estimator_is_unbiased() -> None:
    p, n, k = 0.3, 6, 3
    expected = sum(
        math.comb(n, c) * p**c * (1 - p) ** (n - c) * float(pass_at_k(n, c, k)) for c in range(n + 1)
    )
    assert expected == pytest.approx(1 - (1 - p) ** k)


@pytest.mark.parametrize(("n", "c", "k"), [(4, 1, 5), (4, 1, 0), (4, 5, 1), (4, -1, 1)])
def test_impossible_counts_are_refused_with_a_sentence(n: int, c: int, k: int) -> None:
    with pytest.raises(InputError, match=r"k = \d|correct holds"):
        pass_at_k(n, c, k)

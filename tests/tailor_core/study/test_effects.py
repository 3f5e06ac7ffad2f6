from __future__ import annotations

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tailor_core.study.effects import cohens_dz, probability_of_superiority

SCORES = st.lists(st.integers(0, 10).map(lambda tenths: tenths / 10), min_size=1, max_size=8)


def test_cohens_dz_by_hand() -> None:
    # 1, 2, 3, 6: mean 3, squared distances 4 + 1 + 0 + 9 = 14 over 3.
    assert cohens_dz(numpy.array([1.0, 2.0, 3.0, 6.0])) == pytest.approx(3 / (14 / 3) ** 0.5)


def test_cohens_dz_is_the_paired_t_over_the_root_of_n() -> None:
    rng = numpy.random.default_rng(0)
    first, second = rng.random(30), rng.random(30)
    theirs = stats.ttest_rel(first, second).statistic / 30**0.5
    assert cohens_dz(first - second) == pytest.approx(theirs)


def test_cohens_dz_of_differences_that_do_not_vary_is_none() -> None:
    assert cohens_dz(numpy.array([0.5, 0.5])) is None
    assert cohens_dz(numpy.array([0.5])) is None


@given(SCORES, SCORES)
def test_superiority_is_mann_whitneys_u_as_a_share(first: list[float], second: list[float]) -> None:
    theirs = stats.mannwhitneyu(first, second).statistic / (len(first) * len(second))
    assert probability_of_superiority(numpy.array(first), numpy.array(second)) == pytest.approx(theirs)


def test_superiority_by_hand() -> None:
    # 3 beats 1 and 2; 2 beats 1 and ties with 2.
    assert probability_of_superiority(numpy.array([3.0, 2.0]), numpy.array([1.0, 2.0])) == 3.5 / 4

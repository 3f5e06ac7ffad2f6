"""Rarefaction against scipy's hypergeometric distribution, every possible sample, simulation and hand-made cases."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

from tailor_core.study.rarefaction import expected_distinct, expected_nearest, ladder


def test_three_traces_of_which_one_shows_a_kind_that_all_show_and_one_of_its_own() -> None:
    found = expected_distinct(np.array([3, 1]), 3, [1, 2, 3])
    assert found == pytest.approx([1 + 1 / 3, 1 + 2 / 3, 2])


@given(st.data())
def test_a_kind_is_seen_unless_scipy_draws_none_that_shows_it(data: st.DataObject) -> None:
    units = data.draw(st.integers(1, 4000))
    shown_by = np.array(data.draw(st.lists(st.integers(1, units), max_size=30)), dtype=np.int64)
    size = data.draw(st.integers(1, units))
    expected = sum(1 - hypergeom.pmf(0, units, count, size) for count in shown_by)
    assert expected_distinct(shown_by, units, [size])[0] == pytest.approx(expected, abs=1e-6)


def test_drawing_many_samples_comes_to_the_same() -> None:
    rng = np.random.default_rng(5)
    shows = rng.random((60, 200)) < rng.random(200) ** 4  # [traces, kinds], most kinds rare
    drawn = [shows[rng.permutation(60)[:12]].any(axis=0).sum() for _ in range(4000)]
    error = np.std(drawn) / np.sqrt(len(drawn))
    expected = expected_distinct(shows.sum(axis=0), 60, [12])[0]
    assert abs(np.mean(drawn) - expected) < 4 * error


@given(st.data())
def test_more_traces_show_no_less_and_all_show_everything(data: st.DataObject) -> None:
    units = data.draw(st.integers(1, 60))
    shown_by = np.array(data.draw(st.lists(st.integers(1, units), min_size=1)), dtype=np.int64)
    found = expected_distinct(shown_by, units, list(range(1, units + 1)))
    assert (np.diff(found) > -1e-9).all()
    assert found[0] == pytest.approx(shown_by.sum() / units)  # the mean number that one trace shows
    assert found[-1] == pytest.approx(len(shown_by))


@given(st.integers(1, 7), st.integers(1, 4), st.integers(0, 99))
def test_the_nearest_is_as_far_as_on_the_average_of_all_possible_samples(
    units: int, points: int, seed: int
) -> None:
    distances = np.random.default_rng(seed).random((points, units)).round(1)  # with ties
    sizes = list(range(1, units + 1))
    exact = [
        np.mean([distances[:, list(part)].min(axis=1) for part in combinations(range(units), size)])
        for size in sizes
    ]
    assert expected_nearest(distances, sizes) == pytest.approx(exact)


def test_sizes_are_the_same_for_all_as_far_as_they_go() -> None:
    assert ladder(0) == []
    assert ladder(1) == [1]
    assert ladder(400) == [1, 2, 5, 10, 20, 50, 100, 200]
    assert ladder(5000)[-1] == 5000

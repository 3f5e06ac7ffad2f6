from __future__ import annotations

import itertools

import numpy
import polars
import pytest
from scipy import stats

from tailor_core.study.correlation import _shared_data, correlation_of_arms, rank_correlations


def rng(seed: int = 0) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


def test_rho_is_scipys_with_ties_and_missing_values() -> None:
    x = rng(1).integers(0, 6, (20, 15)).astype(float)
    y = x + rng(2).integers(0, 8, (20, 15))
    x[rng(3).random(x.shape) < 0.2] = numpy.nan
    y[rng(4).random(y.shape) < 0.2] = numpy.nan
    theirs = [stats.spearmanr(a, b, nan_policy="omit").statistic for a, b in zip(x, y, strict=True)]
    assert rank_correlations(x, y) == pytest.approx(theirs)


def test_what_does_not_vary_has_no_rho() -> None:
    x, y = numpy.array([[1.0, 1, 1], [1, 2, numpy.nan]]), numpy.array([[1.0, 2, 3], [5, numpy.nan, 6]])
    assert numpy.isnan(rank_correlations(x, y)).all()
    assert correlation_of_arms(numpy.ones((5, 2)), rng().random((5, 2)), rng(), 100) is None
    assert correlation_of_arms(rng().random((5, 2)), numpy.ones((5, 2)), rng(), 100) is None


def test_the_p_value_is_near_the_enumeration_of_all_deals_of_the_arms() -> None:
    x, y = rng(5).random((5, 2)), rng(6).random((5, 2))
    x[1, 0] = numpy.nan
    rho = stats.spearmanr(x.ravel(), y.ravel(), nan_policy="omit").statistic
    every = [
        stats.spearmanr(x[list(deal)].ravel(), y.ravel(), nan_policy="omit").statistic
        for deal in itertools.permutations(range(5))
    ]
    exact = numpy.mean(numpy.abs(every) >= abs(rho) - 1e-9)
    found = correlation_of_arms(x, y, rng(7), 5000)
    assert found is not None
    assert found[0].value == pytest.approx(rho)
    assert found[1] == pytest.approx(exact, abs=0.025)


def test_the_interval_draws_whole_arms() -> None:
    x = rng(8).random((4, 1)).repeat(2, axis=1)
    y = rng(9).random((4, 2))
    every = [
        stats.spearmanr(x[list(draw)].ravel(), y[list(draw)].ravel()).statistic
        for draw in itertools.product(range(4), repeat=4)
        if len(set(draw)) > 1
    ]
    found = correlation_of_arms(x, y, rng(10), 20_000)
    assert found is not None
    assert (found[0].low, found[0].high) == pytest.approx(numpy.quantile(every, [0.025, 0.975]), abs=0.03)


def test_seeds_of_one_arm_do_not_count_as_arms() -> None:
    # Eight arms, three seeds that hardly differ: 24 points, and yet what chance does to eight.
    world, clustered, naive = rng(11), [], []
    for _ in range(200):
        x = world.random((8, 1)) + world.normal(0, 0.001, (8, 3))
        y = world.random((8, 1)) + world.normal(0, 0.001, (8, 3))
        found = correlation_of_arms(x, y, world, 200)
        assert found is not None
        clustered.append(found[1])
        naive.append(stats.spearmanr(x.ravel(), y.ravel()).pvalue)
    assert 0.01 <= numpy.mean(numpy.array(clustered) <= 0.05) <= 0.09
    assert 0.4 <= numpy.mean(numpy.array(clustered) <= 0.5) <= 0.6
    assert numpy.mean(numpy.array(naive) <= 0.05) > 0.15


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_arms_that_share_data_by_a_third_are_one_in_any_order(order: tuple[str, ...]) -> None:
    contents = {"a": ["x"], "b": ["y"], "c": ["x", "y"]}
    rows = [{"arm": arm, "content": content} for arm in order for content in contents[arm]]
    rows.append({"arm": "d", "content": "z"})
    shared = _shared_data(polars.DataFrame(rows))
    assert shared == {**dict.fromkeys("abc", order[0]), "d": "d"}

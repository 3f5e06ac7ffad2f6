from __future__ import annotations

import itertools

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tailor_core.errors import InputError
from tailor_core.evaluation.intervals import (
    difference_interval,
    mean_intervals,
    paired_p_value,
    wilson,
)


def rng(seed: int = 0) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


@given(st.integers(1, 500), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_wilson_is_scipys(trials: int, data: st.DataObject, confidence: float) -> None:
    successes = data.draw(st.integers(0, trials))
    mine = wilson(successes / trials, trials, confidence)
    theirs = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_bootstrap_is_scipys_percentile_bootstrap() -> None:
    values = rng(1).beta(0.6, 0.8, 80)
    mine = mean_intervals(values[:, None], rng(2), resamples=20_000, confidence=0.95)[0]
    theirs = stats.bootstrap(
        (values,), numpy.mean, n_resamples=20_000, method="percentile", rng=rng(3)
    ).confidence_interval
    assert mine.method == "bootstrap"
    assert mine.value == pytest.approx(values.mean())
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_a_tiny_bootstrap_matches_the_enumeration_of_all_resamples() -> None:
    values = numpy.array([0.0, 0.25, 1.0, 0.5])
    every = [numpy.mean(draw) for draw in itertools.product(values, repeat=4)]
    low, high = numpy.quantile(every, [0.05, 0.95])
    mine = mean_intervals(values[:, None], rng(), resamples=40_000, confidence=0.9)[0]
    assert (mine.low, mine.high) == pytest.approx((low, high), abs=0.07)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # Problems differ in difficulty and have four samples each: resampling samples would be too sure.
    world, covered = rng(4), 0
    for _ in range(300):
        chance = world.beta(0.5, 0.5, 60)
        values = world.binomial(4, chance) / 4
        one = mean_intervals(values[:, None], world, resamples=400, confidence=0.9)[0]
        covered += one.low <= 0.5 <= one.high
    assert 0.85 <= covered / 300 <= 0.95


def test_problems_of_a_skeleton_stand_or_fall_together() -> None:
    # As a split of iGSM is: half of the problems are of five skeletons, the others of many.
    clusters = [f"s-{number % 5 if number < 60 else 5 + number // 3}" for number in range(120)]
    names = sorted(set(clusters))
    world, rates = rng(4), []
    for _ in range(300):
        chance = dict(zip(names, world.beta(0.5, 0.5, len(names)), strict=True))
        values, other = (
            world.binomial(4, [chance[name] for name in clusters])[:, None] / 4 for _ in range(2)
        )
        settings = {"resamples": 300, "confidence": 0.9}
        aware, unaware = (
            mean_intervals(values, world, **settings, clusters=known)[0] for known in (clusters, None)
        )
        rates.append([one.low <= 0.5 <= one.high for one in (aware, unaware)])
        paired = difference_interval(values[:, 0], other[:, 0], world, **settings, clusters=clusters)
        rates[-1].append(paired.low <= 0 <= paired.high)
    aware_covers, unaware_covers, paired_covers = numpy.mean(rates, axis=0)
    assert unaware_covers < 0.7
    assert 0.78 <= aware_covers <= 0.95
    assert 0.8 <= paired_covers <= 0.97


def test_a_cluster_bootstrap_is_scipys_of_the_clusters_sums_where_they_are_equally_large() -> None:
    values = rng(6).random((60, 1))
    clusters = [f"s-{number // 4}" for number in range(60)]
    mine = mean_intervals(values, rng(2), resamples=20_000, confidence=0.95, clusters=clusters)[0]
    theirs = stats.bootstrap(
        (values.reshape(15, 4).mean(axis=1),), numpy.mean, n_resamples=20_000, method="percentile", rng=3
    ).confidence_interval
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)
    assert mine.value == pytest.approx(values.mean())


@pytest.mark.parametrize("trials", range(1, 200))
def test_wilson_ends_at_0_and_1_where_the_share_does(trials: int) -> None:
    assert wilson(0.0, trials, 0.95).low == 0
    assert wilson(1.0, trials, 0.95).high == 1


def test_clusters_flip_signs_together_and_wilson_counts_them() -> None:
    first, second = numpy.ones(40), numpy.zeros(40)
    clusters = ["one"] * 20 + ["two"] * 20
    assert paired_p_value(first, second, rng(), resamples=100, clusters=clusters) == 0.5
    none = mean_intervals(numpy.zeros((40, 1)), rng(), resamples=100, confidence=0.95, clusters=clusters)[0]
    assert none.high == pytest.approx(stats.binomtest(0, 2).proportion_ci(method="wilson").high)


def test_where_all_problems_score_alike_wilson_stands_in() -> None:
    none, half = mean_intervals(numpy.array([[0.0, 0.5]] * 30), rng(), resamples=200, confidence=0.95)
    assert none.method == half.method == "wilson"
    assert (none.low, none.value) == (0, 0)
    assert none.high == pytest.approx(stats.binomtest(0, 30).proportion_ci(method="wilson").high)
    assert half.low < 0.5 < half.high


def test_where_all_clusters_score_alike_wilson_stands_in_whatever_their_problems_do() -> None:
    """One skeleton for all problems, or two with the same mean: resampling changes nothing, which is no certainty."""
    for shares, clusters in (([1.0, 0, 1, 1], ["one"] * 4), ([1.0, 0, 0, 1], ["one", "one", "two", "two"])):
        values = numpy.array(shares)
        found = mean_intervals(values[:, None], rng(), resamples=200, confidence=0.95, clusters=clusters)[0]
        told = stats.binomtest(1, 2).proportion_ci(method="wilson")
        assert found.method == "wilson"
        assert found.value == values.mean()
        assert found.low < 0.4
        if len(set(clusters)) == 2:
            assert (found.low, found.high) == pytest.approx((told.low, told.high))
        paired = difference_interval(
            values, numpy.zeros(4), rng(), resamples=200, confidence=0.95, clusters=clusters
        )
        assert paired.method == "wilson"
        assert paired.low < values.mean() - 0.1 < values.mean() + 0.1 < paired.high


def test_the_same_seed_gives_the_same_interval_and_memory_does_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = rng(5).random((50, 3))
    whole = mean_intervals(values, rng(6), resamples=500, confidence=0.95)
    assert whole == mean_intervals(values, rng(6), resamples=500, confidence=0.95)
    monkeypatch.setattr("tailor_core.evaluation.intervals._DRAWS_AT_ONCE", 1)
    piecewise = mean_intervals(values, rng(6), resamples=500, confidence=0.95)
    assert [one.low for one in whole] == pytest.approx([one.low for one in piecewise])


def test_pairing_makes_a_steady_gain_visible() -> None:
    base = rng(7).random(100) * 0.9
    better = base + 0.02 + rng(8).random(100) * 0.02
    paired = difference_interval(better, base, rng(), resamples=2000, confidence=0.95)
    alone = mean_intervals(numpy.stack([better, base], axis=1), rng(), resamples=2000, confidence=0.95)
    assert 0.02 < paired.low < paired.value < paired.high < 0.04
    assert alone[1].high > alone[0].low


def test_a_difference_without_spread_gets_newcombes_interval() -> None:
    # Newcombe 1998, method 10, worked by hand from the two Wilson intervals.
    ones, zeros = numpy.ones(20), numpy.zeros(20)
    high = stats.binomtest(0, 20).proportion_ci(method="wilson").high
    one = difference_interval(ones, zeros, rng(), resamples=200, confidence=0.95)
    assert (one.value, one.high) == (1, 1)
    assert one.low == pytest.approx(1 - high * 2**0.5)
    same = difference_interval(zeros, zeros, rng(), resamples=200, confidence=0.95)
    assert (same.low, same.high) == pytest.approx((-high, high))


@pytest.mark.parametrize("count", [2, 4, 9, 12])
def test_the_exact_sign_flip_test_is_scipys(count: int) -> None:
    first = rng(count).integers(0, 5, count) / 4
    second = rng(count + 100).integers(0, 5, count) / 4
    theirs = stats.permutation_test(
        (first, second), lambda a, b: numpy.mean(a - b), permutation_type="samples", n_resamples=numpy.inf
    )
    assert paired_p_value(first, second, rng(), resamples=100) == pytest.approx(theirs.pvalue)


def test_the_drawn_sign_flip_test_is_near_the_exact_one_and_never_zero() -> None:
    first, second = rng(20).random(16), rng(21).random(16)
    theirs = stats.permutation_test(
        (first, second), lambda a, b, axis: numpy.mean(a - b, axis=axis),
        permutation_type="samples", n_resamples=numpy.inf, vectorized=True,
    )  # fmt: skip
    assert paired_p_value(first, second, rng(), resamples=20_000) == pytest.approx(theirs.pvalue, abs=0.02)
    assert paired_p_value(numpy.ones(50), numpy.zeros(50), rng(), resamples=999) == pytest.approx(0.001)
    assert paired_p_value(first, first, rng(), resamples=100) == 1


def test_figures_about_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="at least"):
        mean_intervals(numpy.zeros((0, 1)), rng(), resamples=100, confidence=0.95)
    with pytest.raises(InputError, match="2 problems and second 3"):
        paired_p_value(numpy.zeros(2), numpy.zeros(3), rng(), resamples=100)
    with pytest.raises(InputError, match="trials = 0"):
        wilson(0.0, 0, 0.95)

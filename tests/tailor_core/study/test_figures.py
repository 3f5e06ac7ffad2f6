from __future__ import annotations

import itertools

import numpy
import polars
import pytest
from made_up_scores import scores_of
from scipy import stats

from tailor_core.evaluation.intervals import difference_interval, wilson
from tailor_core.study.figures import mean_share, resampled
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import scores, scores_along

MANY = Resampler(0, 20_000)


def rng(seed: int = 0) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


def test_rows_become_a_table_of_seeds_and_problems_whatever_their_order() -> None:
    frame = polars.DataFrame(
        {
            "seed": [9, 7, 9, 7],
            "problem_id": ["b", "b", "a", "a"],
            "cluster": ["y", "y", "x", "x"],
            "samples": [4, 4, 2, 2],
            "correct": [1, 4, 1, 0],
        }
    )
    found = scores(frame)
    assert (found.seeds, found.problems, found.clusters) == ((7, 9), ("a", "b"), ("x", "y"))
    assert found.shares.tolist() == [[0, 1], [0.5, 0.25]]


def test_a_curve_has_the_steps_that_all_seeds_have() -> None:
    rows = [(1, 0, 0), (1, 10, 1), (1, 20, 2), (2, 0, 0), (2, 20, 1)]
    frame = polars.DataFrame(
        [
            {"seed": seed, "step": step, "problem_id": "a", "cluster": "a", "samples": 2, "correct": right}
            for seed, step, right in rows
        ]
    )
    steps, found = scores_along(frame)
    assert steps == (0, 20)
    assert found.shares.tolist() == [[[0], [1]], [[0], [0.5]]]


def test_with_one_seed_it_is_scipys_bootstrap_over_problems_and_says_so() -> None:
    values = rng(1).beta(0.6, 0.8, 80)
    mine = mean_share(scores_of([values]), MANY).estimate(MANY)
    theirs = stats.bootstrap(
        (values,), numpy.mean, n_resamples=20_000, method="percentile", rng=rng(3)
    ).confidence_interval
    assert (mine.over, mine.std, mine.problems) == ("problems", None, 80)
    assert mine.mean == pytest.approx(values.mean())
    assert (mine.interval.low, mine.interval.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_with_several_seeds_it_is_the_enumeration_of_all_crossed_draws() -> None:
    table = numpy.array([[0.0, 0.5, 1.0], [0.25, 0.5, 0.75], [0.75, 1.0, 1.0]])
    every = [
        table[numpy.ix_(seeds, problems)].mean()
        for seeds in itertools.product(range(3), repeat=3)
        for problems in itertools.product(range(3), repeat=3)
    ]
    mine = mean_share(scores_of(table), MANY).estimate(MANY)
    assert mine.over == "seeds and problems"
    assert (mine.interval.low, mine.interval.high) == pytest.approx(
        numpy.quantile(every, [0.025, 0.975]), abs=0.02
    )
    assert mine.std == pytest.approx(table.mean(axis=1).std(ddof=1))
    assert mine.per_seed == pytest.approx(table.mean(axis=1))


def test_of_problems_solved_alike_whole_clusters_are_drawn() -> None:
    values, clusters = numpy.array([0.1, 0.3, 0.2, 1.0, 0.6, 0.7]), numpy.array([0, 0, 0, 1, 2, 2])
    every = [
        numpy.concatenate([values[clusters == one] for one in drawn]).mean()
        for drawn in itertools.product(range(3), repeat=3)
    ]
    mine = mean_share(scores_of([values], clusters=clusters), MANY)
    told = mine.estimate(MANY)
    assert (told.problems, told.clusters) == (6, 3)
    assert told.mean == pytest.approx(values.mean())
    assert set(numpy.round(mine.replicates, 9).ravel()) == set(numpy.round(every, 9))
    assert mine.replicates.std() == pytest.approx(numpy.std(every), rel=0.03)


def test_how_many_problems_without_anything_in_common_would_say_as_much() -> None:
    def independent(clusters: list[int]) -> float:
        return mean_share(scores_of([[0.5] * len(clusters)], clusters=clusters), MANY).independent

    assert independent([1, 2, 3, 4]) == pytest.approx(4)
    assert independent([1, 1, 1, 2, 2, 2]) == pytest.approx(2)
    assert independent([1, 1, 1, 2]) == pytest.approx(16 / 10)


def test_of_clusters_that_nothing_is_ever_solved_in_wilson_counts_clusters() -> None:
    zeros = mean_share(scores_of(numpy.zeros((2, 40)), clusters=[number // 10 for number in range(40)]), MANY)
    assert zeros.interval(MANY) == wilson(0.0, 4, 0.95)


def test_seeds_that_disagree_widen_an_interval_that_problems_alone_would_not() -> None:
    problems = rng(2).random(200) * 0.2
    agreeing = mean_share(scores_of([problems + 0.4] * 3), MANY).interval(MANY)
    disagreeing = mean_share(scores_of([problems + 0.2, problems + 0.4, problems + 0.6]), MANY).interval(MANY)
    assert agreeing.value == pytest.approx(disagreeing.value)
    assert disagreeing.high - disagreeing.low > 5 * (agreeing.high - agreeing.low)


def test_seeds_with_problems_of_their_own_make_the_mean_of_their_means() -> None:
    table = numpy.full((2, 30), numpy.nan)
    table[0, :10], table[1, 10:] = rng(3).random(10), rng(4).random(20)
    figure = mean_share(scores_of(table), MANY)
    assert figure.values == pytest.approx([numpy.nanmean(table[0]), numpy.nanmean(table[1])])
    assert numpy.isfinite(figure.replicates).all()
    alone = table[0, :10]
    assert figure.replicates[:, 0].std() == pytest.approx(alone.std() / 10**0.5, rel=0.15)


def test_a_draw_without_any_problem_of_a_seed_takes_that_seeds_mean() -> None:
    values, replicates = resampled(scores_of([[0.25, numpy.nan], [numpy.nan, 0.75]]), MANY)
    assert values.tolist() == [0.25, 0.75]
    assert (replicates == [0.25, 0.75]).all()


def test_where_nothing_varies_wilson_stands_in() -> None:
    none = mean_share(scores_of(numpy.zeros((3, 40))), MANY).interval(MANY)
    assert none.method == "wilson"
    assert none == wilson(0.0, 40, 0.95)
    assert none.high == pytest.approx(stats.binomtest(0, 40).proportion_ci(method="wilson").high)


def test_a_gain_where_nothing_varies_has_newcombes_interval() -> None:
    ones, zeros = numpy.ones((2, 20)), numpy.zeros((2, 20))
    gain = mean_share(scores_of(ones), MANY) - mean_share(scores_of(zeros), MANY)
    theirs = difference_interval(ones[0], zeros[0], rng(), resamples=100, confidence=0.95)
    assert gain.interval(MANY) == theirs
    # Of four shares, two gains: the squares of all four distances add up (Zou & Donner 2008).
    twice = (gain - gain).interval(MANY)
    up = theirs.value - theirs.low
    assert (twice.low, twice.high) == pytest.approx((-up, up))


def test_a_gain_is_paired_over_seeds_and_problems() -> None:
    start = rng(5).random((3, 50)) * 0.5
    later = start + numpy.array([[0.1], [0.2], [0.3]]) * rng(6).uniform(0.99, 1.01, 50)
    gain = mean_share(scores_of(later), MANY) - mean_share(scores_of(start), MANY)
    assert gain.values == pytest.approx([0.1, 0.2, 0.3], abs=0.001)
    # The spread is that of three seeds: of 27 draws one has the first seed only, and one the last.
    interval = gain.interval(MANY)
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.3), abs=0.005)


def test_the_draws_follow_from_seed_and_problems_only() -> None:
    table = rng(6).random((2, 30))
    once, again = (mean_share(scores_of(table), Resampler(4, 500)) for _ in range(2))
    assert (once.replicates == again.replicates).all()
    other = mean_share(scores_of(table), Resampler(5, 500))
    renamed = mean_share(scores_of(table, problems="q"), Resampler(4, 500))
    assert not (once.replicates == other.replicates).all()
    assert not (once.replicates == renamed.replicates).all()


def test_weights_are_counts_of_draws_with_replacement() -> None:
    weights = MANY.weights("problems", ["a", "b", "c", "d"])
    assert weights.sum(axis=1) == pytest.approx(numpy.ones(20_000))
    assert weights.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.01)
    assert (weights * 4)[:, 0].var() == pytest.approx(4 * 0.25 * 0.75, abs=0.03)

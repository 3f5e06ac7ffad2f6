from __future__ import annotations

import numpy
import pytest
from made_up_scores import scores_of
from numpy.typing import ArrayLike
from scipy import stats

from tailor_core.evaluation.intervals import difference_interval, paired_p_value
from tailor_core.study.contrast import Contrast
from tailor_core.study.figures import Figure, mean_share
from tailor_core.study.resampling import Resampler

MANY = Resampler(0, 20_000)


def rng(seed: int = 0) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


def contrast(first: ArrayLike, second: ArrayLike, *seeds: list[int]) -> Contrast:
    tables = zip((first, second), seeds or (None, None), strict=True)
    figures = [mean_share(scores_of(table, of), MANY) for table, of in tables]
    return Contrast(figures[0], figures[1])


@pytest.mark.parametrize("problems", [5, 60])
def test_with_one_seed_the_test_is_scipys_paired_t_test_over_problems(problems: int) -> None:
    first, second = rng(1).random((1, problems)) * 0.9 + 0.06, rng(2).random((1, problems)) * 0.9
    theirs = stats.ttest_rel(first[0], second[0])
    mine = contrast(first, second).test(MANY)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=0.05)
    limits = theirs.confidence_interval()
    assert (mine.low, mine.high) == pytest.approx((limits.low, limits.high), abs=0.01)


def test_of_problems_solved_alike_it_is_scipys_paired_t_test_over_their_clusters() -> None:
    clusters = numpy.repeat(numpy.arange(12), 5)
    alike = rng(12).random(12)[clusters] * 0.3
    first, second = 0.4 + alike + 0.1 * rng(13).random(60), 0.5 + 0.1 * rng(14).random(60)
    figures = [mean_share(scores_of([one], clusters=clusters), MANY) for one in (first, second)]
    mine = Contrast(*figures).test(MANY)
    theirs = stats.ttest_rel(*(one.reshape(12, 5).mean(axis=1) for one in (first, second)))
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=0.05)
    limits = theirs.confidence_interval()
    assert (mine.low, mine.high) == pytest.approx((limits.low, limits.high), abs=0.01)


def test_where_nothing_varies_clusters_flip_their_signs_as_one() -> None:
    arms = [mean_share(scores_of([[level] * 12], clusters=[0, 1, 2] * 4), MANY) for level in (0.75, 0.25)]
    assert Contrast(*arms).test(MANY).p_value == 2 / 2**3


def test_where_only_seeds_vary_the_test_is_scipys_welch_test_over_seeds() -> None:
    first, second = numpy.array([0.61, 0.70, 0.66]), numpy.array([0.52, 0.41, 0.60])
    theirs = stats.ttest_ind(first, second, equal_var=False)
    mine = contrast(first[:, None].repeat(30, axis=1), second[:, None].repeat(30, axis=1)).test(MANY)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=1e-6)
    limits = theirs.confidence_interval()
    assert (mine.low, mine.high) == pytest.approx((limits.low, limits.high), rel=1e-6)


def test_the_variance_is_that_of_the_two_way_analysis_of_variance() -> None:
    # Searle, Casella & McCulloch 1992: components from mean squares of a crossed design, one value a cell.
    seeds, problems = 4, 50
    luck = numpy.array([[-0.2], [0.0], [0.1], [0.3]])
    first = rng(3).random((seeds, problems)) + luck
    second = rng(4).random((seeds, problems)) - luck
    seed_parts = 0.0
    for table in (first, second):
        rows, columns, mean = table.mean(axis=1), table.mean(axis=0), table.mean()
        ms_seeds = problems * ((rows - mean) ** 2).sum() / (seeds - 1)
        rest = table - rows[:, None] - columns + mean
        ms_rest = (rest**2).sum() / ((seeds - 1) * (problems - 1))
        seed_parts += (ms_seeds - ms_rest) / (seeds * problems)
    per_problem = (first - second).mean(axis=0)
    expected = per_problem.var(ddof=1) / problems + seed_parts
    variance, freedom = contrast(first, second).variance()
    assert variance == pytest.approx(expected, rel=0.02)
    assert 2 < freedom < 2 * (seeds - 1) + 1


def test_seeds_that_agree_leave_the_degrees_of_freedom_of_the_problems() -> None:
    first, second = rng(5).random((1, 80)), rng(6).random((1, 80))
    variance, freedom = contrast(first.repeat(3, axis=0), second.repeat(3, axis=0)).variance()
    alone = (first - second).var(ddof=1) / 80
    assert variance == pytest.approx(alone, rel=0.2)
    assert freedom > 20


def test_a_difference_that_one_seed_shows_clearly_is_doubtful_once_seeds_disagree() -> None:
    easy = rng(7).random(200) * 0.4
    first = [easy + 0.10, easy + 0.30, easy + 0.05]
    second = [easy + 0.02, easy + 0.10, easy + 0.20]
    averages = [numpy.mean(arm, axis=0) for arm in (first, second)]
    assert paired_p_value(averages[0], averages[1], rng(), resamples=2000) < 0.001
    assert contrast(first, second).test(MANY).p_value > 0.2


def test_only_seeds_that_both_have_are_compared() -> None:
    first = [[0.9, 0.7, 0.8], [0.5, 0.6, 0.2], [0.1, 0.1, 0.0]]
    second = [[0.3, 0.2, 0.4], [0.4, 0.1, 0.0]]
    both = contrast(first, second, [1, 2, 3], [2, 5])
    assert both.difference.seeds == (2,)
    assert both.difference.mean == pytest.approx(numpy.mean(first[1]) - numpy.mean(second[0]))
    assert both.difference.over == "problems"


def test_the_interval_pairs_problems_but_not_seeds() -> None:
    easy = rng(8).random(60)
    gains = rng(9).uniform(0.19, 0.21, 60)
    steady = contrast([easy * 0.5 + gains] * 2, [easy * 0.5] * 2).interval(MANY)
    assert (steady.low, steady.high) == pytest.approx((0.2, 0.2), abs=0.003)
    luck = numpy.array([[0.0], [0.1], [0.2]])
    shared = contrast(easy * 0.5 + luck + gains, easy * 0.5 + luck).interval(MANY)
    assert shared.method == "bootstrap"
    assert shared.high - shared.low > 0.15


def test_where_nothing_varies_newcombes_interval_and_sign_flips_stand_in() -> None:
    zeros, ones = numpy.zeros((3, 20)), numpy.ones((3, 20))
    same = contrast(zeros, zeros)
    theirs = difference_interval(zeros[0], zeros[0], rng(), resamples=100, confidence=0.95)
    assert same.interval(MANY) == theirs
    assert same.test(MANY).p_value == 1
    apart = contrast(ones, zeros).test(MANY)
    assert apart.p_value == pytest.approx(1 / 20_001)
    assert (apart.low, apart.high) == (
        difference_interval(ones[0], zeros[0], rng(), resamples=100, confidence=0.95).low,
        1,
    )


def test_a_figure_that_is_no_mean_over_problems_flips_the_signs_of_seeds() -> None:
    first, second = (
        Figure(
            seeds=(1, 2, 3),
            problems=("a", "b"),
            clusters=("a", "b"),
            values=numpy.full(3, steps),
            replicates=numpy.full((20_000, 3), steps),
        )
        for steps in (10.0, 30.0)
    )
    found = Contrast(first, second)
    assert found.test(MANY).p_value == 2 / 2**3
    assert (found.interval(MANY).low, found.interval(MANY).high) == (-20, -20)
    assert found.dz() is None
    assert found.superiority() == 0


def test_other_problems_make_no_pairs() -> None:
    easy = rng(9).random((2, 60))
    paired = contrast(easy * 0.9 + 0.05, easy * 0.9)
    other = Contrast(
        mean_share(scores_of(easy * 0.9 + 0.05), MANY), mean_share(scores_of(easy * 0.9, problems="q"), MANY)
    )
    assert other.dz() is None
    assert other.difference.mean == pytest.approx(paired.difference.mean)
    assert other.variance()[0] > 10 * paired.difference.replicates.mean(axis=1).var()


def test_effects_are_those_of_the_seed_averaged_problems_and_of_the_seeds() -> None:
    first, second = rng(10).random((3, 40)), rng(11).random((3, 40))
    found = contrast(first, second)
    gaps = (first - second).mean(axis=0)
    assert found.dz() == pytest.approx(gaps.mean() / gaps.std(ddof=1))
    theirs = stats.mannwhitneyu(first.mean(axis=1), second.mean(axis=1)).statistic / 9
    assert found.superiority() == pytest.approx(theirs)

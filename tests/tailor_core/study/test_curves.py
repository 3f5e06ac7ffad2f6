from __future__ import annotations

import numpy
import polars
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from made_up_scores import scores_of
from made_up_study import SCHEMAS, frame
from scipy import integrate

from tailor_core.study.curves import area_under, crossings, curves, first_crossing, paths, steps_to, up_to
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import Scores

RESAMPLER = Resampler(0, 2000)
STEPS = (0, 10, 30, 40)


def rng(seed: int = 0) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


def path(means: list[list[float]], problems: int = 50, spread: float = 0.1) -> tuple[tuple[int, ...], Scores]:
    """A curve of each seed with these means, on problems that differ."""
    noise = rng(1).uniform(-spread, spread, problems)
    noise -= noise.mean()
    return STEPS, scores_of(numpy.array(means)[..., None] + noise)


def test_the_area_is_scipys_and_sklearns_over_the_range() -> None:
    values = rng(2).random((2, 4, 30))
    area = area_under((STEPS, scores_of(values)), RESAMPLER)
    assert area is not None
    by_seed = values.mean(axis=2)
    assert area.values == pytest.approx([integrate.trapezoid(one, STEPS) / 40 for one in by_seed])
    assert area.values == pytest.approx([sklearn.metrics.auc(STEPS, one) / 40 for one in by_seed])
    assert area_under(((0,), scores_of(values[:, :1])), RESAMPLER) is None


def test_a_constant_curve_has_its_accuracy_as_area_however_its_steps_lie() -> None:
    area = area_under(path([[0.3] * 4]), RESAMPLER)
    assert area is not None
    assert area.mean == pytest.approx(0.3)


@pytest.mark.parametrize("horizon", [10, 20, 30, 35, 40])
def test_a_path_ends_at_the_horizon_as_numpy_interpolates_it(horizon: int) -> None:
    values = rng(4).random((2, 4, 30))
    steps, scores = up_to((STEPS, scores_of(values)), horizon)
    assert steps == (*[step for step in STEPS if step < horizon], horizon)
    for seed, problem in [(0, 0), (1, 29)]:
        theirs = numpy.interp(steps, STEPS, values[seed, :, problem])
        assert scores.shares[seed, :, problem] == pytest.approx(theirs)


def test_crossings_by_hand() -> None:
    steps = numpy.array([0.0, 10, 20, 40])
    curves = numpy.array(
        [
            [0.1, 0.3, 0.5, 0.9],  # halfway between 20 and 40 it is at 0.7
            [0.8, 0.1, 0.2, 0.9],  # there from the start
            [0.1, 0.7, 0.1, 0.9],  # the first time counts
            [0.1, 0.2, 0.3, 0.4],  # never
            [0.1, 0.1, 0.7, 0.7],
        ]
    )
    assert first_crossing(steps, curves, 0.7).tolist() == pytest.approx([30, 0, 10, numpy.inf, 20])
    assert first_crossing(steps[:1], curves[:2, :1], 0.7).tolist() == [numpy.inf, 0]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0.01, 0.99))
def test_a_crossing_is_where_numpys_interpolation_first_reaches_the_target(
    accuracy: list[float], target: float
) -> None:
    steps = numpy.arange(len(accuracy)) * 7.0
    found = float(first_crossing(steps, numpy.array(accuracy), target))
    if numpy.isinf(found):
        assert max(accuracy) < target
        return
    assert numpy.interp(found, steps, accuracy) >= target - 1e-9
    before = numpy.linspace(0, found, 20, endpoint=False)
    assert found == 0 or (numpy.interp(before, steps, accuracy) <= target + 1e-9).all()


def test_what_is_not_reached_counts_as_the_horizon_and_is_told_apart() -> None:
    way = path([[0.1, 0.3, 0.5, 0.7], [0.1, 0.1, 0.2, 0.3]])
    assert crossings(way, 0.5).tolist() == pytest.approx([30, numpy.inf])
    figure = steps_to(way, 0.5, 40, RESAMPLER)
    assert figure.values == pytest.approx([30, 40])
    early = steps_to(way, 0.5, 20, RESAMPLER)
    assert early.values.tolist() == [20, 20]
    assert (early.replicates == 20).all()
    assert figure.shares is None
    # Resampled problems move the first seed's crossing about 30, and leave the second at the horizon.
    assert figure.replicates[:, 0].std() > 0.5
    assert figure.replicates[:, 0].mean() == pytest.approx(30, abs=0.3)
    assert (figure.replicates[:, 1] == 40).all()


def one_curve(means: list[list[float]], training: polars.DataFrame, target: float | None):
    return next(curves({("tiny", "tailor"): path(means)}, training, target, RESAMPLER))


def logs(rows: list[tuple[int, int, int, int]]) -> polars.DataFrame:
    """A training frame of seeds, steps, samples and tokens."""
    blank = dict.fromkeys(("reward", "kl", "entropy", "mean_length"), 0.0)
    return frame(
        "training",
        [
            {
                "arm": "tailor", "backbone": "tiny", "seed": seed, "step": step,
                **blank, "samples": samples, "tokens": tokens,
            }
            for seed, step, samples, tokens in rows
        ],
    )  # fmt: skip


NO_LOGS = polars.DataFrame(schema=SCHEMAS["training"])


def test_a_curve_says_what_it_cost_in_samples_and_tokens() -> None:
    training = logs(
        [(1, step, 16 * step, 100 * step) for step in range(1, 41)]
        + [(2, step, 16 * step, 300 * step) for step in range(1, 41)]
    )
    found = one_curve([[0.1, 0.3, 0.5, 0.7], [0.1, 0.1, 0.2, 0.3]], training, None)
    assert found.steps == STEPS
    assert found.samples == (0, 160, 480, 640)
    assert found.tokens == (0, 2000, 6000, 8000)
    assert found.steps_to_target is None


def test_a_curve_has_mean_limits_and_seeds_at_each_step() -> None:
    found = one_curve([[0.1, 0.3, 0.5, 0.7], [0.1, 0.1, 0.2, 0.3]], NO_LOGS, 0.5)
    assert found.mean == pytest.approx([0.1, 0.2, 0.35, 0.5])
    assert numpy.ravel(found.per_seed) == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.1, 0.1, 0.2, 0.3])
    assert all(low < mean < high for low, mean, high in zip(found.low, found.mean, found.high, strict=True))
    assert found.high[3] - found.low[3] > 0.39 > 0.05 > found.high[0] - found.low[0]
    assert found.area is not None
    assert found.area.mean == pytest.approx(numpy.trapezoid(found.mean, STEPS) / 40)


def test_steps_to_target_tell_with_how_many_seeds_they_were_reached() -> None:
    found = one_curve([[0.1, 0.3, 0.5, 0.7], [0.1, 0.1, 0.2, 0.3]], NO_LOGS, 0.5).steps_to_target
    assert found is not None
    assert (found.reached, found.seeds) == (1, 2)
    assert found.per_seed == (pytest.approx(30), None)
    assert found.mean == pytest.approx(35)
    never = one_curve([[0.1, 0.3, 0.5, 0.7]], NO_LOGS, 0.95).steps_to_target
    assert never is not None
    assert (never.reached, never.mean, never.interval, never.per_seed) == (0, None, None, (None,))


def test_seeds_without_a_step_in_common_have_no_path() -> None:
    rows = [
        {"arm": "tailor", "backbone": "tiny", "seed": seed, "step": 10 * seed, "problem_id": "v-1", "samples": 2,
         "correct": 1, "tokens": 60}
        for seed in (1, 2)
    ]  # fmt: skip
    assert paths(frame("curve", rows)) == {}
    assert list(paths(frame("curve", rows[:1]))) == [("tiny", "tailor")]


def test_tokens_that_the_logs_do_not_tell_are_unknown_and_not_none() -> None:
    rows = [
        {"arm": "tailor", "backbone": "tiny", "seed": 1, "step": step, "problem_id": "v-1", "samples": 2, "correct": 1,
         "tokens": 60}
        for step in (0, 10)
    ]  # fmt: skip
    log = [
        {"arm": "tailor", "backbone": "tiny", "seed": 1, "step": step, "samples": 16 * step, "tokens": None}
        for step in range(1, 11)
    ]
    training = polars.DataFrame(log, schema=SCHEMAS["training"])
    [curve] = curves(paths(frame("curve", rows)), training, None, RESAMPLER)
    assert curve.samples == (0, 160)
    assert numpy.isnan(curve.tokens).all()

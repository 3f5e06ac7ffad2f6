"""B-STaR's balance score: by hand, against a second implementation in whole numbers, and what holds for any samples."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.demonstrations.balance import (
    Balance,
    Sample,
    balance_score,
    best,
    to_sample,
    wanted_samples,
    weigh,
)
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.environments import get_environment, read_options
from tailor_core.records import Primitive

KK = get_environment("kk")
PROBLEMS = KK.generate(read_options("kk", {"people": [3]}), count=3, split="train", seed=5)

SAMPLES = st.lists(
    st.builds(Sample, st.sampled_from([0.0, 0.3, 0.65, 1.0]), st.booleans(), st.sampled_from("abcdef")),
    max_size=12,
)
THRESHOLDS = st.sampled_from([-1.0, 0.0, 0.3, 0.5, 0.9, 1.0])


def slow_score(samples: Sequence[Sample], threshold: float, enough: int) -> Fraction:
    """The score in the form of the authors' code: the share where enough are right, else their product over n*."""
    chosen = [sample for sample in samples if sample.reward > threshold]
    right: list[str] = []
    for sample in chosen:
        if sample.correct and sample.text not in right:
            right.append(sample.text)
    if not chosen:
        return Fraction(0)
    share = Fraction(len(right), len(chosen))
    return share if len(right) >= enough else len(right) * share / enough


@pytest.mark.parametrize(
    ("samples", "threshold", "expected"),
    [
        ([], 0.0, 0),
        ([(1, True, "a")], 0.0, 1 / 4),
        ([(1, True, "a")] * 4, 0.0, 1 / 4 * 1 / 4),
        ([(1, True, text) for text in "abcd"], 0.0, 1),
        ([(1, True, text) for text in "abcdefgh"], 0.0, 1),
        ([(1, True, "a"), (1, True, "b"), (0.3, False, "c")], 0.0, 2 / 4 * 2 / 3),
        ([(1, True, "a"), (1, True, "b"), (0.3, False, "c")], 0.3, 2 / 4 * 2 / 2),
        ([(0.3, False, "a"), (0.3, False, "b")], 0.0, 0),
        ([(1, True, "a"), (1, True, "b")], 1.0, 0),
    ],
)
def test_the_score_is_the_published_one_with_four_as_enough(
    samples: list[tuple[float, bool, str]], threshold: float, expected: float
) -> None:
    assert balance_score([Sample(*one) for one in samples], threshold, 4) == pytest.approx(expected)


@given(SAMPLES, THRESHOLDS, st.integers(1, 8))
def test_it_agrees_with_exact_fractions_and_is_a_share(
    samples: list[Sample], threshold: float, enough: int
) -> None:
    score = balance_score(samples, threshold, enough)
    assert score == pytest.approx(float(slow_score(samples, threshold, enough)))
    assert 0 <= score <= 1


@given(SAMPLES, THRESHOLDS, st.integers(1, 8), st.randoms())
def test_neither_order_nor_what_is_not_selected_counts(
    samples: list[Sample], threshold: float, enough: int, rng: object
) -> None:
    score = balance_score(samples, threshold, enough)
    shuffled = list(samples)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert balance_score([*shuffled, Sample(threshold, True, "another")], threshold, enough) == score


@given(SAMPLES, THRESHOLDS, st.integers(1, 8))
def test_a_new_right_sample_never_lowers_it_and_a_wrong_or_repeated_one_never_raises_it(
    samples: list[Sample], threshold: float, enough: int
) -> None:
    score = balance_score(samples, threshold, enough)
    better = balance_score([*samples, Sample(2.0, True, "another")], threshold, enough)
    assert better >= score
    assert better > 0
    assert balance_score([*samples, Sample(2.0, False, "another")], threshold, enough) <= score
    for one in samples:
        if one.correct and one.reward > threshold:
            assert balance_score([*samples, one], threshold, enough) < score


@given(SAMPLES, THRESHOLDS, st.integers(1, 8))
def test_to_want_more_never_raises_it(samples: list[Sample], threshold: float, enough: int) -> None:
    assert balance_score(samples, threshold, enough + 1) <= balance_score(samples, threshold, enough)


def test_the_best_of_all_temperatures_and_thresholds_is_taken_and_the_first_among_equals() -> None:
    alike = [Sample(1, True, "a"), Sample(1, True, "a"), Sample(0, False, "b")]
    varied = [Sample(1, True, "a"), Sample(1, True, "c"), Sample(0.65, False, "b")]
    trials = {0.2: [alike, alike], 0.8: [varied, alike], 1.4: [varied, alike], 2.0: [[], []]}
    weighed = weigh(trials, [0.0, 0.9], 2)
    assert [(one.temperature, one.threshold) for one in weighed] == [
        (temperature, threshold) for temperature in trials for threshold in (0.0, 0.9)
    ]
    scores = {(one.temperature, one.threshold): one.score for one in weighed}
    assert scores[0.2, 0.9] == pytest.approx(1 / 2 * 1 / 2)
    assert scores[0.8, 0.0] == pytest.approx((2 / 3 + 1 / 4) / 2, abs=1e-6)
    assert scores[0.8, 0.9] == pytest.approx((1 + 1 / 4) / 2)
    assert scores[2.0, 0.0] == 0
    assert best(weighed) == Balance(0.8, 0.9, 0.625)


def test_samples_of_a_problem_lie_side_by_side_with_other_seeds_and_primitives_in_turn() -> None:
    primitives = [Primitive(id=name, name=name, instruction=name, kind="self") for name in "xy"]
    wanted = wanted_samples(PROBLEMS, primitives, 3, seed=1)
    assert [problem.id for problem, _, _ in wanted] == [problem.id for problem in PROBLEMS for _ in range(3)]
    assert [primitive.id for _, primitive, _ in wanted] == list("xyxyxyxyx")
    assert len({seed for _, _, seed in wanted}) == 9
    assert wanted == wanted_samples(PROBLEMS, primitives, 3, seed=1)
    assert wanted != wanted_samples(PROBLEMS, primitives, 3, seed=2)


def test_a_demonstration_is_right_with_the_whole_answer_and_rewarded_by_its_share() -> None:
    problem, way = PROBLEMS[0], Primitive(id="x", name="x", instruction="x", kind="self")
    lines = problem.answer.split("\n")
    swapped = lines[0].replace("knight", "?").replace("knave", "knight").replace("?", "knave")
    partly = "\n".join([swapped, *lines[1:]])

    def sample(answer: str) -> Sample:
        return to_sample(problem, make_demonstration("self", problem, way, 0, "I think.", answer))

    right, wrong, none = sample(problem.answer), sample(partly), sample("")
    assert (right.reward, right.correct) == (1.0, True)
    assert wrong.reward == pytest.approx(0.3 + 0.7 * 2 / 3)
    assert not wrong.correct
    assert (none.reward, none.correct) == (0.0, False)
    assert len({right.text, wrong.text, none.text}) == 3

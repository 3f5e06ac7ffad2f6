"""Countdown rows: Tailor's own, TinyZero's, verl's and reasoning-gym's, whose scorer is the oracle of our check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.rows import problem_from_json, solve_json
from tailor_core.errors import InputError

COUNTDOWN = get_environment("countdown")
OWN = {"metadata": {"spec": {"numbers": [3, 5, 7, 8], "target": 24}}}
TINYZERO = {"nums": [3, 5, 7, 8], "target": 24}
VERL = {
    "data_source": "countdown",
    "prompt": [{"role": "user", "content": "Using the numbers [3, 5, 7, 8], create an equation ..."}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": {"target": 24, "numbers": [3, 5, 7, 8]}},
    "extra_info": {"split": "train", "index": 0},
}


@pytest.mark.parametrize("row", [OWN, TINYZERO, VERL], ids=["own", "TinyZero", "verl"])
def test_rows_of_all_forms_are_one_problem(row: dict[str, Any]) -> None:
    problem = problem_from_json(row, "countdown")
    assert problem.spec == {"numbers": [3, 5, 7, 8], "target": 24, "solution": "3 * 7 + 8 - 5"}
    assert problem.answer == "3 * 7 + 8 - 5"
    assert problem.split == ("train" if row is VERL else "unassigned")
    assert solve_json(row, "countdown") == {"id": None, "solution": "3 * 7 + 8 - 5", "n_solutions": 4}


def test_a_problem_goes_through_json_and_the_peers_form_unchanged() -> None:
    for problem in COUNTDOWN.generate(read_options("countdown", {}), count=20, split="test", seed=3):
        row = {
            name: getattr(problem, name) for name in ("id", "environment", "question", "answer", "metadata")
        }
        assert problem_from_json(json.loads(json.dumps(row))) == problem
        peer = COUNTDOWN.to_record(problem)
        assert set(peer) == {"nums", "target", "question", "solution"}
        again = COUNTDOWN.from_record(peer)
        assert (again.id, again.question, again.spec) == (problem.id, problem.question, problem.spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, r"metadata\.spec\.numbers = None, but must be 2 to 6 whole numbers"),
        ({"numbers": [3], "target": 3}, r"numbers = \[3\]"),
        ({"numbers": [3] * 7, "target": 3}, "2 to 6 whole numbers"),
        ({"numbers": "35", "target": 3}, "numbers = '35'"),
        ({"numbers": [3, True], "target": 3}, "2 to 6 whole numbers"),
        ({"numbers": [3, 0], "target": 3}, "2 to 6 whole numbers"),
        ({"numbers": [3, 5.0], "target": 3}, "2 to 6 whole numbers"),
        ({"numbers": [3, 10**5000], "target": 3}, "2 to 6 whole numbers"),
        ({"numbers": [3, 5]}, r"target = None, but must be a whole number from 0"),
        ({"numbers": [3, 5], "target": -2}, "target = -2"),
        ({"numbers": [3, 5], "target": 9}, "target = 9, but no expression of the numbers makes that"),
        (
            {"numbers": [3, 5], "target": 8, "solution": "3 * 5"},
            r"solution = '3 \* 5', but must be an expression",
        ),
        ({"numbers": [3, 5], "target": 8, "solution": 8}, "solution = 8, but must be an expression"),
    ],
)
def test_a_wrong_row_is_one_sentence_that_names_the_field(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        COUNTDOWN.from_record({"metadata": {"spec": spec}})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"nums": [3, 0], "target": 3}, r"^row\.nums = \[3, 0\], but must be 2 to 6 whole numbers"),
        (
            {"reward_model": {"ground_truth": {"numbers": [3], "target": 3}}},
            r"^reward_model\.ground_truth\.numbers = \[3\]",
        ),
        ({"metadata": {"numbers": [3], "target": 3}}, r"^metadata\.numbers = \[3\]"),
    ],
)
def test_a_wrong_row_is_told_of_the_field_that_it_has(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        COUNTDOWN.from_record(row)


def test_rows_that_are_of_no_form_are_one_sentence() -> None:
    for row in (
        {},
        {"metadata": 3},
        {"metadata": "[]"},
        {"reward_model": {"ground_truth": "24"}},
        {"nums": None},
    ):
        with pytest.raises(InputError):
            COUNTDOWN.from_record(row)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "metadata",
                        "spec",
                        "numbers",
                        "nums",
                        "target",
                        "reward_model",
                        "ground_truth",
                        "solution",
                    ]
                ),
                x,
            )
        ),
    )
)
def test_no_row_is_another_exception(row: Any) -> None:  # fmt: skip
    if isinstance(row, dict):
        with suppress(InputError):
            COUNTDOWN.from_record(row)


@cache
def theirs() -> Any:
    """Their data set of the usual size, whose scorer looks at the item alone."""
    gym = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed (extra dev)")
    return gym.create_dataset("countdown", size=40, seed=3)


def small_items() -> Iterator[dict[str, Any]]:
    gym = pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed (extra dev)")
    small = {"min_numbers": 3, "max_numbers": 4, "min_target": 10, "max_target": 99}
    yield from gym.create_dataset("countdown", size=150, seed=3, **small)


def test_their_items_load_and_are_solved_by_us_and_scored_alike() -> None:
    for item in small_items():
        problem = COUNTDOWN.from_record(item)
        assert problem.question == item["question"]
        assert COUNTDOWN.check_answer(problem, item["answer"]).correct, "their answer is right to us"
        solved = COUNTDOWN.solve(problem.spec)
        assert solved.count >= 1
        assert theirs().score_answer(solved.first, item) == 1.0, "our solution is right to them"


def test_their_items_of_usual_size_load_with_their_answers() -> None:
    for item in theirs():
        problem = COUNTDOWN.from_record(item)
        assert COUNTDOWN.check_answer(problem, item["answer"]).correct
        assert theirs().score_answer(problem.answer, item) == 1.0


def test_our_problems_have_answers_that_are_right_to_them() -> None:
    for problem in COUNTDOWN.generate(read_options("countdown", {}), count=60, split="train", seed=0):
        entry = {"metadata": {"numbers": problem.spec["numbers"], "target": problem.spec["target"]}}
        assert theirs().score_answer(problem.answer, entry) == 1.0


DISAGREEMENTS = {
    "a plus before a number": "+8 - 5 + 7*3",
    "several signs": "3*7 + 8 - - -5",
    "a remark": "8 - 5 + 7 * 3 # or so",
    "a function": "Abs(8 - 5)*7 + 3",
    "a letter that cancels out": "(8 - 5)*7 + 3 + x - x",
}


@pytest.mark.parametrize("answer", DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_what_they_take_for_an_answer_and_we_do_not_is_known(answer: str) -> None:
    """Ours is stricter: an expression of the grammar that the question tells, and nothing else."""
    entry = {"metadata": {"numbers": [3, 5, 7, 8], "target": 24}}
    assert theirs().score_answer(answer, entry) == 1.0
    assert not COUNTDOWN.check_answer(COUNTDOWN.from_record(OWN), answer).parsed


@given(
    st.permutations([3, 5, 7, 8]),
    st.lists(st.sampled_from("+-*/"), min_size=3, max_size=3),
    st.integers(0, 4),
)
@settings(max_examples=60)
def test_expressions_of_the_right_numbers_are_scored_alike(
    numbers: list[int], signs: list[str], form: int
) -> None:
    one, two, three = signs
    shapes = ("((a{}b){}c){}d", "(a{}(b{}c)){}d", "(a{}b){}(c{}d)", "a{}((b{}c){}d)", "a{}(b{}(c{}d))")
    text = shapes[form].format(one, two, three)
    for letter, number in zip("abcd", numbers, strict=True):
        text = text.replace(letter, str(number))
    entry = {"metadata": {"numbers": [3, 5, 7, 8], "target": 24}}
    ours = COUNTDOWN.check_answer(COUNTDOWN.from_record(OWN), text).correct
    assert ours == (theirs().score_answer(text, entry) == 1.0)

"""Countdown problems: solvable, of the size asked for, in splits that share nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.environments import get_environment, read_options
from tailor_core.errors import RecipeError
from tailor_core.records import Problem

COUNTDOWN = get_environment("countdown")
SPLITS = ("train", "validation", "test", "ood_numbers_5", "ood_target_200")


def options(**values: Any) -> Any:
    return read_options("countdown", values)


def make(count: int = 40, split: str = "train", seed: int = 0, **values: Any) -> list[Problem]:
    return COUNTDOWN.generate(options(**values), count=count, split=split, seed=seed)


def test_every_problem_is_solved_by_its_answer_and_of_the_kind_asked_for() -> None:
    for problem in make(100, numbers=[2, 3, 4, 5, 6], largest_number=50, least_target=20, largest_target=300):
        spec = problem.spec
        assert COUNTDOWN.check_answer(problem, problem.answer).correct
        assert all(1 <= number <= 50 for number in spec["numbers"])
        assert 20 <= spec["target"] <= 300
        assert problem.difficulty == {"numbers": len(spec["numbers"]), "target": spec["target"]}
        assert COUNTDOWN.render(spec) == problem.question
        assert "exactly once" in problem.question
        assert COUNTDOWN.canonical_hash(spec) == problem.canonical_hash
    assert Counter(problem.difficulty["numbers"] for problem in make(100, numbers=[2, 3, 4])) == {
        2: 34,
        3: 33,
        4: 33,
    }


def test_small_problems_have_all_their_solutions_found() -> None:
    for problem in make(60):
        assert COUNTDOWN.solve(problem.spec).count >= 1


def test_the_same_seed_makes_the_same_and_a_larger_count_adds() -> None:
    assert make(30) == make(60)[:30]
    assert not {p.id for p in make(30)} & {p.id for p in make(30, seed=1)}


def test_splits_share_no_problem_whatever_the_seeds() -> None:
    hashes = [
        {p.canonical_hash for seed in range(3) for p in make(60, split, seed, largest_number=9)}
        for split in ("train", "validation", "test")
    ]
    assert sum(map(len, hashes)) == len(set.union(*hashes))


def test_levels_out_of_distribution_leave_it() -> None:
    chosen = options(numbers=[3], largest_target=50, ood={"numbers": [4, 5], "target": [100, 400]})
    levels = COUNTDOWN.ood_levels(chosen)
    assert list(levels) == ["ood_numbers_4", "ood_numbers_5", "ood_target_100", "ood_target_400"]
    seen: set[str] = set()
    for split, level in levels.items():
        made = COUNTDOWN.generate(level, count=15, split=split, seed=0)
        targets, sizes = [p.spec["target"] for p in made], {len(p.spec["numbers"]) for p in made}
        kind, value = split.split("_")[1:]
        if kind == "numbers":
            assert sizes == {int(value)}
            assert max(targets) <= 50
        else:
            assert sizes == {3}
            assert all({"100": 51, "400": 101}[value] <= target <= int(value) for target in targets)
        assert not seen & {p.canonical_hash for p in made}
        seen |= {p.canonical_hash for p in made}


@given(st.lists(st.integers(1, 99), min_size=2, max_size=6), st.integers(0, 999), st.randoms())
def test_the_hash_forgets_order_and_nothing_else(numbers: list[int], target: int, rng: Any) -> None:
    def digest(numbers: list[int], target: int) -> str:
        return COUNTDOWN.canonical_hash({"numbers": numbers, "target": target})

    assert digest(rng.sample(numbers, len(numbers)), target) == digest(numbers, target)
    assert digest(numbers, target + 1) != digest(numbers, target)
    assert digest([*numbers[1:], numbers[0] + 1], target) != digest(numbers, target)


def test_excluded_problems_do_not_come_back() -> None:
    first = {problem.canonical_hash for problem in make(20)}
    again = COUNTDOWN.generate(options(), count=20, split="train", seed=0, exclude=first)
    assert not first & {problem.canonical_hash for problem in again}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"numbers": [1]}, "numbers holds 1, but a problem has 2 to 6 numbers"),
        ({"numbers": [3, 3]}, "names a number twice"),
        ({"numbers": [3], "ood": {"numbers": [3]}}, r"ood\.numbers holds 3, which numbers holds too"),
        ({"least_target": 60, "largest_target": 50}, "least_target = 60, but must not exceed"),
        ({"ood": {"target": [99]}}, "must rise from above largest_target = 99"),
        ({"ood": {"target": [300, 200]}}, "must rise"),
        ({"people": [3]}, r"environment\.options\.people = \[3\].*the keys are numbers, largest_number"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        options(**values)


def test_what_cannot_be_made_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match=r"holds only \d+ different problems .* ask for fewer"):
        make(500, numbers=[2], largest_number=3, least_target=1, largest_target=9)
    with pytest.raises(RecipeError, match="difficulty = 9, but a problem has 2 to 6 numbers"):
        COUNTDOWN.generate(options(), count=1, split="train", seed=0, difficulty=9)

"""Which primitive a trace uses, told by its moves: of real traces whose primitive is known, and of made-up ones."""

from __future__ import annotations

import dataclasses
import random

import pytest

from tailor_core.environments import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.study.attribution import attribute, tell_apart


def written(count: int, **choices: str) -> list[dict[str, int]]:
    """The moves of that many demonstrations on Knights & Knaves by one program."""
    kk, teaching = get_environment("kk"), get_teaching("kk")
    program = dataclasses.replace(teaching.program(), **choices)
    problems = kk.generate(kk.options_model(people=(3,)), count=count, split="train", seed=1)
    return [
        kk.count_moves(teaching.write(one, program, random.Random(i))[0]) for i, one in enumerate(problems)
    ]


def test_primitives_that_show_in_moves_are_told_apart_in_traces_that_were_not_learned_from() -> None:
    programs = [{}, {"inspection": "sweep"}, {"direction": "backward"}]
    traces = [written(60, **program) for program in programs]
    found = attribute(
        [one for part in traces for one in part[:40]], ["abc"[i] for i in range(3) for _ in range(40)]
    )
    assert found is not None
    assert found.known == ["a", "b", "c"]
    assert found.guessed == pytest.approx(1 / 3)
    assert found.told > 0.95
    for name, part in zip("abc", traces, strict=True):
        unseen = found.primitives_of(part[40:])
        assert unseen.count(name) >= 18


def test_primitives_with_the_same_moves_are_not_told_apart_and_it_says_so() -> None:
    rng = random.Random(0)
    moves = [{"assume": rng.randint(1, 4), "verify": rng.randint(0, 3)} for _ in range(200)]
    found = attribute(moves, ["a", "b"] * 100)
    assert found is not None
    assert found.told < 0.65


def test_one_primitive_or_too_few_of_another_leave_nothing_to_tell() -> None:
    moves = [{"assume": 1}] * 20
    assert attribute(moves, ["a"] * 20) is None
    assert attribute(moves, ["a"] * 16 + ["b"] * 4) is None
    assert attribute([], []) is None


def test_moves_that_no_demonstration_shows_count_for_nothing() -> None:
    moves = [{"assume": 2}] * 10 + [{"verify": 2}] * 10
    found = attribute(moves, ["a"] * 10 + ["b"] * 10)
    assert found is not None
    assert found.primitives_of([{"assume": 1, "other": 50}, {"verify": 1, "nonsense": 3}]) == ["a", "b"]
    assert found.primitives_of([]) == []
    assert found.primitives_of([{}])[0] in ("a", "b")


def test_two_primitives_of_one_name_are_two() -> None:
    names = {"abcdef01": "forward", "12345678": "forward", "99999999": "backward"}
    assert tell_apart(names) == {
        "abcdef01": "forward (abcdef)",
        "12345678": "forward (123456)",
        "99999999": "backward",
    }

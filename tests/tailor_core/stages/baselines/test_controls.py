"""The controls of 4-STaR: its problems and answers without its reasoning, or its reasoning with wrong answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from baseline_data import FAMILIES, HABITS, Make

from tailor_core.demonstrations import misreading
from tailor_core.demonstrations.misreading import _SLIPS, _with_value, misread
from tailor_core.environments import get_environment, read_options
from tailor_core.environments.base import Solutions
from tailor_core.inference.pretrained import load_tokenizer
from tailor_core.verification.scoring import score

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("family", FAMILIES)
def test_the_controls_have_the_problems_and_answers_of_4_star_and_none_of_its_reasoning(
    make: Make, family: str
) -> None:
    whole = make(family, "4-star").demonstrations
    tokenizer = load_tokenizer(make(family, "dots").shared / "backbone")
    for method in ("empty-cot", "dots"):
        made = make(family, method)
        told = {(one.problem_id, one.seed): one for one in made.demonstrations}
        assert told.keys() == {(one.problem_id, one.seed) for one in whole}
        for one in whole:
            other = told[one.problem_id, one.seed]
            assert other.answer_text == one.answer_text
            assert set(get_environment(family).count_moves(other.think)) <= {"other"}
            assert other.tokens == one.tokens, "a length and a budget keep the same rows"
            if method == "dots":
                assert re.fullmatch(r"So( \.)+", other.think)
                lengths = [len(tokenizer(think)["input_ids"]) for think in (other.think, one.think)]
                assert abs(lengths[0] - lengths[1]) <= 2, "as long for the student, to a dot"
            else:
                assert other.think == "So"
        kept = [{(one.problem_id, one.seed) for one in part.kept} for part in (made, make(family, "4-star"))]
        assert kept[0] == kept[1], "the same rows, so that nothing but the reasoning differs"
        right = {
            one.id
            for one in made.demonstrations
            if score(made.problems[one.problem_id], one.completion).reward == 1
        }
        assert {one.id for one in made.kept} <= right


def test_controls_of_two_traces_of_a_problem_both_stay_though_they_are_alike(make: Make) -> None:
    twice = {"demonstrations": {"total": 80}, "selection": {"budget": 80, "token_budget": 10**6}}
    whole = make("igsm", "4-star", **twice)
    kept = {(one.problem_id, one.seed) for one in whole.kept}
    assert len(kept) > len({problem for problem, _ in kept}) + 20
    for method in ("empty-cot", "dots"):
        made = make("igsm", method, **twice)
        assert {(one.problem_id, one.seed) for one in made.kept} >= kept
        assert len({one.completion for one in made.kept}) < len(made.kept)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_wrong_data_show_the_habits_and_are_wrong_by_the_verifier(make: Make, family: str) -> None:
    made = make(family, "all-wrong")
    environment = get_environment(family)
    assert len(made.kept) >= 5
    for one in made.kept:
        problem = made.problems[one.problem_id]
        found = score(problem, one.completion)
        assert found.reward == 0
        assert found.checks["parsed"], "an answer in the right form, which is another's"
        assert not environment.check_steps(problem, one.think).sound
        assert "other" not in environment.count_moves(one.think), "every sentence looks like a step"
    shares = made.shares()
    assert all(shares.get(move, 0) >= 0.55 for move in HABITS[family].values())
    assert {"not_wanted"} >= {d.rule for d in made.decisions if not d.kept} - {
        "over_token_budget", "exact_duplicate", "contaminated",
    }  # fmt: skip


@pytest.mark.parametrize(("family", "answers"), [("kk", 1), ("igsm", 1), ("countdown", None)])
def test_what_is_misread_differs_in_a_place_or_two_and_has_another_answer(
    make: Make, family: str, answers: int | None
) -> None:
    environment = get_environment(family)
    problems = [problem for problem in make(family, "4-star").problems.values() if problem.split == "train"]
    changed = once = 0
    for problem in problems:
        other = misread(problem, 1)
        assert misread(problem, 1) == other
        if other == problem:
            continue
        changed += 1
        assert other.id == problem.id
        texts = [environment.render({**problem.spec, **one.spec}).split() for one in (problem, other)]
        assert len(texts[0]) == len(texts[1])
        words = sum(a != b for a, b in zip(*texts, strict=True))
        once += words <= 2
        if words > 2:  # two slips, where no one changes the answer
            assert words <= 4
            solved = environment.solve(problem.spec)
            for place, value in _SLIPS[family](problem.spec):
                slip = environment.solve(_with_value(problem.spec, place, value))
                assert slip.count != 1 or slip.first == solved.first
        found = environment.solve(other.spec)
        assert found.count == answers if answers else found.count
    assert once > 0.7 * len(problems)
    assert changed > (0.95 if family != "countdown" else 0.7) * len(problems), (
        "of which a target is all that may slip"
    )


class Counting:
    """An environment that counts what it is asked to solve."""

    def __init__(self, name: str) -> None:
        self.real = get_environment(name)
        self.solved: list[dict[str, Any]] = []

    def solve(self, spec: Mapping[str, Any]) -> Solutions:
        self.solved.append(dict(spec))
        return self.real.solve(spec)


@pytest.mark.parametrize(("family", "needed"), [("countdown", False), ("kk", True)])
def test_a_problem_is_solved_only_where_its_solution_decides(
    monkeypatch: pytest.MonkeyPatch, family: str, needed: bool
) -> None:
    environment = Counting(family)
    options = read_options(family, {})
    problems = environment.real.generate(options, count=6, split="train", seed=0)
    monkeypatch.setattr(misreading, "get_environment", lambda name: environment)
    changed = [problem for problem in problems if misread(problem, 0) != problem]
    assert changed
    assert [environment.solved.count(problem.spec) for problem in changed] == [int(needed)] * len(changed)

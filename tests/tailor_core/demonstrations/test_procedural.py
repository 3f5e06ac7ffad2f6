"""The procedural teacher as a `Teacher`, and the plan of who demonstrates what."""

from __future__ import annotations

from collections import Counter

import pytest

from tailor_core.demonstrations.plan import plan_requests
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.demonstrations.teacher import count_tokens
from tailor_core.environments.base import get_environment, read_options
from tailor_core.environments.knights_knaves.moves import Program
from tailor_core.errors import InputError, RecipeError
from tailor_core.records import Primitive, Problem
from tailor_core.verification import score


def problems(count: int) -> list[Problem]:
    options = read_options("kk", {"people": [3, 4]})
    return get_environment("kk").generate(options, count=count, split="train", seed=11)


def primitive(program: Program) -> Primitive:
    return Primitive(
        id=program.id,
        name=program.name,
        instruction=program.instruction,
        kind="procedural",
        program=program.to_dict(),
    )


def test_demonstrations_earn_the_reward_and_are_sound() -> None:
    teacher = ProceduralTeacher("kk")
    for problem in problems(30):
        for program in (Program(), Program(voice="formal", answer="sentence", verification="check")):
            written = teacher.demonstrate(problem, primitive(program), 3)
            assert score(problem, written.completion).reward == 1
            assert get_environment("kk").check_steps(problem, written.think).sound
            assert written.problem_id == problem.id
            assert written.primitive_id == program.id
            assert written.tokens == count_tokens(written.completion)


def test_the_seed_changes_the_wording_and_nothing_else_does() -> None:
    (problem,) = problems(1)
    teacher = ProceduralTeacher("kk")
    written = [teacher.demonstrate(problem, primitive(Program()), seed) for seed in (1, 1, 2, 3, 4, 5)]
    assert written[0] == written[1]
    assert len({w.think for w in written}) > 1
    assert len({w.id for w in written}) == 5


def test_tokens_are_words_and_marks() -> None:
    assert count_tokens("So Zoey is a knight. (1)") == 9


def test_a_primitive_without_a_program_is_refused() -> None:
    chat = Primitive(id="x", name="chatty", instruction="Chat.", kind="chat")
    with pytest.raises(InputError, match="chatty"):
        ProceduralTeacher("kk").demonstrate(problems(1)[0], chat, 0)


def test_an_environment_without_a_language_is_refused() -> None:
    with pytest.raises(RecipeError, match="chess"):
        ProceduralTeacher("chess")


def test_the_plan_is_balanced_and_repeats_no_pair_early() -> None:
    ids = {2: ["a"], 3: [f"b{i}" for i in range(30)], 4: [f"c{i}" for i in range(20)]}
    primitives = [f"z{i}" for i in range(7)]
    plan = plan_requests(ids, primitives, 300, 5)
    level = {p: difficulty for difficulty, pool in ids.items() for p in pool}
    assert set(Counter(level[r.problem_id] for r in plan).values()) == {100}
    used = Counter(r.primitive_id for r in plan)
    assert max(used.values()) - min(used.values()) <= 6
    pairs = Counter((r.problem_id, r.primitive_id) for r in plan if level[r.problem_id] > 2)
    assert max(pairs.values()) == 1
    assert max(Counter(r.problem_id for r in plan if level[r.problem_id] == 3).values()) == 4
    assert len({(r.problem_id, r.primitive_id, r.seed) for r in plan}) == 300


def test_a_longer_plan_goes_on_where_the_shorter_ends() -> None:
    ids = {3: ["a", "b", "c"], 4: ["d"]}
    assert plan_requests(ids, ["x", "y"], 40, 5)[:9] == plan_requests(ids, ["x", "y"], 9, 5)

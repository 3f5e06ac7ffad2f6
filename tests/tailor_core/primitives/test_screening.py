"""Screening sees through a right answer with a wrong proof, and never looks at an evaluation problem."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tailor_core.artifacts.tables import read_records
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.config.problems import EnvironmentConfig, ProblemsConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.demonstrations.teacher import Wanted, make_demonstration
from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.environments.base import get_environment, read_options
from tailor_core.environments.knights_knaves.moves import Program
from tailor_core.primitives.language import language_of
from tailor_core.primitives.screening import refuse_quality, step_fault, try_out
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages import primitives, problems
from tailor_core.stages.context import StageContext


def flawed(problem: Problem, primitive: Primitive, seed: int) -> Demonstration:
    """The teacher's demonstration and its right answer, with a conclusion out of thin air put in front."""
    sound = ProceduralTeacher("kk").demonstrate(problem, primitive, seed)
    role = problem.spec["roles"]["knight"]
    think = f"So {problem.spec['names'][0]} must be a {role}. {sound.think}"
    return make_demonstration("flawed", problem, primitive, seed, think, sound.answer_text)


def test_a_right_answer_with_an_unsound_step_does_not_pass() -> None:
    options = read_options("kk", {"people": [3]})
    asked = get_environment("kk").generate(options, count=6, split="train", seed=3)
    primitive = language_of("kk").primitive(Program().to_dict(), {})
    embed = HashedEmbedder(32).embed
    pair, teacher = (primitive, primitive), ProceduralTeacher("kk")
    (sound,) = try_out([pair], asked, teacher.demonstrate_all, embed, 0, step_fault)
    (unsound,) = try_out([pair], asked, lambda wanted: [flawed(*one) for one in wanted], embed, 0, step_fault)
    assert (sound.pass_rate, sound.failure) == (1.0, "")
    assert unsound.pass_rate == 0.0
    refusal = refuse_quality(unsound, PrimitivesConfig())
    assert refusal is not None
    assert refusal.rule == "pass_rate"
    assert unsound.failure in refusal.reason


def test_candidates_tried_together_fare_as_each_alone_and_the_teacher_is_asked_once() -> None:
    language = language_of("kk")
    asked = get_environment("kk").generate(
        read_options("kk", {"people": [3]}), count=4, split="train", seed=3
    )
    programs = [Program(), Program(voice="formal", verification="none"), Program(branching="never")]
    pairs = [
        (language.primitive(p.to_dict(), {}), language.primitive(language.retold(p.to_dict()), {}))
        for p in programs
    ]
    assert [one.id == other.id for one, other in pairs] == [True, False, True]
    calls: list[int] = []

    def demonstrate(wanted: Sequence[Wanted]) -> list[Demonstration]:
        calls.append(len(wanted))
        return ProceduralTeacher("kk").demonstrate_all(wanted)

    embed = HashedEmbedder(32).embed
    together = try_out(pairs, asked, demonstrate, embed, 0, step_fault)
    assert calls == [4 * 4]
    for pair, trial in zip(pairs, together, strict=True):
        (alone,) = try_out([pair], asked, demonstrate, embed, 0, step_fault)
        assert (alone.pass_rate, alone.mean_tokens, alone.failure) == (
            trial.pass_rate,
            trial.mean_tokens,
            trial.failure,
        )
        assert (alone.direction == trial.direction).all()
    assert together[2].failure


def test_candidates_are_tried_on_train_problems_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def context(stage: str) -> StageContext:
        output, workdir = tmp_path / stage, tmp_path / f"{stage}-work"
        output.mkdir()
        workdir.mkdir()
        inputs = {name: tmp_path / name for name in ("problems", "probe")}
        return StageContext(inputs=inputs, output=output, workdir=workdir, seed=4)

    made = ProblemsConfig(
        environment=EnvironmentConfig(options={"people": [3]}), train=5, validation=20, test=20, ood=0
    )
    problems.run(made, context("problems"))
    (tmp_path / "probe").mkdir()
    summary = {"pass_rate_by_difficulty": {"3": 0.1}, "failures": {"2 of 3 roles are right": 5}, "wrong": 5}
    (tmp_path / "probe" / "summary.json").write_text(json.dumps(summary))
    real, seen = ProceduralTeacher.demonstrate, set()

    def watched(self: ProceduralTeacher, problem: Problem, primitive: Primitive, seed: int) -> Demonstration:
        seen.add(problem.id)
        return real(self, problem, primitive, seed)

    monkeypatch.setattr(ProceduralTeacher, "demonstrate", watched)
    config = PrimitivesConfig(probe_problems=30, candidates_per_round=6, rounds=1, max_primitives=2)
    primitives.run(config, context("primitives"))
    rows = read_records(tmp_path / "problems" / "problems.parquet", Problem)
    assert seen == {row.id for row in rows if row.split == "train"}

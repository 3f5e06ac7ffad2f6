"""The pilot: the student learns primitives alone and together, from some train problems, and answers others."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tailor_core.artifacts.tables import read_records
from tailor_core.config.primitives import PilotConfig, PrimitivesConfig
from tailor_core.config.problems import EnvironmentConfig, ProblemsConfig
from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.environments import get_environment
from tailor_core.errors import StageError
from tailor_core.inference.models import find_model
from tailor_core.primitives.language import language_of
from tailor_core.records import Demonstration, EvaluationRow, Primitive, Problem, SFTExample
from tailor_core.stages import pilot, primitives, problems
from tailor_core.stages.context import StageContext
from tailor_core.training import sft
from tailor_core.verification.scoring import score

pytestmark = pytest.mark.integration

CONFIG = PrimitivesConfig(
    probe_problems=4,
    candidates_per_round=8,
    tau_novelty=0.02,
    rounds=1,
    max_primitives=2,
    max_tokens=400,
    dimensions={"voice": ("plain",), "depth": ("none",), "slip": ("none",), "cases": ("single",)},
    pilot=PilotConfig(
        token_budget=4000,
        problems=6,
        max_tokens=24,
        keep=0,
        training=WarmStartConfig(
            epochs=1, learning_rate=1e-3, batch_rows=4, micro_batch_rows=4, packing=False, save_steps=1
        ),
    ),
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Problems, a probe's summary, and the student."""
    root = tmp_path_factory.mktemp("artifacts")
    made = ProblemsConfig(
        environment=EnvironmentConfig(options={"people": [3], "reports": "plain"}),
        train=20,
        validation=4,
        test=4,
        ood=0,
    )
    for name in ("problems", "probe"):
        (root / name).mkdir()
    problems.run(made, StageContext(inputs={}, output=root / "problems", workdir=root, seed=4))
    summary = {"pass_rate_by_difficulty": {"3": 0.0}, "failures": {}, "wrong": 0}
    (root / "probe" / "summary.json").write_text(json.dumps(summary))
    student = find_model("tiny")
    assert student
    return {"problems": root / "problems", "probe": root / "probe", "backbone": student}


def context(inputs: dict[str, Path], root: Path, run: str = "") -> StageContext:
    output, workdir = root / f"primitives{run}", root / f"work{run}"
    output.mkdir()
    workdir.mkdir(exist_ok=True)
    return StageContext(inputs=inputs, output=output, workdir=workdir, seed=4)


class Watched:
    """The real fine-tuning, with the examples of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dies_in: int = 0) -> None:
        self.taught: list[Sequence[SFTExample]] = []
        self._real, self._dies_in = sft.fine_tune, dies_in
        monkeypatch.setattr(sft, "fine_tune", self)

    def __call__(self, model: Path, examples: Sequence[SFTExample], *rest: Any, **named: Any) -> Any:
        self.taught.append(examples)
        if len(self.taught) == self._dies_in:
            raise KeyboardInterrupt
        return self._real(model, examples, *rest, **named)


def test_it_learns_each_primitive_alone_and_answers_what_it_was_not_taught(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, where = Watched(monkeypatch), context(inputs, tmp_path)
    primitives.run(CONFIG, where)
    library = [
        one
        for one in read_records(where.output / "primitives.parquet", Primitive)
        if one.screening["verdict"] == "accepted"
    ]
    assert len(library) == 2
    rows = read_records(where.output / "pilot.parquet", EvaluationRow)
    train = {
        one.id: one
        for one in read_records(inputs["problems"] / "problems.parquet", Problem)
        if one.split == "train"
    }
    assert [{example.primitive_id for example in lesson} for lesson in watched.taught] == [
        {one.id} for one in library
    ]
    asked = [[row.problem_id for row in rows if row.model == one.id] for one in library]
    assert asked[0] == asked[1]
    assert len(set(asked[0])) == 6
    for lesson in watched.taught:
        taught = {example.problem_id for example in lesson}
        assert taught
        assert taught <= train.keys() - set(asked[0])
        assert all(
            score(train[example.problem_id], example.completion[0]["content"]).reward == 1
            for example in lesson
        )
    for one in library:
        right = [score(train[row.problem_id], row.completion).reward for row in rows if row.model == one.id]
        assert one.screening["learned"] == round(sum(right) / len(right), 6)
    assert not list(where.workdir.rglob("*.safetensors"))


class Told:
    """The real answers, rewarded by the number of the fine-tuning: one cannot wait until `tiny` has learned."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reward: Callable[[int], float]) -> None:
        self.models: list[str] = []
        self._real, self._reward = pilot.answer_problems, reward
        monkeypatch.setattr(pilot, "answer_problems", self)

    def __call__(self, *asked: Any, model: str, **named: Any) -> list[EvaluationRow]:
        self.models.append(model)
        reward = self._reward(len(self.models))
        return [dataclasses.replace(row, reward=reward) for row in self._real(*asked, model=model, **named)]


def test_those_that_it_learns_alone_it_learns_together_on_parts_of_their_lessons(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, told = Watched(monkeypatch), Told(monkeypatch, lambda number: 1.0)
    where = context(inputs, tmp_path)
    summary = primitives.run(CONFIG, where)
    assert summary["funnel"]["kept"] == 2
    one, other, both = watched.taught
    assert {example.id for example in both} <= {example.id for example in (*one, *other)}
    by = {who: [e.problem_id for e in both if e.primitive_id == who] for who in told.models[:2]}
    assert set(told.models[2].split("+")) == set(by)
    for lesson, problem_ids in zip((one, other), by.values(), strict=True):
        assert len(problem_ids) == pytest.approx(len(lesson) / 2, abs=1), "as many tokens in all"
    rows = read_records(where.output / "pilot.parquet", EvaluationRow)
    assert [row.problem_id for row in rows[:6]] == [row.problem_id for row in rows[12:]]
    assert {row.model for row in rows} == set(told.models)


def test_who_is_far_behind_the_best_is_rejected(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(monkeypatch, lambda number: float(number == 2))
    config = CONFIG.model_copy(update={"pilot": CONFIG.pilot.model_copy(update={"keep": 0.8})})
    summary = primitives.run(config, context(inputs, tmp_path))
    assert summary["funnel"]["kept"] == 1
    assert summary["funnel"]["dropped"]["learned"] == 1
    assert len(told.models) == 2, "who is behind alone is not tried together"


def test_a_killed_pilot_goes_on_with_the_fine_tuning_that_was_under_way(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = context(inputs, tmp_path)
    primitives.run(CONFIG, whole)
    killed = context(inputs, tmp_path, "-killed")
    with monkeypatch.context() as patched:
        Watched(patched, dies_in=2)
        with pytest.raises(KeyboardInterrupt):
            primitives.run(CONFIG, killed)
    (tmp_path / "primitives-killed").rmdir()
    watched, again = Watched(monkeypatch), context(inputs, tmp_path, "-killed")
    primitives.run(CONFIG, again)
    assert len(watched.taught) == 1
    for name in ("primitives.parquet", "pilot.parquet"):
        assert (again.output / name).read_bytes() == (whole.output / name).read_bytes()


def test_a_demonstration_that_is_too_long_is_told_of_the_pilot(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    short = CONFIG.pilot.model_copy(
        update={"training": CONFIG.pilot.training.model_copy(update={"max_length": 32})}
    )
    with pytest.raises(
        StageError, match=r"^primitives\.pilot\.training\.max_length = 32 tokens, .* set primitives\.pilot\."
    ):
        primitives.run(CONFIG.model_copy(update={"pilot": short}), context(inputs, tmp_path))


def test_too_few_train_problems_are_one_sentence(inputs: dict[str, Path], tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"pilot": CONFIG.pilot.model_copy(update={"problems": 20})})
    with pytest.raises(StageError, match=r"primitives\.pilot\.problems = 20, .* only 20 train problems"):
        primitives.run(config, context(inputs, tmp_path))


@pytest.mark.parametrize("pass_rate", [1.0, 0.5, 0.25])
def test_a_teacher_that_errs_is_asked_for_more_and_teaches_as_much(pass_rate: float) -> None:
    kk = get_environment("kk")
    train = kk.generate(kk.options_model(people=(2,)), count=30, split="train", seed=1)
    screening = {"mean_tokens": 20.0, "pass_rate": pass_rate}
    primitive = dataclasses.replace(language_of("kk").primitive({}, {}), screening=screening)
    chances = random.Random(0)
    lesson = pilot._lesson(
        CONFIG.pilot, primitive, train, 0, lambda wanted: [make_demonstration("t", *one, "So", "") for one in wanted],
        lambda *_: "" if chances.random() < pass_rate else "wrong",
    )  # fmt: skip
    assert 150 <= len(lesson) <= 250, "4000 words and marks at 20 each"


def test_of_a_primitive_that_solves_nothing_there_is_no_lesson() -> None:
    """`tau_quality = 0` takes it all the same."""
    screening = {"mean_tokens": 20.0, "pass_rate": 0.0}
    primitive = dataclasses.replace(language_of("kk").primitive({}, {}), screening=screening)

    def never(*_: object) -> list[Demonstration]:
        raise AssertionError("nothing that could be right is written")

    assert pilot._lesson(CONFIG.pilot, primitive, [], 0, never, lambda *_: "") == []

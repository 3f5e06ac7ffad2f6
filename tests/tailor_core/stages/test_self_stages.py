"""The stages with the student as its own teacher: what they depend on, what they leave, and through failures."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from scripted_teacher import WAYS, ScriptedTeacher
from small_run import write_backbone
from test_chat_stages import context, prepare, recipe, run

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_records
from tailor_core.config.recipe import Recipe
from tailor_core.errors import StageError
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.primitives.language import language_of
from tailor_core.records import Demonstration, Primitive, Problem, Verdict
from tailor_core.stages import demonstrations, primitives, teachers
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec

KINDS = ("procedural", "chat", "self")


def self_recipe(**changed: Any) -> Recipe:
    settings: dict[str, Any] = {"teacher__kind": "self", "teacher__rows": 7, "demonstrations__total": 40}
    return recipe(**{**settings, **changed})


class Student:
    """A student in place of a model: a script that solves, `wrong` times in ten wrongly, by temperature.

    Completions depend on the seed and on the whole batch, as those of a model do. It breaks down at call `fail_at`.
    """

    def __init__(self, problems: Sequence[Problem], wrong: Callable[[float], int], fail_at: int = -1) -> None:
        self.calls: list[Sampling] = []
        self.prompts: list[str] = []
        self._problems, self._wrong, self._fail_at = problems, wrong, fail_at

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, on_done: Callable[[int], None] | None = None
    ) -> list[list[Completion]]:
        if len(self.calls) == self._fail_at:
            raise OSError("the machine went away")
        self.calls.append(sampling)
        self.prompts += [prompt[-1]["content"] for prompt in prompts]
        script = ScriptedTeacher(self._problems, self._wrong(sampling.temperature))
        rng = random.Random(f"{sampling.seed} {len(prompts)}")
        found = []
        for messages in prompts:
            body = {"messages": list(messages), "seed": rng.randrange(10**6)}
            if sampling.schema:
                body["response_format"] = {}
            usage = Usage(prompt_tokens=10, completion_tokens=5)
            found.append([Completion(text=str(script(body).text), finish="stop", usage=usage)])
            if on_done:
                on_done(1)
        return found


@pytest.fixture
def enroll(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Student]:
    """Has a student loaded in place of the model in tmp_path / "backbone"."""
    (tmp_path / "backbone").mkdir()

    def load(problems: Sequence[Problem], wrong: Any = lambda _: 2, fail_at: int = -1) -> Student:
        student = Student(problems, wrong, fail_at)
        monkeypatch.setattr(teachers, "load_engine", lambda *_, **__: nullcontext(student))
        return student

    return load


def test_the_student_writes_with_the_instructions_of_programs_and_is_judged_by_what_it_writes(
    tmp_path: Path, enroll: Callable[..., Student]
) -> None:
    made = prepare(tmp_path)
    student = enroll(made)
    summaries = run(tmp_path, self_recipe())
    library = read_records(tmp_path / "primitives" / "primitives.parquet", Primitive)
    language = language_of("kk")
    assert {p.kind for p in library} == {"self"}
    assert {p.provenance["teacher"] for p in library} == {"self"}
    assert all(p.instruction == language.program.from_dict(p.program).instruction for p in library)
    assert {p.screening["verdict"] for p in library} >= {"accepted"}
    assert any(p.screening["pass_rate"] < 1 for p in library), "it errs twice in ten, which programs never do"

    rows = read_records(tmp_path / "demonstrations" / "demonstrations.parquet", Demonstration)
    assert {row.teacher for row in rows} == {"self"}
    judged = read_records(tmp_path / "verdicts" / "verdicts.parquet", Verdict)
    assert {verdict.reward for verdict in judged} == {0.0, 1.0}
    assert not any(v.checks["sound_required"] for v in judged), "as a chat teacher's, for they are no steps"
    taken = [summaries[name]["metrics"]["teacher"] for name in ("primitives", "demonstrations")]
    assert sum(one["requests"] for one in taken) == len(student.prompts)
    assert taken[1] == {"requests": 40, "prompt_tokens": 400, "completion_tokens": 200, "cost_dollars": 0.0}
    assert len([call for call in student.calls if call.max_tokens == 2048]) == len(student.calls)


def test_in_a_family_without_a_move_language_the_student_proposes(
    tmp_path: Path, enroll: Callable[..., Student], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(tmp_path)
    enroll(made)
    for place in ("stages.primitives", "stages.spec"):
        monkeypatch.setattr(f"tailor_core.{place}.takes_programs", lambda teacher, name: False)
    run(tmp_path, self_recipe())
    library = read_records(tmp_path / "primitives" / "primitives.parquet", Primitive)
    assert {p.kind for p in library} == {"self"}
    assert {p.instruction for p in library} <= set(WAYS.values())
    code = make_spec(STAGES["primitives"], self_recipe(), {}).code
    assert not [name for name in code if name.startswith("tailor_core.demonstrations.knights_knaves")]


def test_a_student_that_is_too_weak_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    prepare(tmp_path)
    write_backbone(tmp_path / "backbone")
    weak = self_recipe(teacher__max_tokens=8, primitives__probe_problems=2, primitives__rounds=1)
    with pytest.raises(StageError) as caught:
        primitives.run(weak.section("primitives"), context(tmp_path, "primitives"))  # type: ignore[arg-type]
    told = str(caught.value)
    assert "none of 3 candidates was accepted (the best of them because pass rate 0.000 is below 0.5" in told
    assert (
        "it cannot teach itself: set teacher.kind to 'procedural' or 'chat', or name a stronger backbone"
        in told
    )
    assert "\n" not in told


def test_a_stage_that_breaks_down_again_and_again_ends_as_an_undisturbed_one(
    tmp_path: Path, enroll: Callable[..., Student]
) -> None:
    made = prepare(tmp_path)
    wanted = self_recipe(
        demonstrations__balance={"temperatures": [0.5, 1.0], "problems": 3, "samples": 4},
    ).section("demonstrations")
    enroll(made)
    run(tmp_path, self_recipe())
    whole = enroll(made)
    undisturbed = demonstrations.run(wanted, context(tmp_path, "demonstrations"))  # type: ignore[arg-type]
    table = (tmp_path / "demonstrations" / "demonstrations.parquet").read_bytes()
    (tmp_path / "demonstrations" / "demonstrations.parquet").unlink()
    for path in (tmp_path / "demonstrations-work" / "completions").iterdir():
        path.unlink()
    wanted = wanted.model_copy(update={"shard_size": 3})  # no matter to what the student writes
    calls, asked = 0, 0
    for _ in whole.calls:
        student = enroll(made, fail_at=2)
        try:
            summary = demonstrations.run(wanted, context(tmp_path, "demonstrations"))  # type: ignore[arg-type]
        except OSError:
            calls, asked = calls + len(student.calls), asked + len(student.prompts)
        else:
            break
    assert calls + len(student.calls) == len(whole.calls) > 4
    assert asked + len(student.prompts) == len(whole.prompts), "no batch is sampled twice"
    assert summary == undisturbed
    assert (tmp_path / "demonstrations" / "demonstrations.parquet").read_bytes() == table


def test_the_temperature_with_the_best_balance_is_taken_and_all_scores_are_told(
    tmp_path: Path, enroll: Callable[..., Student]
) -> None:
    made = prepare(tmp_path)
    student = enroll(made, wrong=lambda temperature: 9 if temperature > 1 else 0)
    primitives.run(self_recipe().section("primitives"), context(tmp_path, "primitives"))  # type: ignore[arg-type]
    student.calls.clear()
    chosen = self_recipe(
        demonstrations__balance={"temperatures": [1.5, 0.7], "problems": 5, "samples": 4, "enough": 3},
        teacher__temperature=0.3,
    )
    summary = demonstrations.run(chosen.section("demonstrations"), context(tmp_path, "demonstrations"))  # type: ignore[arg-type]
    balance = summary["metrics"]["balance"]
    tried = balance["tried"]
    assert [(one["temperature"], one["threshold"]) for one in tried] == [
        (temperature, threshold) for temperature in (1.5, 0.7) for threshold in (0.0, 0.5, 0.9)
    ]
    assert balance["temperature"] == 0.7
    assert balance["score"] == max(one["score"] for one in tried) > 0.9
    assert max(one["score"] for one in tried if one["temperature"] == 1.5) < 0.5
    assert summary["metrics"]["teacher"]["requests"] == 40 + 2 * 5 * 4
    assert [call.temperature for call in student.calls] == [1.5] * 3 + [0.7] * (3 + 6)


def spec(kind: str, product: str, **inputs: str) -> Any:
    made = self_recipe(teacher__kind=kind, teacher__model="m")
    refs = {name: ArtifactRef(stage=name, key="k", digest=digest, uri="u") for name, digest in inputs.items()}
    return make_spec(STAGES[product], made, refs)


@pytest.mark.parametrize("product", ["primitives", "demonstrations"])
def test_only_a_student_that_teaches_itself_makes_a_stage_depend_on_the_backbone(product: str) -> None:
    definition = STAGES[product]
    read = {
        kind: definition.inputs_of(self_recipe(teacher__kind=kind, teacher__model="m").section(product))
        for kind in KINDS
    }
    assert read["procedural"] == read["chat"] == definition.inputs
    assert read["self"] == (*definition.inputs, "backbone") == definition.offered
    assert "torch" in spec("self", product).libraries
    for kind in ("procedural", "chat"):
        assert "torch" not in spec(kind, product).libraries
    assert spec("self", product, backbone="a" * 64).key != spec("self", product, backbone="b" * 64).key


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        ({"teacher__model": "other"}, set()),
        ({"teacher__structured": "none"}, set()),
        ({"teacher__base_url": "http://elsewhere:1/v1"}, set()),
        ({"teacher__rows": 9}, {"primitives", "demonstrations"}),
        ({"teacher__temperature": 0.1}, {"primitives", "demonstrations"}),
        ({"demonstrations__shard_size": 3}, set()),
        ({"demonstrations__balance": {"problems": 3}}, set()),
        ({"demonstrations__balance": {"temperatures": [0.1]}}, {"demonstrations"}),
        ({"verdicts__quality": {"min_words": 3}}, {"primitives", "verdicts"}),
    ],
)
def test_a_key_holds_what_changes_what_the_student_writes(changed: dict[str, Any], anew: set[str]) -> None:
    def keys(made: Recipe) -> dict[str, str]:
        products = ("primitives", "demonstrations", "verdicts")
        return {name: make_spec(STAGES[name], made, {}).key for name in products}

    before, after = keys(self_recipe()), keys(self_recipe(**changed))
    assert {name for name in before if before[name] != after[name]} == anew


def test_the_procedural_teacher_tries_no_temperatures_and_has_no_rows() -> None:
    def key(**changed: Any) -> str:
        return make_spec(STAGES["demonstrations"], recipe(teacher__kind="procedural", **changed), {}).key

    assert key() == key(demonstrations__balance={"temperatures": [0.5]}) == key(teacher__rows=3)


def test_a_plan_waits_on_the_backbone_for_a_student_that_teaches_itself_and_for_no_other(
    store: Store,
) -> None:
    waits = {
        kind: {
            plan.stage: plan.waits_on
            for plan in plan_stages(
                self_recipe(teacher__kind=kind, teacher__model="m"), store, list(STAGES.values())
            )
        }
        for kind in KINDS
    }
    assert waits["self"]["primitives"] == ("problems", "probe", "backbone")
    assert waits["self"]["demonstrations"] == ("problems", "primitives", "backbone")
    for kind in ("procedural", "chat"):
        assert waits[kind]["primitives"] == ("problems", "probe")
        assert waits[kind]["demonstrations"] == ("problems", "primitives")

"""The stages with a chat teacher, against a server: from the probe to verdicts, and through kills."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("openai", reason="openai is not installed (extra openai)")

from scripted_server import Body, Reply, ScriptedServer, tokens_of
from scripted_teacher import WAYS, ScriptedTeacher
from standin_vllm import make_environment, notes

from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe, place_of
from tailor_core.config.teacher import TeacherConfig
from tailor_core.errors import RecipeError
from tailor_core.records import Demonstration, EvaluationRow, Primitive, Problem, Verdict
from tailor_core.stages import demonstrations, primitives, problems, verdicts
from tailor_core.stages.context import StageContext
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec
from tailor_core.verification.scoring import score

pytestmark = pytest.mark.integration


def recipe(url: str = "http://127.0.0.1:1/v1", **changed: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "chat",
        "seed": 4,
        "environment": {"name": "kk", "options": {"people": [3]}},
        "problems": {"train": 12, "validation": 2, "test": 2, "ood": 0},
        "primitives": {
            "probe_problems": 4,
            "candidates_per_round": 3,
            "rounds": 2,
            "max_primitives": 4,
            "tau_quality": 0.5,
            "tau_novelty": 0.05,
            "max_tokens": 900,
        },
        "demonstrations": {"total": 40, "shard_size": 7},
        "teacher": {"kind": "chat", "model": "m", "base_url": url, "input_price": 1.0, "output_price": 4.0},
    }
    for name, value in changed.items():
        section, _, field = name.partition("__")
        values[section] = {**values.get(section, {}), field: value}
    return make_recipe(values, "chat")


def context(root: Path, stage: str) -> StageContext:
    output, workdir = root / stage, root / f"{stage}-work"
    output.mkdir(parents=True, exist_ok=True)
    workdir.mkdir(exist_ok=True)
    inputs = {name: root / name for name in STAGES if (root / name).exists() and name != stage}
    return StageContext(inputs=inputs, output=output, workdir=workdir, seed=4)


def prepare(root: Path) -> list[Problem]:
    """Problems, and a probe in which everything was wrong."""
    problems.run(recipe().section("problems"), context(root, "problems"))  # type: ignore[arg-type]
    made = read_records(root / "problems" / "problems.parquet", Problem)
    summary = {"pass_rate_by_difficulty": {"3": 0.0}, "failures": {"1 of 3 roles are right": 2}, "wrong": 2}
    (root / "probe").mkdir()
    (root / "probe" / "summary.json").write_text(json.dumps(summary))
    rows = [
        EvaluationRow(
            model="base", problem_id=problem.id, split="train", difficulty=3, sample=0, completion="It is so.",
            reward=0.0, well_formed=True, finished=True, tokens=3, entropy=0.1, reason="1 of 3 roles are right",
        )
        for problem in made[:2]
    ]  # fmt: skip
    write_records(root / "probe" / "completions.parquet", rows)
    return made


def run(root: Path, made: Recipe) -> dict[str, Any]:
    """The summaries of the three stages."""
    stages = {"primitives": primitives, "demonstrations": demonstrations, "verdicts": verdicts}
    return {name: stage.run(made.section(name), context(root, name)) for name, stage in stages.items()}  # type: ignore[attr-defined]


def test_from_a_probe_to_verified_demonstrations_with_their_costs(tmp_path: Path) -> None:
    made = prepare(tmp_path)
    with ScriptedServer(ScriptedTeacher(made)) as server:
        summaries = run(tmp_path, recipe(server.url))
        taken = {name: summary["metrics"].get("teacher") for name, summary in summaries.items()}
        bodies = {json.dumps(body, sort_keys=True): body for body in server.bodies}.values()
    assert len(bodies) == len(server.bodies), "nothing is asked twice"

    library = read_records(tmp_path / "primitives" / "primitives.parquet", Primitive)
    accepted = [p for p in library if p.screening["verdict"] == "accepted"]
    assert accepted
    assert {p.kind for p in library} == {"chat"}
    assert {p.instruction for p in library} <= set(WAYS.values())
    funnel = summaries["primitives"]["funnel"]
    assert funnel["in"] == len(library) == funnel["kept"] + sum(funnel["dropped"].values())

    rows = read_records(tmp_path / "demonstrations" / "demonstrations.parquet", Demonstration)
    assert len(rows) == 40
    assert {row.teacher for row in rows} == {"chat"}
    assert {row.primitive_id for row in rows} == {p.id for p in accepted}
    judged = read_records(tmp_path / "verdicts" / "verdicts.parquet", Verdict)
    assert {verdict.reward for verdict in judged} == {0.0, 1.0}, "some of its answers are wrong"
    assert summaries["verdicts"]["funnel"]["dropped"]["not_correct"] > 0

    assert taken["primitives"]["requests"] + taken["demonstrations"]["requests"] == len(bodies)
    assert taken["demonstrations"]["requests"] == 40
    prompts = sum(map(tokens_of, bodies))
    assert taken["primitives"]["prompt_tokens"] + taken["demonstrations"]["prompt_tokens"] == prompts
    asked = taken["demonstrations"]
    cost = (asked["prompt_tokens"] + 4 * asked["completion_tokens"]) / 1e6
    assert asked["cost_dollars"] == pytest.approx(cost, abs=1e-6)
    assert asked["completion_tokens"] > 40 * 20


DEMONSTRATING = """
import sys
from pathlib import Path
from tailor_core.config.load import make_recipe
from tailor_core.stages import demonstrations
from test_chat_stages import context, recipe
demonstrations.run(recipe(sys.argv[1]).section("demonstrations"), context(Path(sys.argv[2]), "demonstrations"))
"""


def test_a_stage_that_is_killed_again_and_again_ends_as_an_undisturbed_one(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    """And each completion that was kept is asked for once; the server misbehaves besides."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    made = prepare(whole)
    prepare(killed)
    teacher = ScriptedTeacher(made)
    failed: Counter[str] = Counter()

    def misbehave(body: Body) -> Reply:
        time.sleep(0.05)
        name = json.dumps([body["messages"], body["seed"]])
        failed[name] += 1
        bad = [
            Reply(status=429, raw=b"{}", headers={"retry-after-ms": "10"}),
            Reply(status=500, raw=b"{}"),
            Reply(raw=b'{"choices": [{"mess'),
            Reply(hang_up=True),
        ]
        turn = len(name) % 7
        return bad[turn] if failed[name] == 1 and turn < len(bad) else teacher(body)

    with ScriptedServer(teacher) as server:
        undisturbed = run(whole, recipe(server.url))
        (killed / "primitives").mkdir()
        library = whole / "primitives" / "primitives.parquet"
        (killed / "primitives" / library.name).write_bytes(library.read_bytes())
    with ScriptedServer(misbehave) as server:
        here = str(Path(__file__).parent)
        environment = {
            **python_environment,
            "PYTHONPATH": f"{here}{os.pathsep}{python_environment['PYTHONPATH']}",
        }
        command = [sys.executable, "-c", DEMONSTRATING, server.url, str(killed)]
        for kill in (8, 20, 32):
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            wait(lambda kill=kill: len(set(server.asked())) >= kill)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            wait(lambda: server.in_flight == 0)
        before = len(server.bodies)
        summary = demonstrations.run(
            recipe(server.url).section("demonstrations"),  # type: ignore[arg-type]
            context(killed, "demonstrations"),
        )
        assert len(server.bodies) - before < 30
        answered = len(server.bodies)
        again = demonstrations.run(
            recipe(server.url).section("demonstrations"),  # type: ignore[arg-type]
            context(killed, "demonstrations"),
        )
        assert len(server.bodies) == answered
    assert summary == again == undisturbed["demonstrations"]
    name = "demonstrations/demonstrations.parquet"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_a_teacher_of_its_own_is_served_only_while_something_is_missing_and_its_death_costs_one_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(tmp_path)
    with ScriptedServer(ScriptedTeacher(made)) as server:
        section = recipe(server.url).section("primitives")
        primitives.run(section, context(tmp_path, "primitives"))  # type: ignore[arg-type]
    monkeypatch.setenv("TAILOR_VLLM_ENV", str(make_environment(tmp_path / "environment")))
    monkeypatch.setenv("STANDIN_NOTES", str(tmp_path / "notes"))
    served = {"kind": "chat", "model": "tiny", "serve": True, "concurrency": 1}
    section = recipe(teacher__kind="procedural").model_copy(update={"teacher": TeacherConfig(**served)})

    def demonstrate() -> dict[str, Any]:
        return demonstrations.run(
            section.section("demonstrations"),  # type: ignore[arg-type]
            context(tmp_path, "demonstrations"),
        )

    monkeypatch.setenv("STANDIN", "counts")
    with pytest.raises(OSError, match="the vLLM server of 'tiny' ended"):  # which has a stage tried again
        demonstrate()
    monkeypatch.setenv("STANDIN", "")
    summary = demonstrate()
    told = notes(tmp_path / "notes")
    asked = Counter(
        json.dumps([one["asked"]["messages"], one["asked"]["seed"]]) for one in told if "asked" in one
    )
    assert sorted(asked.values()) == [1] * 39 + [2]
    assert {one["asked"]["model"] for one in told if "asked" in one} == {"tiny"}
    assert demonstrate() == summary
    servers = [one for one in notes(tmp_path / "notes") if "server" in one]
    assert len(servers) == 2, "the third time nothing was missing"
    assert not any(psutil.pid_exists(one["server"]) for one in servers)
    assert len(list((tmp_path / "demonstrations-work" / "servers").glob("tiny-*.log"))) == 2


def wait(until: Any) -> None:
    for _ in itertools.takewhile(lambda _: not until(), range(6000)):
        time.sleep(0.01)
    assert until()


def keys(made: Recipe) -> dict[str, str]:
    return {
        name: make_spec(STAGES[name], made, {}).key for name in ("primitives", "demonstrations", "verdicts")
    }


@pytest.mark.parametrize(
    ("changed", "anew"),
    [
        ({"teacher__base_url": "https://elsewhere.example/v1"}, set()),
        ({"teacher__concurrency": 99}, set()),
        ({"teacher__retries": 0}, set()),
        ({"teacher__attempt_seconds": 1}, set()),
        ({"teacher__deadline_seconds": 1}, set()),
        ({"teacher__output_price": 99}, set()),
        ({"teacher__key_variable": "OTHER"}, set()),
        ({"teacher__model": "other"}, {"primitives", "demonstrations"}),
        ({"teacher__temperature": 0.1}, {"primitives", "demonstrations"}),
        ({"teacher__max_tokens": 9}, {"primitives", "demonstrations"}),
        ({"teacher__shots": 2}, {"primitives", "demonstrations"}),
        ({"teacher__structured": "none"}, {"primitives", "demonstrations"}),
        ({"verdicts__quality": {"min_words": 3}}, {"primitives", "verdicts"}),
        ({"primitives__same_wording": 0.5}, {"primitives"}),
    ],
)
def test_a_key_holds_what_changes_the_result_and_nothing_else(
    changed: dict[str, Any], anew: set[str]
) -> None:
    before, after = keys(recipe()), keys(recipe(**changed))
    assert {name for name in before if before[name] != after[name]} == anew


def test_a_plan_names_fields_as_the_recipe_has_them() -> None:
    places = [place_of("demonstrations", "teacher.model"), place_of("primitives", "quality.min_words")]
    assert places == ["teacher.model", "verdicts.quality.min_words"]
    assert place_of("problems", "environment.name") == "environment.name"
    assert place_of("verdicts", "quality.min_words") == "verdicts.quality.min_words"


def test_settings_of_a_chat_teacher_mean_nothing_to_the_procedural_one() -> None:
    plain = recipe(teacher__kind="procedural")
    other = recipe(teacher__kind="procedural", teacher__model="another", teacher__temperature=0.3)
    assert keys(plain) == keys(other)
    assert make_spec(STAGES["primitives"], plain, {}).config["teacher"]["model"] == ""
    assert make_spec(STAGES["primitives"], plain, {}).sources == {}


def test_the_bytes_of_its_prompts_are_in_the_keys_of_those_who_send_them() -> None:
    sources = {
        name: make_spec(STAGES[name], recipe(), {}).sources for name in ("primitives", "demonstrations")
    }
    assert sources["primitives"].keys() == {"primitives.prompts", "demonstrations.prompts"}
    assert sources["demonstrations"].keys() == {"demonstrations.prompts"}
    assert all(len(digest) == 64 for digest in sources["primitives"].values())


def test_what_is_shown_solved_is_right_and_its_writer_is_in_the_keys(tmp_path: Path) -> None:
    made = prepare(tmp_path)
    with ScriptedServer(ScriptedTeacher(made)) as server:
        with_shots = recipe(server.url, teacher__shots=2)
        found = run(tmp_path, with_shots)
        chats = [
            body["messages"]
            for body in server.bodies
            if len(body["messages"]) > 1 and "response_format" not in body
        ]
    assert found["demonstrations"]["rows"] == {"demonstrations": 40}
    assert {len(chat) for chat in chats} == {3, 5}, "a problem is not shown with its own answer"
    by_question = {problem.question: problem for problem in made}
    for chat in chats:
        for asked, reply in zip(chat[:-1:2], chat[1::2], strict=True):
            assert score(by_question[asked["content"].split("\n\n")[0]], reply["content"]).reward == 1
    code = {
        shots: make_spec(STAGES["demonstrations"], recipe(teacher__shots=shots), {}).code for shots in (0, 2)
    }
    writer = "tailor_core.demonstrations.knights_knaves.reasoner"
    assert [writer in code[shots] for shots in (0, 2)] == [False, True]


def test_a_family_without_a_move_language_can_be_taught_by_a_chat_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prepare(tmp_path)

    def none_here(name: str) -> Any:
        raise RecipeError(f"environment.name = {name!r} has no move language")

    for place in (
        "stages.spec.get_teaching",
        "stages.primitives.language_of",
        "stages.teachers.ProceduralTeacher",
    ):
        monkeypatch.setattr(f"tailor_core.{place}", none_here)
    with pytest.raises(RecipeError, match="no move language"):
        keys(recipe(teacher__kind="procedural"))
    assert len(set(keys(recipe()).values())) == 3
    with ScriptedServer(ScriptedTeacher(made)) as server:
        assert run(tmp_path, recipe(server.url))["verdicts"]["funnel"]["kept"] > 0


def test_no_key_of_a_server_is_in_a_job_or_manifest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    made = prepare(tmp_path)
    with ScriptedServer(ScriptedTeacher(made)) as server:
        summaries = run(tmp_path, recipe(server.url))
        assert set(server.keys) == {"Bearer sk-very-secret"}
    assert "sk-very-secret" not in json.dumps([summaries, recipe().model_dump(mode="json")])
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"sk-very-secret" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({"teacher__model": " "}, ["model is empty", "teacher.model"]),
        ({"teacher__base_url": "http://me:pw@host/v1"}, ["teacher.base_url holds a secret", "key_variable"]),
        ({"teacher__base_url": "ftp://host/v1"}, ["'ftp://host/v1' is no http(s) address"]),
        ({"teacher__base_url": "http://host:99999/v1"}, ["is no http(s) address"]),
        ({"teacher__base_url": "http://[::1/v1"}, ["is no http(s) address"]),
        ({"teacher__kind": "oracle"}, ["teacher.kind = 'oracle'", "procedural"]),
        ({"teacher__api_key": "sk-1"}, ["teacher.api_key holds a secret", "OPENAI_API_KEY"]),
        (
            {"demonstrations__teacher": {"kind": "chat", "model": "m"}},
            ["demonstrations.teacher is taken from", "[teacher]"],
        ),
        ({"primitives__quality": {"min_words": 1}}, ["primitives.quality", "[verdicts.quality]"]),
    ],
)
def test_a_wrong_teacher_is_one_sentence(changed: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(**changed)
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value

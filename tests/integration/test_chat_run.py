"""`tailor run` with a chat teacher behind a server, from nothing to a report, killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="openai is not installed (extra openai)")

from scripted_server import Body, Reply, ScriptedServer
from scripted_teacher import WAYS, ScriptedTeacher
from test_pipeline import outcomes, tailor

from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_records
from tailor_core.config.load import load_recipe
from tailor_core.records import Primitive, Problem, SFTExample
from tailor_core.stages.registry import STAGES

pytestmark = pytest.mark.integration

TEACHER = """
[teacher]
kind = "chat"
model = "scripted"
base_url = "{url}"
output_price = 10.0
"""
EVIL = "Reason <script>alert(1)</script> from {{ 7 * 7 }} '; drop table primitives; -- to the end of it."

PLANTED = "pl4nted"
"""What all secrets begin with: it may be found nowhere."""

KEY = f"{PLANTED}-teacher-key"
SECRETS = {
    "OPENAI_API_KEY": KEY,
    "AWS_ACCESS_KEY_ID": f"{PLANTED}-aws-id",
    "AWS_SECRET_ACCESS_KEY": f"{PLANTED}-aws-secret",
    "PREFECT_API_AUTH_STRING": f"admin:{PLANTED}-prefect",
    "MLFLOW_TRACKING_TOKEN": f"{PLANTED}-mlflow-token",
    "OPENLINEAGE_URL": f"http://me:{PLANTED}-lineage-password@127.0.0.1:9",
    "OPENLINEAGE_API_KEY": f"{PLANTED}-lineage-key",
    "HF_TOKEN": f"{PLANTED}-hub-token",
}

EVIL_NAME = "</td> {{ 7 * 7 }} <script>alert(1)</script>"


def table(store: Store, stage: str, file: str, record: type[Any]) -> list[Any]:
    (manifest,) = store.manifests(stage)
    return read_records(Path(store._at(manifest.ref.uri)) / f"{file}.parquet", record)


class EvilTeacher(ScriptedTeacher):
    """Its first idea of all is hostile."""

    def propose(self, body: Body) -> str:
        found = json.loads(super().propose(body))
        if (
            len(body["messages"]) == 1
            and EVIL[:6] not in body["messages"][0]["content"].partition("The request")[0]
        ):
            found["primitives"][0] = {"name": EVIL_NAME, "instruction": EVIL}
        return json.dumps(found)


@pytest.mark.timeout(1800)  # four programs, one after the other: busy machines take their time
def test_a_run_with_a_chat_teacher_goes_on_where_it_was_killed_and_pays_once(
    small_recipe: Path, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    home = tmp_path / "home"
    text = small_recipe.read_text().replace(
        "[primitives]", "[primitives]\ntau_quality = 0.5\ntau_novelty = 0.05"
    )
    text = text.replace("max_tokens = 400", "max_tokens = 900").replace(
        "candidates_per_round = 12", "candidates_per_round = 3"
    )
    tailor(python_environment, "run", str(small_recipe), "--home", str(home), "--until", "problems")
    store = Store(str(home / "store"))
    teacher = EvilTeacher(table(store, "problems", "problems", Problem))

    def slowly(body: Body) -> Reply:
        time.sleep(0.02)
        return teacher(body)

    with ScriptedServer(slowly) as server:
        small_recipe.write_text(text + TEACHER.format(url=server.url))
        environment = {**python_environment, **SECRETS, "COLUMNS": "100"}
        command = [sys.executable, "-m", "flows.cli", "run", str(small_recipe), "--home", str(home)]
        with (tmp_path / "killed.log").open("w") as log:
            killed = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            while sum("The problem to solve" in asked for asked in server.asked()) < 50:
                assert killed.poll() is None, (tmp_path / "killed.log").read_text()[-3000:]
                time.sleep(0.02)
            os.killpg(killed.pid, signal.SIGKILL)
            killed.wait()
        at_kill = len(server.bodies)
        result = tailor(environment, "run", str(small_recipe), "--home", str(home))
        asked = len(server.bodies)
        again = tailor(environment, "run", str(small_recipe), "--home", str(home))
        assert len(server.bodies) == asked
        elsewhere = ("--set", "teacher.base_url=http://127.0.0.1:9/v1", "--set", "teacher.concurrency=1")
        plan = tailor(environment, "plan", str(small_recipe), "--home", str(home), *elsewhere).stdout
    assert {word for word, _ in outcomes(again).values()} == {"hit"}
    assert [line.split()[1] for line in plan.splitlines()] == ["hit"] * len(STAGES)
    assert "tokens/s, $" in result.stderr

    distinct = {json.dumps(body, sort_keys=True) for body in server.bodies}
    assert at_kill >= 50
    assert asked - len(distinct) <= 16, "what was in flight at the kill, and no more"

    manifests = {stage: next(iter(store.manifests(stage))) for stage in ("primitives", "demonstrations")}
    taken = {stage: manifest.summary["metrics"]["teacher"] for stage, manifest in manifests.items()}
    assert sum(one["requests"] for one in taken.values()) == len(distinct)
    for one in taken.values():
        assert one["cost_dollars"] == pytest.approx(one["completion_tokens"] * 10 / 1e6, abs=1e-6)

    library = table(store, "primitives", "primitives", Primitive)
    assert {p.instruction for p in library} > {EVIL}
    assert {p.instruction for p in library} <= {EVIL, *WAYS.values()}
    for row in table(store, "sft_dataset", "sft_dataset", SFTExample):
        assert not any(p.instruction in row.prompt[0]["content"] for p in library)

    page = (home / "reports" / "small.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "Reason &lt;script&gt;alert(1)" in page, "proposals are in the report, whatever became of them"
    assert "{{ 7 * 7 }}" in page
    _check_nothing_tells_a_secret(home, result.stdout + result.stderr)
    _check_a_failing_run_tells_no_secret(environment, small_recipe, home)
    _check_mlflow_tells_costs(home, load_recipe(str(small_recipe), tmp_path).name, taken)


def _check_nothing_tells_a_secret(home: Path, printed: str) -> None:
    """Store, events, logs, MLflow, report, catalog, records and Prefect's database, byte by byte."""
    for path in home.rglob("*"):
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes(), path
    assert PLANTED not in printed


def _check_a_failing_run_tells_no_secret(environment: dict[str, str], recipe: Path, home: Path) -> None:
    """The server quotes the key in its refusal; MLflow's database, whose address holds a password, is away."""
    commands: list[bytes] = []

    def refuse(body: Body) -> Reply:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                commands.append(path.read_bytes())
        said = f"You sent Authorization: {refusing.keys[-1]}; see https://me:{KEY}@help/?api_key={KEY}."
        return Reply(status=400, raw=json.dumps({"error": {"message": said}}).encode())

    failing = {**environment, "MLFLOW_TRACKING_URI": f"http://me:{PLANTED}-mlflow@127.0.0.1:9"}
    with ScriptedServer(refuse) as refusing:
        wanted = ("--set", f"teacher.base_url={refusing.url}", "--set", "seed=9", "--until", "primitives")
        result = subprocess.run(
            [sys.executable, "-m", "flows.cli", "run", str(recipe), "--home", str(home), *wanted],
            env=failing,
            capture_output=True,
            text=True,
            check=False,
        )
        assert refusing.keys[0] == f"Bearer {KEY}"
    printed = result.stdout + result.stderr
    assert result.returncode == 2, printed
    assert "You sent Authorization: Bearer ***" in printed
    assert "not recorded: the MLflow run, " in printed
    assert any(b"flows.cli" in one for one in commands)
    assert not any(PLANTED.encode() in one for one in commands)
    _check_nothing_tells_a_secret(home, printed)


def _check_mlflow_tells_costs(home: Path, recipe: str, taken: dict[str, Any]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(recipe)
    assert experiment
    runs = client.search_runs([experiment.experiment_id], "tags.`tailor.stage` = 'demonstrations'")
    costs = [run.data.metrics["teacher/cost_dollars"] for run in runs if run.info.status == "FINISHED"]
    assert costs == [taken["demonstrations"]["cost_dollars"]]

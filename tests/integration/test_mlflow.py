"""MLflow on its SQLite default: what a run leaves there, and what it survives."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tailor_core.errors import InputError
from tailor_core.tracking import mlflow_runs
from tailor_core.tracking.datasets import Dataset, ModelVersion
from tailor_core.tracking.mlflow_runs import RunTracker
from tailor_core.tracking.model_registry import find_registered

pytestmark = pytest.mark.integration

PROBLEMS = Dataset(name="problems", digest="d" * 64, uri="file:///p", rows=7, columns={"id": "String"})
MODEL = Dataset(name="policy", key="k" * 64, digest="e" * 64, uri="file:///store/policy/k")
OTHER = Dataset(name="policy", key="l" * 64, digest="f" * 64, uri="file:///store/policy/l")
WARM_START = Dataset(name="warm_start", key="m" * 64, digest="a" * 64, uri="file:///store/warm_start/m")

OPEN = (
    "import sys, pathlib; from tailor_core.tracking.mlflow_runs import RunTracker\n"
    "home = pathlib.Path(sys.argv[1])\n"
    "tracker = RunTracker(f'sqlite:///{home}/mlflow.db', home, 'kk-tiny', {'seed': 1})\n"
    "print(tracker.run_id, flush=True)\n"
)


def uri(home: Path) -> str:
    return f"sqlite:///{home / 'mlflow.db'}"


def test_a_flow_run_is_a_parent_with_a_child_for_each_executed_stage(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    tracker = RunTracker(
        uri(tmp_path),
        tmp_path,
        "kk-tiny",
        {"seed": 7, "policy.beta": 0.1, "long": "x" * 9000},
        name="kk-tiny until policy",
        tags={"tailor.environment": "kk"},
    )
    tracker.describe("| long |" * 9000)
    tracker.cached("problems", PROBLEMS.digest)
    child = tracker.stage("policy", {"beta": 0.1}, [PROBLEMS])
    child.track({"reward": 0.25, "completions/mean_length": 40}, 1)
    child.track({"reward": 0.5}, 2)
    child.finish(MODEL, {"base/test/pass@1": 0.75}, "{}")
    failed = tracker.stage("evaluation", {}, [])
    failed.fail(OSError("disk full"))
    tracker.close(failed=True)

    client = MlflowClient(uri(tmp_path))
    experiment = client.get_experiment_by_name("kk-tiny")
    assert experiment.artifact_location == (tmp_path / "mlflow-artifacts" / "kk-tiny").as_uri()
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"kk-tiny until policy", "policy", "evaluation"}
    parent, policy, evaluation = (runs[name] for name in ("kk-tiny until policy", "policy", "evaluation"))
    assert parent.data.tags["tailor.environment"] == "kk"
    assert parent.data.tags["mlflow.note.content"].startswith("| long |")
    assert tracker.page() == "", "a file has no page"
    assert (parent.info.status, policy.info.status, evaluation.info.status) == (
        "FAILED",
        "FINISHED",
        "FAILED",
    )
    assert policy.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert parent.data.params["policy.beta"] == "0.1"
    assert parent.data.tags["stage.problems"] == f"cached:{PROBLEMS.digest}"
    assert parent.data.tags["stage.policy"] == f"ran:{policy.info.run_id}"
    assert policy.data.tags["tailor.digest"] == MODEL.digest
    assert policy.data.metrics["base/test/pass_1"] == 0.75
    assert [m.value for m in client.get_metric_history(policy.info.run_id, "reward")] == [0.25, 0.5]
    [given] = policy.inputs.dataset_inputs
    assert given.dataset.name == "problems"
    assert PROBLEMS.digest.startswith(given.dataset.digest)
    assert len(given.dataset.digest) <= 36
    assert json.loads(given.dataset.source)["digest"] == PROBLEMS.digest
    assert "disk full" in evaluation.data.tags["tailor.error"]


def test_a_model_is_registered_once_and_its_alias_follows_the_run(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    tracker = RunTracker(uri(tmp_path), tmp_path, "kk-tiny", {})
    child = tracker.stage("policy", {}, [])
    made = [
        tracker.register(WARM_START, "{}"),
        tracker.register(MODEL, "{}", child.run_id),
        tracker.register(OTHER, "{}", child.run_id),
        tracker.register(MODEL, "{}"),
    ]
    assert made == [ModelVersion(name="kk-tiny", version=version) for version in (1, 2, 3, 2)]
    client = MlflowClient(uri(tmp_path))
    aliases = client.get_registered_model("kk-tiny").aliases
    assert {name: int(version) for name, version in aliases.items()} == {"warm_start": 1, "policy": 2}
    version = client.get_model_version_by_alias("kk-tiny", "policy")
    assert (version.source, version.run_id) == (MODEL.uri, child.run_id)
    found = find_registered(uri(tmp_path), "models:/kk-tiny@policy")
    assert (found.stage, found.key, found.digest) == ("policy", MODEL.key, MODEL.digest)
    assert find_registered(uri(tmp_path), "models:/kk-tiny/3").digest == OTHER.digest
    for wrong, why in (
        ("models:/kk-tiny@champion", "not known to MLflow"),
        ("models:/nobody/1", "not known to MLflow"),
        ("models:/kk-tiny", "must be models:/NAME@ALIAS"),
    ):
        with pytest.raises(InputError, match=why) as caught:
            find_registered(uri(tmp_path), wrong)
        assert "\n" not in str(caught.value)
    client.create_model_version("kk-tiny", "file:///elsewhere")
    with pytest.raises(InputError, match="no run of Tailor registered"):
        find_registered(uri(tmp_path), "models:/kk-tiny/4")


def test_first_use_by_several_processes_at_once_works_and_killed_runs_are_ended(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    from mlflow import MlflowClient

    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN + "import os; os.kill(os.getpid(), 9)", str(tmp_path)],
            env=python_environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    killed = [process.communicate()[0].strip() for process in processes]
    assert all(killed)
    tracker = RunTracker(uri(tmp_path), tmp_path, "kk-tiny", {})
    client = MlflowClient(uri(tmp_path))
    assert [client.get_run(run).info.status for run in killed] == ["KILLED"] * 3
    assert client.get_run(tracker.run_id).info.status == "RUNNING"
    assert client.get_run(tracker.run_id).data.tags["tailor.process"] == str(os.getpid())
    tracker.close(failed=False)


def test_a_tracking_server_that_is_not_there_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with caplog.at_level(logging.WARNING):
        tracker = RunTracker("http://127.0.0.1:9", tmp_path, "kk-tiny", {})
        child = tracker.stage("policy", {}, [])
        child.track({"reward": 1.0}, 1)
        child.finish(MODEL, {}, "{}")
        tracker.close(failed=False)
    assert caplog.text.count("does not answer") == 1
    assert "took no more; not recorded: the MLflow run, " in caplog.text
    assert "metrics of policy (2 times)" in caplog.text
    assert child.run_id == ""


@pytest.mark.timeout(900)
def test_what_a_server_that_was_away_did_not_hear_is_told_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Metrics keep their steps and times, a stage that began meanwhile has its run, and nobody waits."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(mlflow_runs, "_AWAY_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with caplog.at_level(logging.WARNING), serving(port, tmp_path):
        tracker = RunTracker(url, tmp_path, "kk-tiny", {"seed": 7})
        first = tracker.stage("warm_start", {}, [])
        first.track({"loss": 2.0}, 1)
    first.track({"loss": 1.0}, 2)
    first.finish(OTHER, {}, "{}")
    second = tracker.stage("policy", {"beta": 0.1}, [])
    second.track({"reward": 0.5}, 1)
    assert second.run_id == ""
    between = int(time.time() * 1000)
    with caplog.at_level(logging.WARNING), serving(port, tmp_path):
        second.finish(MODEL, {}, "{}")
        tracker.close(failed=False)
        client = MlflowClient(url)
        runs = [client.get_run(one.run_id) for one in (tracker, first, second)]
        assert [run.info.status for run in runs] == ["FINISHED"] * 3
        assert [one.value for one in client.get_metric_history(first.run_id, "loss")] == [2.0, 1.0]
        [reward] = client.get_metric_history(second.run_id, "reward")
        assert (reward.step, reward.value, reward.timestamp <= between) == (1, 0.5, True)
        assert runs[1].info.end_time <= between
        assert runs[2].data.params == {"beta": "0.1"}
    assert caplog.text.count("does not answer") == 1
    assert "not recorded" not in caplog.text


@contextmanager
def serving(port: int, home: Path) -> Iterator[None]:
    """An MLflow server on a database that stays."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    store = ["--backend-store-uri", uri(home), "--artifacts-destination", str(home / "artifacts")]
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, *store, "--workers", "1"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 300
        while not mlflow_runs._answers(f"http://127.0.0.1:{port}"):
            assert time.monotonic() < deadline, (home / "server.log").read_text()[-2000:]
            time.sleep(0.2)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_a_tracking_store_that_goes_away_in_the_middle_is_left_alone_after_three_refusals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = RunTracker(uri(tmp_path), tmp_path, "kk-tiny", {})
    child = tracker.stage("policy", {}, [])

    class Gone:
        asked = 0

        def __getattr__(self, name: str) -> None:
            Gone.asked += 1
            raise ConnectionError("gone")

    tracker.client = Gone()
    with caplog.at_level(logging.WARNING):
        for step in range(9):
            child.track({"reward": 1.0}, step)
        assert tracker.register(MODEL, "{}") is None
        child.finish(MODEL, {}, "{}")
        tracker.close(failed=False)
    assert Gone.asked == caplog.text.count("was not recorded: ConnectionError") == 3

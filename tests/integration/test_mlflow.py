"""MLflow on its SQLite default: what a run leaves there, and what it survives."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tailor_core.tracking.datasets import Dataset
from tailor_core.tracking.mlflow_runs import RunTracker

pytestmark = pytest.mark.integration

PROBLEMS = Dataset(name="problems", digest="d" * 64, uri="file:///p", rows=7, columns={"id": "String"})
MODEL = Dataset(name="policy", digest="e" * 64, uri="file:///m")

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
        uri(tmp_path), tmp_path, "kk-tiny", {"seed": 7, "policy.beta": 0.1, "long": "x" * 9000}
    )
    tracker.cached("problems", PROBLEMS.digest)
    child = tracker.stage("policy", {"beta": 0.1}, [PROBLEMS])
    child.track({"reward": 0.25, "completions/mean_length": 40}, 1)
    child.track({"reward": 0.5}, 2)
    child.finish(MODEL, {"base/test/pass@1": 0.75})
    failed = tracker.stage("evaluation", {}, [])
    failed.fail(OSError("disk full"))
    tracker.close(failed=True)

    client = MlflowClient(uri(tmp_path))
    experiment = client.get_experiment_by_name("kk-tiny")
    assert experiment.artifact_location == (tmp_path / "mlflow-artifacts" / "kk-tiny").as_uri()
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {"kk-tiny", "policy", "evaluation"}
    parent, policy, evaluation = (runs[name] for name in ("kk-tiny", "policy", "evaluation"))
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
        child.finish(MODEL, {})
        tracker.close(failed=False)
    assert "the MLflow run was not recorded" in caplog.text
    assert child.run_id == ""

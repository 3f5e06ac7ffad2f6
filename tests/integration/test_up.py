"""`make up` and `make down` for real: every service once, whatever happened before, and nothing left afterwards."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import psutil
import pytest
from dotenv import dotenv_values

import postgresql
import up
from tailor_core.errors import TailorError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PASSWORD = "planted.secret-4711"
SERVICES = {"server", "mlflow", "worker-cpu", "worker-gpu"}


class Machine:
    """A home with services of its own, on ports that nobody else has."""

    def __init__(self, home: Path, **said: str) -> None:
        self.home = home
        self.folder = home / "infra"
        self.env_file = home / "env"
        ports = dict(zip(("PREFECT_PORT", "MLFLOW_PORT", "S3_PORT"), map(str, free_ports(3)), strict=True))
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.variables = {"TAILOR_HOME": str(home), "TAILOR_ENV_FILE": str(self.env_file), "PYTHONPATH": path}
        self.variables |= ports | said
        self.prefect = f"http://127.0.0.1:{ports['PREFECT_PORT']}/api"
        self.mlflow = f"http://127.0.0.1:{ports['MLFLOW_PORT']}"

    def make(self, what: str) -> str:
        result = subprocess.run(
            [sys.executable, "infra/up.py", what],
            cwd=ROOT,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout
        return result.stdout

    def processes(self) -> dict[str, int]:
        """The number of the process of each service, as the supervisor knows it."""
        return {name: info["pid"] for name, info in up.Supervisor(self.folder).states().items()}

    def ours(self) -> list[psutil.Process]:
        return up._ours(self.folder)

    def ask(self, path: str, body: Any = None, password: str = "") -> Any:
        request = urllib.request.Request(
            self.prefect + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **basic(password)},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def made(self) -> dict[str, list[str]]:
        """The names of what is on the server."""
        kinds = ("work_pools", "work_queues", "automations", "deployments", "v2/concurrency_limits")
        return {kind: sorted(one["name"] for one in self.ask(f"/{kind}/filter", {})) for kind in kinds}


def basic(password: str) -> dict[str, str]:
    if not password:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"tailor:{password}".encode()).decode()}


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path, into which the user of PostgreSQL may go."""
    path = Path(tempfile.mkdtemp(prefix="tailor-up-"))
    path.chmod(0o711)
    yield path
    for process in up._ours(path / "infra"):
        process.kill()
    shutil.rmtree(path)


def test_all_services_run_once_whatever_happened_and_nothing_is_left_of_them(home: Path) -> None:
    machine = Machine(home)
    told = machine.make("up")
    assert all(
        name in told
        for name in (machine.prefect.removesuffix("/api"), machine.mlflow, str(home / "infra/logs"))
    )
    assert "prefect deployment run" in told
    first, made = machine.processes(), machine.made()
    assert set(first) == SERVICES
    assert made["work_pools"] == ["tailor-cpu", "tailor-gpu"]
    assert made["automations"] == ["tailor: lost runs"]
    assert {"kk-tiny", "cpu", "gpu", "nightly"} <= set(made["deployments"])
    [kk_tiny] = [one for one in machine.ask("/deployments/filter", {}) if one["name"] == "kk-tiny"]
    assert kk_tiny["work_queue_name"] == "runs"
    assert dotenv_values(machine.env_file)["PREFECT_API_URL"] == machine.prefect

    psutil.Process(first["mlflow"]).kill()
    machine.make("up")
    second = machine.processes()
    assert {name for name in SERVICES if first[name] != second[name]} == {"mlflow"}
    assert machine.made() == made

    # The machine loses its power; afterwards a number that it noted is another program's.
    [supervisor] = [p for p in psutil.process_iter() if is_supervisor_of(p, machine.folder)]
    for process in [supervisor, *machine.ours()]:
        process.kill()
    psutil.wait_procs([supervisor], timeout=30)
    with subprocess.Popen(["sleep", "600"]) as stranger:
        (machine.folder / "supervisord.pid").write_text(f"{stranger.pid}\n")
        machine.make("up")
        third = machine.processes()
        assert set(third) == SERVICES
        assert all(third.values())
        roots = {process.pid for process in machine.ours() if process.ppid() == processes_parent(third)}
        assert roots == set(third.values()), "no second of any"
        assert machine.made() == made

        machine.make("down")
        assert machine.ours() == []
        assert [p for p in psutil.process_iter() if is_supervisor_of(p, machine.folder)] == []
        assert not machine.env_file.exists()
        assert stranger.poll() is None, "a stranger was ended"
        stranger.kill()
    assert "down" in machine.make("down")


def is_supervisor_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return str(folder / "supervisord.conf") in process.cmdline()
    except psutil.Error:
        return False


def processes_parent(pids: dict[str, int]) -> int:
    [parent] = {psutil.Process(pid).ppid() for pid in pids.values()}
    return parent


def test_on_postgresql_and_s3_a_password_is_asked_and_shown_nowhere(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        postgresql.command(home)
        postgresql.system_user()
    except TailorError as missing:
        pytest.skip(str(missing))
    machine = Machine(home, DATABASE="postgresql", STORE="s3", TAILOR_PASSWORD=PASSWORD)
    told = machine.make("up")
    assert set(machine.processes()) == {*SERVICES, "postgresql", "s3"}

    for address in (
        f"{machine.prefect}/admin/version",
        f"{machine.mlflow}/api/2.0/mlflow/experiments/search?max_results=1",
    ):
        for password, status in ((PASSWORD, 200), ("", 401), ("another-password", 401)):
            assert status_of(address, password) == status, address
    deployed = machine.ask("/deployments/filter", {}, PASSWORD)
    assert "kk-tiny" in [one["name"] for one in deployed]

    # What .env says leads Tailor to the store and to MLflow.
    variables = dotenv_values(machine.env_file)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    from mlflow import MlflowClient

    from tailor_core.artifacts.store import Store

    client = MlflowClient(variables["MLFLOW_TRACKING_URI"])
    run = client.create_run(client.create_experiment("seen"))
    client.log_text(run.info.run_id, "hello", "greeting.txt")
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["greeting.txt"]
    assert list(Store(str(variables["TAILOR_STORE"])).manifests()) == []

    lines = [" ".join(process.cmdline()) for process in machine.ours()]
    assert len(lines) > 5
    assert not [line for line in lines if PASSWORD in line]
    assert PASSWORD not in told
    for path in machine.folder.rglob("*"):
        if path.is_file() and PASSWORD.encode() in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0, path
            assert path.parent.name != "logs", path
    assert machine.env_file.stat().st_mode & 0o077 == 0
    machine.make("down")
    assert machine.ours() == []


def status_of(address: str, password: str) -> int:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, headers=basic(password)), timeout=60
        ) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code

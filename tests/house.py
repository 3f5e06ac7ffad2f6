"""The services that Tailor runs on, as processes that can be killed and come back, as below a supervisor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
LIMIT_SECONDS = 240.0
BUCKET = "tailor"
FINAL = ("Completed", "Failed", "Crashed", "Cancelled")


@dataclass
class Service:
    """A program that is started again whenever it was killed.

    port: where it listens; 0 for one that does not
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    host: str = "127.0.0.1"
    port: int = 0
    process: psutil.Popen | None = None
    starts: int = 0

    def start(self) -> None:
        """Start it and, where it listens, wait until it answers."""
        self.starts += 1
        with self.log.open("ab") as stream:
            self.process = psutil.Popen(
                list(self.command),
                env=dict(self.environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.port and not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name} did not start; see {self.log}: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self, *, all_below: bool = True) -> None:
        """SIGKILL it, with all that it started (a machine that loses its power) or alone."""
        assert self.process
        below = self.process.children(recursive=True) if all_below else []
        for one in [self.process, *below]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()

    def freeze(self, seconds: float) -> None:
        """Have it answer nobody for a while."""
        assert self.process
        every = [self.process, *self.process.children(recursive=True)]
        for one in every:
            one.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for one in every:
            one.send_signal(signal.SIGCONT)

    def keep_up(self) -> bool:
        """Start it again where it has ended; whether it had."""
        if self.process and self.process.poll() is None:
            return False
        self.start()
        return True

    def _answers(self) -> bool:
        try:
            with httpx.Client(timeout=5, trust_env=False) as client:
                return client.get(f"http://{self.host}:{self.port}{_HEALTH[self.name]}").status_code < 500
        except httpx.HTTPError:
            return False


_HEALTH = {"server": "/api/health", "mlflow": "/health", "s3": "/moto-api/"}


@dataclass
class House:
    """All services below one directory: a Prefect server, an MLflow server, an S3 API, a worker for each pool.

    host:     the address that the servers listen on
    database: of the Prefect server; SQLite where it is empty
    within:   service -> what its command line begins with, such as another network namespace
    """

    root: Path
    host: str = "127.0.0.1"
    database: str = ""
    within: Mapping[str, Sequence[str]] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = dict(zip(("server", "mlflow", "s3"), _free_ports(3), strict=True))
        self.api = f"http://{self.host}:{self.ports['server']}/api"

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a client."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return {
            **own,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PREFECT_API_URL": self.api,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "MLFLOW_TRACKING_URI": f"http://{self.host}:{self.ports['mlflow']}",
            "AWS_ENDPOINT_URL": f"http://{self.host}:{self.ports['s3']}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "OMP_NUM_THREADS": "1",
            **self.extra,
        }

    def home(self, pool: str) -> Path:
        """TAILOR_HOME of the worker of a pool, as if it had a disk of its own."""
        return self.root / pool / "home"

    def worker_environment(self, pool: str) -> dict[str, str]:
        """The variables of a worker of a pool."""
        return {
            **self.environment,
            "HOME": str(self.root / pool),
            "TAILOR_HOME": str(self.home(pool)),
            "PREFECT_HOME": str(self.root / pool / "prefect"),
        }

    def open(self) -> None:
        """Start everything, and deploy."""
        for pool in ("cpu", "gpu"):
            self.home(pool).mkdir(parents=True, exist_ok=True)
        self._add(
            "s3",
            str(ROOT / "infra" / "s3_server.py"),
            "--host",
            self.host,
            "--port",
            str(self.ports["s3"]),
            "--folder",
            str(self.root / "s3"),
        )
        self._add(
            "server",
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            self.host,
            "--port",
            str(self.ports["server"]),
        )
        self._add(
            *("mlflow", "-m", "mlflow", "server", "--host", self.host, "--port", str(self.ports["mlflow"])),
            *(
                "--workers",
                "1",
                "--allowed-hosts",
                "*",
                "--backend-store-uri",
                f"sqlite:///{self.root}/mlflow.db",
            ),
            *("--artifacts-destination", str(self.root / "mlflow-artifacts")),
        )
        for pool in ("cpu", "gpu"):
            self._add(pool, "-m", "prefect", "worker", "start", "--pool", f"tailor-{pool}", "--limit", "2")
        for name in ("s3", "server", "mlflow"):
            self.services[name].start()
        with httpx.Client(trust_env=False) as client:
            client.put(f"http://{self.host}:{self.ports['s3']}/{BUCKET}").raise_for_status()
        self.tool("infra.bootstrap")
        for pool in ("cpu", "gpu"):
            self.services[pool].start()

    def _add(self, name: str, *arguments: str) -> None:
        pool = name in ("cpu", "gpu")
        environment = self.worker_environment(name) if pool else dict(self.environment)
        if name == "server":
            del environment["PREFECT_API_URL"]
            environment |= {
                "PREFECT_HOME": str(self.root / "server"),
                "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            }
            if self.database:
                environment["PREFECT_API_DATABASE_CONNECTION_URL"] = self.database
        self.services[name] = Service(
            name=name,
            command=[*self.within.get(name, ()), sys.executable, *arguments],
            environment=environment,
            log=self.root / f"{name}.log",
            host=self.host,
            port=self.ports.get(name, 0),
        )

    def close(self) -> None:
        """Kill everything."""
        for service in reversed(self.services.values()):
            if service.process:
                service.kill()
        for process in self.leftovers():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def tool(self, module: str, *arguments: str, check: bool = True) -> str:
        """What `python -m module` prints, on the machine of the CPU worker."""
        result = subprocess.run(
            [*self.within.get("cpu", ()), sys.executable, "-m", module, *arguments],
            env=self.worker_environment("cpu"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS * 4,
        )
        if check and result.returncode:
            raise RuntimeError(f"{module} {arguments}: {result.stdout[-1500:]}{result.stderr[-1500:]}")
        return result.stdout

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """What the Prefect API answers, which may be away for a while."""
        deadline = time.monotonic() + LIMIT_SECONDS
        with httpx.Client(base_url=self.api, timeout=20, trust_env=False) as client:
            while True:
                try:
                    answer = client.request(method, f"{self.api}{path}", json=body)
                    if answer.status_code < 500:
                        answer.raise_for_status()
                        return answer.json() if answer.content else None
                except httpx.TransportError:
                    pass
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the Prefect API does not answer {method} {path}")
                time.sleep(0.5)

    def schedule(self, deployment: str, seconds: float) -> Schedule:
        """Have the server start a deployment every so often."""
        found = self.ask("GET", f"/deployments/name/{deployment}")
        path = f"/deployments/{found['id']}/schedules"
        [made] = self.ask("POST", path, [{"schedule": {"interval": seconds}, "active": True}])
        return Schedule(self, found["id"], f"{path}/{made['id']}")

    def below(self, pool: str) -> list[psutil.Process]:
        """Processes of the machine of a pool other than its worker, whoever their parents are by now."""
        worker = self.services[pool].process
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                here = process.environ().get("HOME") == str(self.root / pool)
                if here and process != worker and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def leftovers(self) -> list[psutil.Process]:
        """What still runs on the machines of the workers."""
        return [process for pool in ("cpu", "gpu") if pool in self.services for process in self.below(pool)]


@dataclass(frozen=True)
class Schedule:
    """A schedule of a deployment."""

    house: House
    deployment: str
    path: str

    def runs(self) -> list[str]:
        """The states of the flow runs that it began."""
        return [run["state_name"] for run in self._began() if run["start_time"]]

    def end(self) -> None:
        """Delete it, and wait until what it began is over."""
        self.house.ask("DELETE", self.path)
        deadline = time.monotonic() + LIMIT_SECONDS
        alive = {"PENDING", "RUNNING", "CANCELLING"}
        while any(run["state_type"] in alive for run in self._began()) and time.monotonic() < deadline:
            time.sleep(0.5)

    def _began(self) -> list[dict[str, Any]]:
        mine = {"deployments": {"id": {"any_": [self.deployment]}}, "limit": 200}
        return [run for run in self.house.ask("POST", "/flow_runs/filter", mine) if run["auto_scheduled"]]


_FOREIGN = ("TAILOR_", "PREFECT_", "MLFLOW_", "OPENLINEAGE_", "AWS_")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

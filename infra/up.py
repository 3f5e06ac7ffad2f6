"""`make up` and `make down`: Tailor's services on this machine, under supervisord, which starts what is killed again.

Up as often as you like: what runs is left alone, what does not is started, what was changed is started anew. Down ends
what up started, and nothing else; their data stays.
"""

from __future__ import annotations

import argparse
import base64
import errno
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from dotenv import dotenv_values
from supervisor.xmlrpc import SupervisorTransport

import postgresql
from services import (
    CHOICES,
    MARK,
    ROOT,
    USER,
    Choices,
    Service,
    choose,
    client_variables,
    env_file,
    log_path,
    mlflow_auth,
    services,
    socket_path,
    store_variables,
    supervisor_config,
    to_remember,
    worker_name,
)
from tailor_core.artifacts.locks import held
from tailor_core.config.settings import ENV_FILE_VARIABLE, HOME_VARIABLE, STORE_VARIABLE, read_settings
from tailor_core.errors import MachineError, RecipeError, TailorError

_START_SECONDS = 600.0
_STOP_SECONDS = 30.0
_BEGIN, _END = "# written by make up, removed by make down\n", "# end of what make up wrote\n"


class Supervisor:
    """The supervisord of a folder, asked through its socket."""

    def __init__(self, folder: Path) -> None:
        self._socket = f"unix://{socket_path(folder)}"

    @property
    def _ask(self) -> Any:
        """A connection of its own for each question: one that failed once is of no more use."""
        return ServerProxy("http://127.0.0.1", SupervisorTransport(None, None, self._socket)).supervisor

    def runs(self) -> bool:
        """Whether it answers. Nothing is concluded from a file that names a process."""
        try:
            self._ask.getPID()
        except (OSError, Fault):
            return False
        return True

    def update(self) -> None:
        """Take over what the configuration says now: who is not in it any more, or in another form, is stopped."""
        [[added, changed, removed]] = self._ask.reloadConfig()
        for name in [*removed, *changed]:
            self._ask.stopProcessGroup(name)
            self._ask.removeProcessGroup(name)
        for name in [*added, *changed]:
            self._ask.addProcessGroup(name)

    def states(self) -> dict[str, dict[str, Any]]:
        """What is known of each service; `statename` is RUNNING or STARTING where it lives."""
        return {info["name"]: info for info in self._ask.getAllProcessInfo()}

    def start(self, name: str) -> None:
        self._ask.startProcess(name, False)

    def stop(self, name: str) -> None:
        self._ask.stopProcess(name, True)

    def shut_down(self) -> None:
        self._ask.shutdown()


def up(home: Path, environment: Mapping[str, str]) -> None:
    """Have all services run; say what is waited for, and where they are. TailorError where one cannot."""
    folder = home / "infra"
    with held(folder / "up.lock", "the services of this home", on_wait=print):
        choices, remembered = _choose(environment, home)
        chosen = services(choices, _secret_key(folder))
        if choices.database == "postgresql":
            postgresql.make_cluster(folder)
        _write_files(choices, chosen, remembered)
        supervisor = Supervisor(folder)
        _start_supervisor(supervisor, folder, chosen, environment)
        env = _env_path()
        _write_env(env, _BEGIN + env_file(choices) + _END)
        waiting = _Waiting(supervisor, folder)
        waiting.start([s for s in chosen if s.name in ("postgresql", "s3")], _health(choices))
        _prepare_storage(choices)
        waiting.start([s for s in chosen if s.name in ("server", "mlflow")], _health(choices))
        _bootstrap(choices, environment)
        waiting.start([s for s in chosen if s.name.startswith("worker")], _health(choices))
    _tell(choices, env)


def down(home: Path) -> None:
    """End all services, those first that others do without, and what they started."""
    folder = home / "infra"
    with held(folder / "up.lock", "the services of this home", on_wait=print):
        supervisor = Supervisor(folder)
        if supervisor.runs():
            states = supervisor.states()
            order = ["worker-gpu", "worker-cpu", "mlflow", "server", "s3", "postgresql"]
            for name in [name for name in order if name in states]:
                if states[name]["pid"]:
                    print(f"stopping {name}")
                    supervisor.stop(name)
                if name == "worker-cpu":  # runs tell the server that they end, while there is one
                    _end(_ours(folder, lambda command: "prefect.engine" in command))
            pid = _pid(supervisor)
            supervisor.shut_down()
            psutil.wait_procs([pid] if pid else [], timeout=_STOP_SECONDS)
        _end(_ours(folder))
        _write_env(_env_path(), "", of=home)
    print(f"down; their data stays in {folder}")


def _choose(environment: Mapping[str, str], home: Path) -> tuple[Choices, dict[str, str]]:
    path = home / "infra" / "choices.json"
    try:
        remembered = dict(json.loads(path.read_text())) if path.exists() else {}
    except ValueError as error:
        raise RecipeError(f"{str(path)!r} is damaged ({error}); remove it, and choose again") from error
    choices = choose(environment, remembered, home, _count_gpus())
    return choices, to_remember(choices, environment, remembered)


def _count_gpus() -> int:
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    return len(found.stdout.splitlines())


def _secret_key(folder: Path) -> str:
    path = folder / "mlflow-secret"
    if not path.exists():
        _write_private(path, secrets.token_hex(32))
    return path.read_text()


def _write_files(choices: Choices, chosen: list[Service], remembered: Mapping[str, str]) -> None:
    for place in ("logs", "prefect", "mlflow-artifacts"):
        (choices.folder / place).mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(choices.folder / "choices.json", json.dumps(remembered, indent=1))
    _write_private(choices.folder / "mlflow-auth.ini", mlflow_auth(choices))
    _write_private(choices.folder / "supervisord.conf", supervisor_config(choices, chosen))


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, not for a moment."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    part.replace(path)


def _start_supervisor(
    supervisor: Supervisor, folder: Path, chosen: list[Service], environment: Mapping[str, str]
) -> None:
    """Have it run, with the services as they are chosen; refuse ports that somebody else has."""
    if supervisor.runs():
        supervisor.update()
        living = {name for name, info in supervisor.states().items() if info["pid"]}
        _check_ports(service for service in chosen if service.name not in living)
        return
    commands = {service.command for service in chosen}

    def serves(command: list[str]) -> bool:
        return tuple(command) in commands or any(part.startswith("mlflow.server") for part in command)

    _end(_ours(folder, serves))  # whose supervisor was killed; the runs of such workers go on
    _check_ports(chosen)
    # What was meant for make and for up is not for the services.
    meant = {*CHOICES, STORE_VARIABLE}
    kept = {n: v for n, v in environment.items() if n not in meant and not n.startswith("MAKE")}
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(folder / "supervisord.conf")]
    result = subprocess.run(command, env=kept, cwd=folder, capture_output=True, text=True, check=False)
    deadline = time.monotonic() + _STOP_SECONDS
    while not supervisor.runs():
        if result.returncode or time.monotonic() > deadline:
            said = (result.stdout + result.stderr).strip() or f"see {log_path(folder, 'supervisord')}"
            raise MachineError(f"supervisord did not start: {said}")
        time.sleep(0.1)


def _ours(folder: Path, which: Callable[[list[str]], bool] = lambda command: True) -> list[psutil.Process]:
    """The processes that the supervisor of a folder started, and what these started, whatever became of it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == str(folder) and which(process.cmdline()):
                found.append(process)
    return [process for process in found if process.pid != os.getpid()]


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            # The last word of TERM to PostgreSQL would be that of its last client.
            process.send_signal(2 if process.name() == "postgres" else 15)
    _, alive = psutil.wait_procs(processes, timeout=_STOP_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=_STOP_SECONDS)


def _pid(supervisor: Supervisor) -> psutil.Process | None:
    with suppress(psutil.Error):
        return psutil.Process(supervisor._ask.getPID())
    return None


def _check_ports(chosen: Iterable[Service]) -> None:
    for service in chosen:
        if service.port is None:
            continue
        variable, port = service.port
        family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
        try:
            socket.create_server((service.host, port), family=family).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise MachineError(
                    f"{service.what} cannot listen on BIND = {service.host!r} with {variable} = {port} "
                    f"({error.strerror}); choose an address of this machine, and a port from 1024 on"
                ) from error
            raise MachineError(
                f"{variable} = {port} is taken by {_holder(port)}, and {service.what} needs it; end that, or "
                f"choose another port: make up {variable}={port + 100}"
            ) from error


def _holder(port: int) -> str:
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another program"


class _Waiting:
    """Starts services and waits until they answer, telling a person."""

    def __init__(self, supervisor: Supervisor, folder: Path) -> None:
        self._supervisor = supervisor
        self._folder = folder

    def start(self, chosen: list[Service], healthy: Callable[[Service, float], bool]) -> None:
        begun = time.monotonic()
        for service in chosen:
            if self._state(service)["statename"] not in ("RUNNING", "STARTING", "BACKOFF"):
                self._supervisor.start(service.name)
        waited = list(chosen)
        if waited:
            print(f"waiting for {', '.join(service.what for service in waited)}", flush=True)
        ends: dict[str, set[int]] = {service.name: set() for service in chosen}
        while waited:
            for service in list(waited):
                state = self._state(service)
                if state["pid"] and healthy(service, state["start"]):
                    waited.remove(service)
                    print(f"  {service.what} answers, after {time.monotonic() - begun:.0f} s", flush=True)
                elif not state["pid"]:
                    ends[service.name].add(state["stop"])
                if len(ends[service.name]) > 2 or state["statename"] == "FATAL":
                    raise MachineError(f"{service.what} does not stay up: {self._why(service)}")
            if waited and time.monotonic() - begun > _START_SECONDS:
                raise MachineError(f"{waited[0].what} does not answer: {self._why(waited[0])}")
            time.sleep(0.2)

    def _state(self, service: Service) -> dict[str, Any]:
        return self._supervisor.states()[service.name]

    def _why(self, service: Service) -> str:
        log = log_path(self._folder, service.name)
        lines = log.read_text(errors="replace").splitlines()[-15:] if log.exists() else []
        return f"see {log}, which ends with\n" + "\n".join(lines)


def _health(choices: Choices) -> Callable[[Service, float], bool]:
    """Whether a service answers, by its own account; `start` is when its process began, in seconds."""

    def healthy(service: Service, start: float) -> bool:
        match service.name:
            case "postgresql":
                return postgresql.answers(choices.folder)
            case "s3":
                return _answers(choices.s3)
            case "server":
                return _answers(f"{choices.prefect}/api/health")
            case "mlflow":
                return _answers(f"{choices.mlflow}/health")
            case _:
                return _worker_beats(choices, service.name.removeprefix("worker-"), start)

    return healthy


def _answers(url: str) -> bool:
    with suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


def _worker_beats(choices: Choices, kind: str, start: float) -> bool:
    """Whether the server has heard of a worker since it was started."""
    request = urllib.request.Request(
        f"{choices.prefect}/api/work_pools/tailor-{kind}/workers/filter",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    if choices.password:
        secret = base64.b64encode(f"{USER}:{choices.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
    with suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=5) as response:
        heard = [
            worker["last_heartbeat_time"]
            for worker in json.load(response)
            if worker["name"] == worker_name(kind)
        ]
        return any(datetime.fromisoformat(when).timestamp() >= start for when in heard)
    return False


def _prepare_storage(choices: Choices) -> None:
    """Have the databases and the bucket that the services write to."""
    if choices.database_url:
        postgresql.ensure_database(choices.database_url)
        postgresql.ensure_database(choices.mlflow_database_url)
    if choices.store == "s3":
        import boto3

        variables = store_variables(choices)
        client = boto3.client(
            "s3",
            endpoint_url=choices.s3,
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=variables["AWS_DEFAULT_REGION"],
        )
        client.create_bucket(Bucket="tailor")


def _bootstrap(choices: Choices, environment: Mapping[str, str]) -> None:
    print("bringing pools, queues, automation and deployments up to date", flush=True)
    result = subprocess.run(
        [sys.executable, str(ROOT / "infra" / "bootstrap.py")],
        env={**environment, **client_variables(choices)},
        cwd=choices.folder,
        check=False,
    )
    if result.returncode:
        raise MachineError("the Prefect server could not be brought up to date; see above")


def _env_path() -> Path:
    return Path(os.environ.get(ENV_FILE_VARIABLE, ".env")).absolute()


def _write_env(path: Path, block: str, *, of: Path | None = None) -> None:
    """Put the lines of make up into the file, in place of those there; other people's lines stay.

    With `of`, only where the lines there are of that home.
    """
    before = path.read_text() if path.exists() else ""
    head, begin, rest = before.partition(_BEGIN)
    old, _, tail = rest.partition(_END)
    if of and f"TAILOR_HOME='{of}'\n" not in old:
        return
    if begin == "" and head and not head.endswith("\n"):
        head += "\n"
    after = head + block + tail
    if after:
        _write_private(path, after)
    else:
        path.unlink(missing_ok=True)


def _tell(choices: Choices, env: Path) -> None:
    gpus = f"{choices.gpus} stage{'s' if choices.gpus > 1 else ''} at once on the GPU pool"
    signed = f", as {USER} with TAILOR_PASSWORD" if choices.password else ""
    print(
        f"""
up: everything answers; {gpus}
  Prefect  {choices.prefect}{signed}
  MLflow   {choices.mlflow}{signed}
  store    {choices.store_url or choices.home / "store"}
  logs     {choices.folder / "logs"}
{env} leads commands given here to these services. Next:
  prefect deployment run 'tailor/kk-tiny' --watch
  make down"""
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("up", "down"))
    what = parser.parse_args().what
    try:
        # The home of the last `make up` in this checkout, where nobody says another one.
        home = read_settings(
            os.environ.get(HOME_VARIABLE) or dotenv_values(_env_path()).get(HOME_VARIABLE)
        ).home
        if what == "up":
            up(home, os.environ)
        else:
            down(home)
    except TailorError as error:
        print(f"{what}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

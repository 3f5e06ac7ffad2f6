"""What `make up` runs on one machine: the services, how each is started, and the variables that lead to them.

Nothing here starts anything: `up.py` does. Choices come as variables (`make up DATABASE=postgresql`), and what was
chosen once holds for the next time, after a restart of the machine too, until it is chosen otherwise.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import postgresql
from tailor_core.errors import RecipeError

ROOT = Path(__file__).parents[1]
CHOICES = {
    "DATABASE": "sqlite",
    "STORE": "local",
    "BIND": "127.0.0.1",
    "PREFECT_PORT": "4200",
    "MLFLOW_PORT": "5000",
    "S3_PORT": "9000",
    "GPUS": "",
    "TAILOR_PASSWORD": "",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "",
}
"""The variables by which `make up` is told what to run, and what they are where nobody says."""

USER = "tailor"
"""Who signs in to Prefect and MLflow, with TAILOR_PASSWORD."""
MARK = "TAILOR_SERVICES_OF"
"""A variable of every process that the supervisor started here, and of all that these start: the folder."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SOCKET_PATH = 100
"""A socket's path has at most 107 bytes, and PostgreSQL adds to its own."""

_NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What to run. `home` is Tailor's, `folder` below it holds the state of all services."""

    home: Path
    database: str
    store: str
    bind: str
    prefect_port: int
    mlflow_port: int
    s3_port: int
    gpus: int
    password: str = field(repr=False)
    allowed_hosts: str
    aws: Mapping[str, str] = field(repr=False)

    @property
    def folder(self) -> Path:
        return self.home / "infra"

    @property
    def address(self) -> str:
        """Where this machine itself reaches what is bound to `bind`."""
        return {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(self.bind, self.bind)

    @property
    def prefect(self) -> str:
        return f"http://{self.address}:{self.prefect_port}"

    @property
    def mlflow(self) -> str:
        return f"http://{self.address}:{self.mlflow_port}"

    @property
    def s3(self) -> str:
        return f"http://127.0.0.1:{self.s3_port}"

    @property
    def database_url(self) -> str:
        """Of PostgreSQL, without a driver and with Prefect's database; empty for SQLite."""
        if self.database == "sqlite":
            return ""
        if self.database == "postgresql":
            return postgresql.url(self.folder, "prefect")
        plain = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", self.database)
        return re.sub(r"(?<=[?&])ssl=", "sslmode=", plain)  # asyncpg's word for what all others call sslmode

    @property
    def mlflow_database_url(self) -> str:
        """A database of MLflow's own: both keep a table `alembic_version`."""
        return postgresql.beside(self.database_url, "mlflow") if self.database_url else ""

    @property
    def store_url(self) -> str:
        """Of the artifact store; empty where it is in the home."""
        return {"local": "", "s3": "s3://tailor/store"}.get(self.store, self.store.rstrip("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program under the supervisor: one that is killed is started again."""

    name: str
    what: str
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False)
    user: str = ""
    stop_signal: str = "TERM"
    port: tuple[str, int] | None = None
    """The variable that chooses its port, and the port."""

    host: str = "127.0.0.1"
    """The address that the port is bound to."""


def choose(environment: Mapping[str, str], remembered: Mapping[str, str], home: Path, gpus: int) -> Choices:
    """What `environment` says, else what was chosen before, else what CHOICES says.

    `gpus` is what this machine has. RecipeError, one sentence, for what cannot be meant.
    """
    said = {**CHOICES, **remembered, **{n: v for n, v in environment.items() if n in CHOICES}}
    aws = {n: v for n, v in {**remembered, **environment}.items() if n.startswith("AWS_")}
    database, store, bind = said["DATABASE"], said["STORE"], said["BIND"]
    if database not in ("sqlite", "postgresql") and not postgresql.is_address(database):
        raise RecipeError(
            f"DATABASE = {database!r} is no database; say sqlite, postgresql, or the address of one that exists: "
            "postgresql+asyncpg://user:password@host:5432/prefect"
        )
    if store not in ("local", "s3") and not re.match(r"s3://[^/]+", store):
        raise RecipeError(f"STORE = {store!r} is no store; say local, s3, or s3://bucket/prefix")
    password = said["TAILOR_PASSWORD"]
    if password and not re.fullmatch(r"[A-Za-z0-9._~-]{12,}", password):
        raise RecipeError(
            "TAILOR_PASSWORD is too short, or holds something else than letters, digits and . _ ~ -; "
            "choose one of 12 or more of these"
        )
    if bind not in _LOOPBACK and not password:
        raise RecipeError(
            f"BIND = {bind!r} would let everyone who reaches this machine run programs on it; set TAILOR_PASSWORD "
            "as well, in the environment, or leave BIND away"
        )
    choices = Choices(
        home=home,
        database=database,
        store=store,
        bind=bind,
        prefect_port=_number(said, "PREFECT_PORT", 1, 65535),
        mlflow_port=_number(said, "MLFLOW_PORT", 1, 65535),
        s3_port=_number(said, "S3_PORT", 1, 65535),
        gpus=_number(said, "GPUS", 1, 1024) if said["GPUS"] else max(1, gpus),
        password=password,
        allowed_hosts=said["MLFLOW_SERVER_ALLOWED_HOSTS"],
        aws=aws if store not in ("local", "s3") else {},
    )
    if len(os.fsencode(choices.folder)) + len("/postgresql/.s.PGSQL.5432") > _SOCKET_PATH:
        raise RecipeError(
            f"TAILOR_HOME = {str(home)!r} is too long for the path of a socket; choose a shorter one"
        )
    for name, value in (("TAILOR_HOME", str(home)), ("STORE", store)):
        if re.search(r"[\"'\n]", value):  # it could not be written in the file `.env`
            raise RecipeError(f"{name} = {value!r} holds a quote or a new line; choose another one")
    return choices


def to_remember(
    choices: Choices, environment: Mapping[str, str], remembered: Mapping[str, str]
) -> dict[str, str]:
    """What was said so far, in place of what is said now."""
    said = {n: v for n, v in {**remembered, **environment}.items() if n in CHOICES and v != CHOICES[n]}
    return {**said, **choices.aws}


def client_variables(choices: Choices) -> dict[str, str]:
    """What leads Prefect, MLflow and Tailor to the services: for the workers, and for the file `.env`."""
    variables = {
        "PREFECT_API_URL": f"{choices.prefect}/api",
        "MLFLOW_TRACKING_URI": choices.mlflow,
        "TAILOR_HOME": str(choices.home),
    }
    if choices.store_url:
        variables["TAILOR_STORE"] = choices.store_url
    if choices.password:
        variables |= {
            "PREFECT_API_AUTH_STRING": f"{USER}:{choices.password}",
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": choices.password,
        }
    return variables | store_variables(choices)


def store_variables(choices: Choices) -> dict[str, str]:
    """By which an S3 API is reached."""
    if choices.store != "s3":
        return dict(choices.aws)
    return {
        "AWS_ENDPOINT_URL": choices.s3,
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": USER,  # it is bound to loopback and asks nobody who they are
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def services(choices: Choices, secret_key: str) -> list[Service]:
    """What runs, in the order in which it starts; it stops in the other. `secret_key` signs MLflow's sessions."""
    found = [_server(choices), _mlflow(choices, secret_key), _worker(choices, "cpu"), _worker(choices, "gpu")]
    if choices.store == "s3":
        found.insert(0, _s3(choices))
    if choices.database == "postgresql":
        found.insert(0, _postgresql(choices))
    return found


def _postgresql(choices: Choices) -> Service:
    return Service(
        name="postgresql",
        what="PostgreSQL",
        command=postgresql.command(choices.folder),
        variables={},
        user=postgresql.system_user(),
        stop_signal="INT",  # TERM would wait for its clients
    )


def _s3(choices: Choices) -> Service:
    return Service(
        name="s3",
        what="S3 API",
        command=(
            sys.executable,
            str(ROOT / "infra" / "s3_server.py"),
            "--port",
            str(choices.s3_port),
            "--folder",
            str(choices.folder / "s3"),
        ),
        variables={},
        port=("S3_PORT", choices.s3_port),
    )


def _server(choices: Choices) -> Service:
    database = choices.database_url.replace("postgresql://", "postgresql+asyncpg://").replace(
        "sslmode=", "ssl="
    )
    variables = {
        **_NO_TELEMETRY,
        "PREFECT_HOME": str(choices.folder / "prefect"),
        "PREFECT_API_URL": f"{choices.prefect}/api",
        "PREFECT_SERVER_UI_API_URL": "/api",  # of whatever name the browser knows this machine by
        # Pages of others may not ask this server to run something.
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": choices.prefect,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database
        or f"sqlite+aiosqlite:///{choices.folder / 'prefect' / 'prefect.db'}",
        "PREFECT_SERVER_DATABASE_TIMEOUT": "60",  # SQLite has one writer: who waits for it is not broken
        # In memory, a place of a concurrency limit would stay taken over a restart of the server.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }
    if choices.password:
        secret = f"{USER}:{choices.password}"
        variables |= {"PREFECT_SERVER_API_AUTH_STRING": secret, "PREFECT_API_AUTH_STRING": secret}
    start = ("server", "start", "--host", choices.bind, "--port", str(choices.prefect_port))
    return Service(
        name="server",
        what="Prefect server",
        command=(sys.executable, "-m", "prefect", *start),
        variables=variables,
        port=("PREFECT_PORT", choices.prefect_port),
        host=choices.bind,
    )


def _mlflow(choices: Choices, secret_key: str) -> Service:
    artifacts = (
        f"{choices.store_url}-mlflow" if choices.store_url else str(choices.folder / "mlflow-artifacts")
    )
    database = choices.mlflow_database_url.replace("postgresql://", "postgresql+psycopg2://")
    variables = {
        **_NO_TELEMETRY,
        **store_variables(choices),
        "MLFLOW_BACKEND_STORE_URI": database or f"sqlite:///{choices.folder / 'mlflow.db'}",
        "MLFLOW_ARTIFACTS_DESTINATION": artifacts,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ALLOWED_HOSTS": choices.allowed_hosts or _hosts(choices.bind),
    }
    if "AWS_ENDPOINT_URL" in variables:
        variables["MLFLOW_S3_ENDPOINT_URL"] = variables["AWS_ENDPOINT_URL"]
    start = ["server", "--host", choices.bind, "--port", str(choices.mlflow_port), "--workers", "1"]
    if choices.password:
        start += ["--app-name", "basic-auth"]
        variables |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(choices.folder / "mlflow-auth.ini"),
            "MLFLOW_AUTH_ADMIN_USERNAME": USER,
            "MLFLOW_AUTH_ADMIN_PASSWORD": choices.password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secret_key,
        }
    return Service(
        name="mlflow",
        what="MLflow",
        command=(sys.executable, str(ROOT / "infra" / "mlflow_server.py"), *start),
        variables=variables,
        port=("MLFLOW_PORT", choices.mlflow_port),
        host=choices.bind,
    )


def mlflow_auth(choices: Choices) -> str:
    """The settings of MLflow's basic authentication; the password is not among them."""
    return (
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{choices.folder / 'mlflow-auth.db'}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"
    )


def _hosts(bind: str) -> str:
    """The names by which MLflow may be asked for, with and without a port."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if bind not in _LOOPBACK:
        # Whoever comes by an address of a private network was not sent here by the name of a page.
        private = ["10.*", "192.168.*", *(f"172.{n}.*" for n in range(16, 32))]
        names += sorted({bind, socket.gethostname(), socket.getfqdn()}) + private
    return ",".join(f"{name},{name}:*" for name in names)


def _worker(choices: Choices, kind: str) -> Service:
    limit = ("--limit", str(choices.gpus)) if kind == "gpu" else ()
    start = ("worker", "start", "--pool", f"tailor-{kind}", "--name", worker_name(kind), *limit)
    return Service(
        name=f"worker-{kind}",
        what=f"{kind.upper()} worker",
        command=(sys.executable, "-m", "prefect", *start),
        variables={
            **_NO_TELEMETRY,
            **client_variables(choices),
            "PREFECT_HOME": str(choices.home / "prefect"),
            "PREFECT_WORKER_QUERY_SECONDS": "1",  # of 10, which is what sending a stage would take
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",  # of 30: soon known to be up, or gone
            # Runs are started as `python`, which is that of the worker.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        },
    )


def worker_name(kind: str) -> str:
    return f"{kind}-{socket.gethostname()}"


def supervisor_config(choices: Choices, chosen: list[Service]) -> str:
    """The file that supervisord reads. It holds secrets: nobody else may read it."""
    folder = choices.folder
    sections = [
        "[supervisord]",
        f"logfile={_literal(folder / 'logs' / 'supervisord.log')}",
        f"pidfile={_literal(folder / 'supervisord.pid')}",
        f"directory={_literal(folder)}",
        "umask=077",
        *(["user=root"] if os.getuid() == 0 else []),
        "[unix_http_server]",
        f"file={_literal(socket_path(folder))}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for service in chosen:
        variables = {**service.variables, MARK: str(folder)}
        sections += [
            f"[program:{service.name}]",
            f"command={_literal(shlex.join(service.command))}",
            f"directory={_literal(ROOT if service.name.startswith('worker') else folder)}",
            "environment="
            + ",".join(f"{name}={_quoted(name, variables[name])}" for name in sorted(variables)),
            f"stopsignal={service.stop_signal}",
            *([f"user={service.user}"] if service.user else []),
            "autostart=false",  # `up.py` starts them one after the other, as each is ready
            "autorestart=true",
            "startsecs=15",  # who ends sooner is tried again later and later
            "startretries=20",
            # A worker that is told to end waits for its runs, which `up.py` ends in their turn.
            f"stopwaitsecs={5 if service.name.startswith('worker') else 30}",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_literal(log_path(folder, service.name))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=2",
        ]
    return "\n".join(sections) + "\n"


def env_file(choices: Choices) -> str:
    """The lines that `make up` keeps in the file `.env`."""
    lines = [
        f"{name}='{value}'"
        for name, value in sorted(client_variables(choices).items())
        if name not in choices.aws
    ]
    return "\n".join(lines) + "\n"


def socket_path(folder: Path) -> Path:
    return folder / "supervisor.sock"


def log_path(folder: Path, service: str) -> Path:
    return folder / "logs" / f"{service}.log"


def _literal(value: object) -> str:
    """Supervisor fills in what follows a percent sign."""
    return str(value).replace("%", "%%")


def _quoted(name: str, value: str) -> str:
    for quote in "\"'":
        if quote not in value and "\n" not in value:
            return f"{quote}{_literal(value)}{quote}"
    raise RecipeError(f"the variable {name} holds both kinds of quotes, or a new line; give it another value")


def _number(said: Mapping[str, str], name: str, low: int, high: int) -> int:
    text = said[name]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise RecipeError(f"{name} = {text!r} is no whole number from {low} to {high}; give it one")
    return int(text)

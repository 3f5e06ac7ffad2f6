"""What `make up` renders from what it is told: services, files, and one sentence for what cannot be meant."""

from __future__ import annotations

import configparser
import os
import shlex
import socket
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st
from supervisor.datatypes import dict_of_key_value_pairs

import postgresql
import services
import up
from tailor_core.errors import MachineError, RecipeError

HOME = Path("/srv/tailor home")
PASSWORD = "correct-horse-battery"


def choose(remembered: dict[str, str] | None = None, home: Path = HOME, **said: str) -> services.Choices:
    return services.choose(said, remembered or {}, home, gpus=0)


def rendered(**said: str) -> dict[str, services.Service]:
    return {service.name: service for service in services.services(choose(**said), "key")}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"BIND": "0.0.0.0"}, r"BIND = '0\.0\.0\.0' .* set TAILOR_PASSWORD"),
        ({"BIND": "10.0.0.7"}, r"BIND = '10\.0\.0\.7' .* set TAILOR_PASSWORD"),
        ({"TAILOR_PASSWORD": "short"}, r"TAILOR_PASSWORD is too short"),
        ({"TAILOR_PASSWORD": 'a quote " in a long one'}, r"TAILOR_PASSWORD is too short, or holds"),
        ({"DATABASE": "mysql"}, r"DATABASE = 'mysql' is no database; say sqlite, postgresql, or"),
        ({"DATABASE": "mysql://me:planted-secret@host/db"}, r"DATABASE = 'mysql://me:\*\*\*@host/db'"),
        (
            {"DATABASE": "postgresql://u:planted-secret@[x/prefect"},
            r"DATABASE = 'postgresql://u:\*\*\*@\[x/prefect' is no",
        ),
        (
            {"DATABASE": "postgresql://host:port/prefect"},
            r"DATABASE = 'postgresql://host:port/prefect' is no database",
        ),
        ({"DATABASE": "postgresql://host"}, r"DATABASE = 'postgresql://host' is no database"),
        ({"STORE": "s3://b/it's"}, r"STORE = .* holds a quote or a new line"),
        ({"STORE": "gs://bucket"}, r"STORE = 'gs://bucket' is no store; say local, s3"),
        ({"PREFECT_PORT": "70000"}, r"PREFECT_PORT = '70000' is no whole number from 1 to 65535"),
        ({"MLFLOW_PORT": "http"}, r"MLFLOW_PORT = 'http' is no whole number"),
        ({"GPUS": "0"}, r"GPUS = '0' is no whole number from 1"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(said: dict[str, str], sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        choose(**said)
    assert "planted-secret" not in str(caught.value)


def test_a_home_whose_sockets_would_have_too_long_a_path_is_refused() -> None:
    with pytest.raises(RecipeError, match="too long for the path of a socket"):
        choose(home=Path("/") / ("a" * 90))


def test_what_was_chosen_holds_until_it_is_chosen_otherwise() -> None:
    first = {"DATABASE": "postgresql", "GPUS": "3", "HOME": "/root"}
    remembered = services.to_remember(choose(**first), first, {})
    assert remembered == {"DATABASE": "postgresql", "GPUS": "3"}
    assert choose(remembered).gpus == 3
    second = {"DATABASE": "sqlite"}
    again = services.to_remember(choose(remembered, **second), second, remembered)
    assert again == {"GPUS": "3"}
    with_secret = {"TAILOR_PASSWORD": PASSWORD}
    assert choose(with_secret, TAILOR_PASSWORD="").password == ""


def test_by_default_all_is_bound_to_this_machine_and_asks_nobody_who_they_are() -> None:
    found = rendered()
    assert list(found) == ["server", "mlflow", "worker-cpu", "worker-gpu"]
    for name in ("server", "mlflow"):
        command = found[name].command
        assert command[command.index("--host") + 1] == "127.0.0.1"
    assert found["worker-gpu"].command[-2:] == ("--limit", "1")
    assert found["worker-cpu"].variables["PREFECT_WORKER_QUERY_SECONDS"] == "1"
    assert "filesystem" in found["server"].variables["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]
    assert all(service.variables["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false" for service in found.values())


def test_a_password_is_asked_by_both_servers_and_is_on_no_command_line() -> None:
    found = rendered(
        TAILOR_PASSWORD=PASSWORD, BIND="0.0.0.0", DATABASE="postgresql://me:db-secret@host/prefect"
    )
    assert found["server"].variables["PREFECT_SERVER_API_AUTH_STRING"] == f"tailor:{PASSWORD}"
    assert "basic-auth" in found["mlflow"].command
    assert socket.gethostname() in found["mlflow"].variables["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert found["worker-gpu"].variables["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert found["worker-gpu"].variables["PREFECT_API_AUTH_STRING"] == f"tailor:{PASSWORD}"
    for service in found.values():
        assert PASSWORD not in " ".join(service.command)
        assert "db-secret" not in " ".join(service.command)
        assert PASSWORD not in repr(service)
        assert service.name == "server" or "PREFECT_SERVER_API_AUTH_STRING" not in service.variables
        assert service.name in ("server", "mlflow") or "db-secret" not in str(dict(service.variables))


def test_prefect_and_mlflow_share_a_server_of_postgresql_but_no_database() -> None:
    found = rendered(DATABASE="postgresql+asyncpg://me:pass%2Fword@host:5432/prefect?ssl=require")
    server = found["server"].variables["PREFECT_SERVER_DATABASE_CONNECTION_URL"]
    mlflow = found["mlflow"].variables["MLFLOW_BACKEND_STORE_URI"]
    assert server == "postgresql+asyncpg://me:pass%2Fword@host:5432/prefect?ssl=require"
    assert mlflow == "postgresql+psycopg2://me:pass%2Fword@host:5432/mlflow?sslmode=require"
    assert postgresql.beside("postgresql://u@h/lab", "mlflow") == "postgresql://u@h/lab_mlflow"
    inside = "postgresql://tailor@/prefect?host=/srv/prefect/postgresql"
    assert postgresql.beside(inside, "mlflow") == "postgresql://tailor@/mlflow?host=/srv/prefect/postgresql"
    assert "postgresql" not in found


def test_a_store_on_s3_is_where_artifacts_of_mlflow_are_as_well() -> None:
    found = rendered(
        STORE="s3://bucket/lab/", AWS_ENDPOINT_URL="http://s3.lab", AWS_SECRET_ACCESS_KEY="%'s3cret"
    )
    assert found["worker-cpu"].variables["TAILOR_STORE"] == "s3://bucket/lab"
    assert found["worker-gpu"].variables["AWS_ENDPOINT_URL"] == "http://s3.lab"
    assert found["mlflow"].variables["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://bucket/lab-mlflow"
    assert found["mlflow"].variables["MLFLOW_S3_ENDPOINT_URL"] == "http://s3.lab"
    assert "AWS_SECRET_ACCESS_KEY" not in services.env_file(
        choose(STORE="s3://b/c", AWS_SECRET_ACCESS_KEY="x")
    )
    assert rendered(AWS_SECRET_ACCESS_KEY="x")["worker-cpu"].variables.get("AWS_SECRET_ACCESS_KEY") is None


@given(
    st.text(
        st.characters(codec="ascii", exclude_characters='"\n\r\t\x00\x0b\x0c\x1c\x1d\x1e\x1f'), min_size=1
    )
)
def test_the_supervisor_reads_every_variable_as_it_was_meant(secret: str) -> None:
    """With its own parser; the file is not that of a shell."""
    chosen = choose(STORE="s3://b/c", AWS_SECRET_ACCESS_KEY=f"k{secret}k")
    [worker] = [s for s in services.services(chosen, "key") if s.name == "worker-gpu"]
    config = configparser.RawConfigParser()
    config.read_string(services.supervisor_config(chosen, [worker]))
    section = config["program:worker-gpu"]
    read = dict_of_key_value_pairs(section["environment"] % {})
    assert read == {**worker.variables, services.MARK: str(chosen.folder)}
    assert tuple(shlex.split(section["command"] % {})) == worker.command


def test_a_value_that_cannot_be_written_for_the_supervisor_is_refused() -> None:
    chosen = choose(STORE="s3://b/c", AWS_SECRET_ACCESS_KEY="both ' and \"")
    with pytest.raises(RecipeError, match="AWS_SECRET_ACCESS_KEY holds both kinds of quotes"):
        services.supervisor_config(chosen, services.services(chosen, "key"))


def test_the_file_env_keeps_what_others_wrote_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("MINE=1")
    chosen = choose(TAILOR_PASSWORD=PASSWORD)
    for _ in range(2):
        up._write_env(path, up._BEGIN + services.env_file(chosen) + up._END)
    read = dotenv_values(path)
    assert read == {"MINE": "1", **services.client_variables(chosen)}
    assert path.stat().st_mode & 0o077 == 0
    up._write_env(path, "", of=Path("/another/home"))
    assert dotenv_values(path) == read, "it leads to the services of another home"
    up._write_env(path, "", of=HOME)
    assert path.read_text() == "MINE=1\n"


def test_a_port_that_somebody_has_is_one_sentence_that_names_them() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        chosen = services.services(choose(MLFLOW_PORT=str(port)), "key")
        mine = [service for service in chosen if service.name == "mlflow"]
        with pytest.raises(
            MachineError, match=rf"MLFLOW_PORT = {port} is taken by process {os.getpid()} .*make up"
        ):
            up._check_ports(mine)


def test_a_port_is_looked_for_at_the_address_that_it_is_to_have() -> None:
    """One that is taken at another address of this machine is free."""
    with socket.create_server(("127.0.0.2", 0)) as stranger:
        port = stranger.getsockname()[1]
        said = {"MLFLOW_PORT": str(port), "TAILOR_PASSWORD": PASSWORD}
        for bind, taken in (("127.0.0.1", False), ("127.0.0.2", True)):
            mine = [
                one for one in services.services(choose(BIND=bind, **said), "key") if one.name == "mlflow"
            ]
            if taken:
                with pytest.raises(
                    MachineError, match=rf"MLFLOW_PORT = {port} is taken by process {os.getpid()}"
                ):
                    up._check_ports(mine)
            else:
                up._check_ports(mine)


def test_an_address_of_another_machine_is_refused_as_such() -> None:
    chosen = services.services(choose(BIND="192.0.2.1", TAILOR_PASSWORD=PASSWORD), "key")
    with pytest.raises(
        MachineError, match=r"cannot listen on BIND = '192\.0\.2\.1' .*address of this machine"
    ):
        up._check_ports(chosen)


def test_the_note_of_a_server_that_ended_with_its_machine_is_forgotten(tmp_path: Path) -> None:
    """Its number is another process's now, and PostgreSQL would not start."""
    note = tmp_path / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n/somewhere\n")
    postgresql._forget_dead_server(note)
    assert not note.exists()


def test_every_choice_can_be_said_in_the_makefile() -> None:
    makefile = (services.ROOT / "Makefile").read_text()
    hidden: Any = {"MLFLOW_SERVER_ALLOWED_HOSTS"}
    assert all(name in makefile for name in set(services.CHOICES) - hidden)

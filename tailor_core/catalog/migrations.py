"""Bringing a catalog's tables up to date: `sql/migrations/NNNN_what.sql`, each once, in order of name.

A file and the record that it was applied are one transaction, so a crash leaves neither or both. An applied
file is never edited: what changes is a new file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files

from tailor_core.catalog.connection import Connection
from tailor_core.errors import ArtifactError

_CREATE_RECORD = """
create table if not exists schema_migration (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
)
"""
_REBUILD = "delete the catalog: `tailor catalog rebuild` makes it again"


def shipped_migrations() -> dict[str, str]:
    """File name -> SQL of the package's migrations, in order."""
    folder = files("sql") / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def migrate(connection: Connection, migrations: Mapping[str, str] | None = None) -> list[str]:
    """Apply what is pending and return its names.

    ArtifactError where an applied file was edited since, or the catalog has one that this version does not
    know.
    """
    known = shipped_migrations() if migrations is None else migrations
    connection.execute(_CREATE_RECORD)
    applied = dict(connection.execute("select name, sha256 from schema_migration").fetchall())
    for name, digest in applied.items():
        if name not in known:
            raise ArtifactError(
                f"another version of Tailor made this catalog (migration {name!r} is not known); {_REBUILD}"
            )
        if digest != _digest(known[name]):
            raise ArtifactError(
                f"migration {name!r} was edited after it was applied to this catalog; {_REBUILD}"
            )
    pending = [name for name in sorted(known) if name not in applied]
    for name in pending:
        _apply(connection, name, known[name])
    return pending


def _apply(connection: Connection, name: str, statements: str) -> None:
    connection.execute("begin transaction")
    try:
        connection.execute(statements)
        connection.execute(
            "insert into schema_migration (name, sha256) values ($name, $sha256)",
            {"name": name, "sha256": _digest(statements)},
        )
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _digest(statements: str) -> str:
    return hashlib.sha256(statements.encode("utf-8")).hexdigest()

"""The named queries of `sql/queries/<topic>/<verb_object>.sql`, run with `$named` parameters only."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import polars

from tailor_core.catalog.connection import Connection
from tailor_core.errors import InputError


@cache
def query_names() -> tuple[str, ...]:
    """`<topic>/<verb_object>` of every query that ships, sorted."""
    folder = files("sql") / "queries"
    return tuple(
        sorted(
            f"{topic.name}/{entry.name.removesuffix('.sql')}"
            for topic in folder.iterdir()
            if topic.is_dir()
            for entry in topic.iterdir()
            if entry.name.endswith(".sql")
        )
    )


@cache
def load_query(name: str) -> str:
    """The SQL of a query; InputError for a name that there is none of."""
    if name not in query_names():
        raise InputError(f"there is no query {name!r}; choose one of {', '.join(query_names())}")
    topic, stem = name.split("/")
    return (files("sql") / "queries" / topic / f"{stem}.sql").read_text(encoding="utf-8")


def query(connection: Connection, name: str, **parameters: Any) -> polars.DataFrame:
    """The rows that a named query returns."""
    frame: polars.DataFrame = connection.sql(load_query(name), params=parameters).pl()
    return frame


def execute(connection: Connection, name: str, **parameters: Any) -> None:
    """Run a named query for its effect."""
    connection.execute(load_query(name), parameters).fetchall()

"""Migrations: from blank, step by step, all or nothing, and never edited."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tailor_core.catalog.connection import Connection, open_catalog
from tailor_core.catalog.migrations import migrate, shipped_migrations
from tailor_core.errors import ArtifactError


def schema(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select table_name, column_name, data_type from information_schema.columns order by all"
    ).fetchall()


def test_a_blank_catalog_gets_every_migration_in_order_and_a_second_time_none() -> None:
    with open_catalog() as connection:
        assert migrate(connection) == sorted(shipped_migrations())
        assert migrate(connection) == []
        tables = {row[0] for row in schema(connection)}
    assert {"problems", "primitives", "demonstrations", "verdicts", "selection", "sft_dataset"} <= tables


def test_migrating_from_every_older_version_gives_the_same_schema() -> None:
    shipped = shipped_migrations()
    with open_catalog() as connection:
        migrate(connection)
        expected = schema(connection)
    for known in range(len(shipped)):
        with open_catalog() as connection:
            migrate(connection, dict(list(shipped.items())[:known]))
            migrate(connection)
            assert schema(connection) == expected


def test_a_migration_that_fails_midway_leaves_nothing_and_can_be_mended(tmp_path: Path) -> None:
    broken = {"0001_x.sql": "create table one (a integer); create table two (a no_such_type);"}
    path = tmp_path / "catalog.duckdb"
    with open_catalog(path) as connection, pytest.raises(duckdb.Error):
        migrate(connection, broken)
    with open_catalog(path) as connection:
        assert migrate(connection, {"0001_x.sql": "create table one (a integer);"}) == ["0001_x.sql"]


def test_an_edited_migration_is_refused_with_the_cure() -> None:
    with open_catalog() as connection:
        migrate(connection, {"0001_x.sql": "create table one (a integer);"})
        with pytest.raises(ArtifactError, match=r"'0001_x\.sql' was edited .* delete the catalog"):
            migrate(connection, {"0001_x.sql": "create table one (a bigint);"})


def test_a_catalog_of_a_newer_version_is_refused() -> None:
    with open_catalog() as connection:
        migrate(connection, {"0001_x.sql": "create table one (a integer);", "0002_y.sql": "select 1;"})
        with pytest.raises(ArtifactError, match="another version"):
            migrate(connection, {"0001_x.sql": "create table one (a integer);"})

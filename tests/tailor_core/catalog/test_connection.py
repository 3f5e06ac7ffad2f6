"""The catalog never reaches for the network and says clearly why it cannot be opened."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tailor_core.catalog.connection import open_catalog
from tailor_core.errors import ArtifactError


def test_extensions_are_never_installed_or_loaded_by_themselves() -> None:
    with open_catalog() as connection:
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            assert connection.execute(f"select current_setting('{setting}')").fetchall() == [(False,)]
        with pytest.raises(duckdb.Error, match=r"httpfs|extension"):
            connection.execute("select * from read_parquet('https://127.0.0.1:9/x.parquet')").fetchall()


def test_a_damaged_catalog_is_one_sentence_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "catalog.duckdb"
    path.write_bytes(b"this is no database, and it is not blocked" * 100)
    with pytest.raises(ArtifactError, match="delete it") as caught, open_catalog(path):
        pass
    assert "\n" not in str(caught.value)


def test_a_catalog_held_by_another_process_says_so(tmp_path: Path) -> None:
    path = tmp_path / "catalog.duckdb"
    script = f"import duckdb; c = duckdb.connect({str(path)!r}); print('open', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(ArtifactError, match="open in another process"), open_catalog(path):
            pass
    finally:
        holder.communicate("\n")


def test_a_path_that_duckdb_would_misread_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ArtifactError, match="cannot lie in a folder with"),
        open_catalog(tmp_path / "a?b.duckdb"),
    ):
        pass


def test_no_query_reads_our_variables_or_changes_what_is_allowed() -> None:
    rows = [(1,)]
    with open_catalog() as connection:
        with pytest.raises(duckdb.Error, match="rows"):
            connection.execute("select * from rows").fetchall()
        for setting in ("autoload_known_extensions", "python_enable_replacements"):
            with pytest.raises(duckdb.Error, match="locked"):
                connection.execute(f"set {setting} = true")
    assert rows


def test_a_catalog_that_is_read_gives_its_queries_no_file_but_itself(tmp_path: Path) -> None:
    path, secret, copy = tmp_path / "catalog.duckdb", tmp_path / "secret.csv", tmp_path / "copy.csv"
    secret.write_text("a\n1\n")
    with open_catalog(path) as connection:
        connection.execute("create table t as select 7 as a")
    with open_catalog(path, read_only=True) as connection:
        assert connection.sql("select a from t").pl().rows() == [(7,)]
        for query in (
            f"from read_csv('{secret}')",
            f"from '{secret}'",
            f"from read_text('{secret}')",
            f"from glob('{tmp_path}/*')",
            f"copy t to '{copy}'",
            f"attach '{tmp_path}/other.duckdb'",
            f"export database '{tmp_path}/all'",
            "set enable_external_access = true",
            "install httpfs",
            "load httpfs",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(query).fetchall()
    assert not copy.exists()

"""A catalog is built beside the one that people read, by one process at a time, for older DuckDBs too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from made_up_store import EVALUATION

from tailor_core.artifacts.tables import read_table, write_records, write_table
from tailor_core.catalog.build import building
from tailor_core.catalog.connection import open_catalog
from tailor_core.catalog.embeddings import embeddings_table
from tailor_core.catalog.migrations import migrate, shipped_migrations
from tailor_core.catalog.queries import execute, load_query
from tailor_core.errors import ArtifactError, InputError

ADD = "insert into ingested values ($value)"


def add(path: Path, value: str, *, fresh: bool = False) -> None:
    with building(path, fresh=fresh) as connection:
        connection.execute(ADD, {"value": value}).fetchall()


def values(path: Path) -> list[str]:
    with open_catalog(path, read_only=True) as connection:
        return [row[0] for row in connection.execute("select artifact from ingested order by all").fetchall()]


def test_a_catalog_grows_by_copies_and_begins_anew_on_request(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lineage.duckdb"
    add(path, "a")
    add(path, "b")
    assert values(path) == ["a", "b"]
    add(path, "c", fresh=True)
    assert values(path) == ["c"]
    assert {one.name for one in path.parent.iterdir()} == {"lineage.duckdb", "lineage.duckdb.lock"}


def test_readers_keep_what_they_opened_while_another_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "lineage.duckdb"
    add(path, "a")
    script = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print('open', flush=True); input()\n"
        "print(connection.execute('select artifact from ingested').fetchall())\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "open\n"
    add(path, "b")
    assert values(path) == ["a", "b"]
    assert reader.communicate("\n")[0] == "[('a',)]\n"


def test_what_fails_or_is_killed_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lineage.duckdb"
    add(path, "a")
    with pytest.raises(InputError), building(path, fresh=False) as connection:
        [connection.execute(ADD, {"value": "half"}).fetchall(), load_query("nothing")]
    script = (
        "import os, sys; from pathlib import Path\n"
        "from tailor_core.catalog.build import building\n"
        "with building(Path(sys.argv[1]), fresh=False) as connection:\n"
        f"    connection.execute({ADD!r}, {{'value': 'half'}}).fetchall()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -9
    assert values(path) == ["a"]
    add(path, "b")
    assert values(path) == ["a", "b"]


def test_builders_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lineage.duckdb"
    script = (
        "import sys; from pathlib import Path\n"
        "from tailor_core.catalog.build import building\n"
        "with building(Path(sys.argv[1]), fresh=False) as connection:\n"
        f"    connection.execute({ADD!r}, {{'value': sys.argv[2]}}).fetchall()\n"
    )
    builders = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "abc"]
    assert [one.wait() for one in builders] == [0, 0, 0]
    assert values(path) == ["a", "b", "c"]


def test_a_catalog_that_cannot_be_gone_on_with_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "lineage.duckdb"
    path.write_bytes(b"this is no database, and it is not blocked" * 100)
    add(path, "a")
    assert values(path) == ["a"]
    with open_catalog(path) as connection:
        connection.execute("update schema_migration set sha256 = 'edited'")
    add(path, "b")
    assert values(path) == ["b"]


def test_what_a_killed_session_left_is_not_replayed_into_another_catalog(tmp_path: Path) -> None:
    path = tmp_path / "lineage.duckdb"
    add(path, "a")
    script = (
        "import duckdb, os, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "connection.execute(\"insert into ingested values ('by hand')\").fetchall()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)]).returncode == -9
    assert Path(f"{path}.wal").exists()
    add(path, "c", fresh=True)
    assert values(path) == ["c"]
    assert not Path(f"{path}.wal").exists()


def test_a_catalog_can_be_read_by_duckdb_1_5(tmp_path: Path) -> None:
    path = tmp_path / "lineage.duckdb"
    add(path, "a")
    with duckdb.connect(str(path), read_only=True) as connection:
        [(tags,)] = connection.execute(
            "select tags from duckdb_databases() where database_name = 'lineage'"
        ).fetchall()
    assert tags["storage_version"].startswith("v1.5")


def test_rows_from_before_soundness_was_told_stay_readable_and_can_still_be_copied(tmp_path: Path) -> None:
    table = tmp_path / "evaluation.parquet"
    write_records(table, EVALUATION)
    before = tmp_path / "before.parquet"
    write_table(before, read_table(table).drop("sound"))
    earlier = {name: text for name, text in shipped_migrations().items() if name < "0006"}
    with duckdb.connect() as connection:
        migrate(connection, earlier)
        insert = "insert into evaluation by name select 'a' as artifact, * from read_parquet($1)"
        connection.execute(insert, [str(before)])
        later = sorted(shipped_migrations().keys() - earlier.keys())
        assert later[0] == "0006_sound.sql"
        assert migrate(connection) == later
        execute(connection, "ingest/insert_evaluation", artifact="b", path=str(before))
        execute(connection, "ingest/insert_evaluation", artifact="c", path=str(table))
        found = connection.execute("select artifact, sound from evaluation order by artifact, sample")
        assert found.fetchall() == [
            ("a", None),
            ("a", None),
            ("b", None),
            ("b", None),
            ("c", False),
            ("c", True),
        ]
        for view in ("current_evaluation", "model_evaluations"):
            assert connection.execute(f"select sound from {view}").fetchall() == []


def test_a_disk_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArtifactError, match=r"could not be written \(.*\); make room"),
        building(tmp_path / "file" / "lineage.duckdb", fresh=True),
    ):
        pass


def test_wrong_names_and_dimensions_are_clear(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no query 'selection/drop_tables'; choose one of .*count_funnel"):
        load_query("selection/drop_tables")
    with pytest.raises(InputError, match="dimension 0 must be a whole number from 1"):
        embeddings_table(0)
    with building(tmp_path / "lineage.duckdb", fresh=True) as connection:
        execute(connection, "ingest/insert_ingested", artifact="a")
    assert values(tmp_path / "lineage.duckdb") == ["a"]

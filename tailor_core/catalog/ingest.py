"""From artifacts to tables: what manifests and events say, anew each time, and each artifact's rows, once.

The truth is the artifact store and the events. A catalog may be deleted at any time.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from tailor_core.catalog.connection import Connection
from tailor_core.catalog.embeddings import insert_embeddings
from tailor_core.catalog.queries import execute, query
from tailor_core.errors import ArtifactError

_TABLES = {
    "problems": {"problems.parquet": "ingest/insert_problems"},
    "probe": {"completions.parquet": "ingest/insert_evaluation"},
    "primitives": {"primitives.parquet": "ingest/insert_primitives"},
    "demonstrations": {"demonstrations.parquet": "ingest/insert_demonstrations"},
    "verdicts": {"verdicts.parquet": "ingest/insert_verdicts"},
    "selection": {"selection.parquet": "ingest/insert_selection"},
    "sft_dataset": {"sft_dataset.parquet": "ingest/insert_sft_dataset"},
    "evaluation": {"evaluation.parquet": "ingest/insert_evaluation"},
}
"""Stage -> file of its artifact -> the query that copies it. Other stages have no rows to copy."""
_EMBEDDINGS = "embeddings.parquet"

Row = Mapping[str, Any]


def clear_records(connection: Connection) -> None:
    """Empty the tables of what manifests and events say."""
    for table in ("artifacts", "artifact_inputs", "attempts"):
        execute(connection, f"ingest/delete_{table}")


def insert_records(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    """Add rows of JSON values to `artifacts`, `artifact_inputs` or `attempts`."""
    # DuckDB's text can hold neither a NUL nor half a surrogate pair, which a stage may well put in its error.
    whole = json.dumps(rows, ensure_ascii=False).encode("utf-8", "replace").decode()
    text = whole.replace("\\u0000", "\\ufffd")
    execute(connection, f"ingest/insert_{table}", rows=text)


def has_gone(connection: Connection) -> bool:
    """Whether rows are here of an artifact that the store has no more."""
    return query(connection, "ingest/list_gone").height > 0


def missing_artifacts(connection: Connection) -> list[tuple[str, str, str]]:
    """(stage, key, digest) of the artifacts whose rows are not here yet."""
    return list(query(connection, "ingest/list_missing", stages=sorted(_TABLES)).iter_rows())


def ingest_artifact(connection: Connection, stage: str, digest: str, directory: Path) -> None:
    """Copy the rows of one artifact, all or none; ArtifactError where a table is missing or lacks a column."""
    with _transaction(connection):
        for name, insert in _TABLES[stage].items():
            with _reading(stage, directory / name) as path:
                execute(connection, insert, artifact=digest, path=path)
        if stage == "selection":
            with _reading(stage, directory / _EMBEDDINGS) as path:
                insert_embeddings(connection, digest, path)
        execute(connection, "ingest/insert_ingested", artifact=digest)


@contextmanager
def _reading(stage: str, file: Path) -> Iterator[str]:
    """A table's path as DuckDB takes it (`*`, `?`, `[` are no patterns), its errors as ArtifactError."""
    try:
        yield glob.escape(str(file))
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0]
        raise ArtifactError(
            f"{file.name!r} of the {stage!r} artifact {str(file.parent)!r} cannot be read into the catalog: "
            f"{first_line}; delete the artifact and run the stage again"
        ) from error


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    connection.execute("begin transaction")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")

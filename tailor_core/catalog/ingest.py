"""From artifacts to tables: each artifact's rows are copied once, whole or not at all.

The truth is the artifact store. A catalog may be deleted at any time; the next update makes it anew.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from tailor_core.catalog.connection import Connection, open_catalog
from tailor_core.catalog.embeddings import insert_embeddings
from tailor_core.catalog.migrations import migrate
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

_LOCK_SECONDS = 60.0


def update_catalog(path: Path, artifacts: Mapping[str, Path], recipe: str = "") -> None:
    """Bring the catalog at `path` up to date with a recipe's artifacts (stage -> local directory).

    Rows that it has already are left alone; the given artifacts become current for the recipe: the
    `current_...` views show them. Stages without rows, such as models, are passed over. Safe to repeat
    and to be killed. ArtifactError where the catalog is in use elsewhere or an artifact's tables do not fit.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(path), open_catalog(path) as connection:
            migrate(connection)
            for stage in sorted(artifacts.keys() & _TABLES.keys()):
                key = content_digest(stage, artifacts[stage])
                ingest_artifact(connection, stage, key, artifacts[stage])
                execute(
                    connection, "ingest/replace_current_artifact", recipe=recipe, stage=stage, artifact=key
                )
    except duckdb.Error as error:
        raise ArtifactError(
            f"the catalog {str(path)!r} could not be written ({str(error).splitlines()[0]}); where the disk "
            "is not full, delete the catalog: the next run rebuilds it from the artifacts"
        ) from error


def ingest_artifact(connection: Connection, stage: str, key: str, directory: Path) -> bool:
    """Copy the rows of one artifact in one transaction; False where `key` is there already.

    ArtifactError where a table is missing or lacks a column.
    """
    if query(connection, "ingest/count_artifact", artifact=key).item():
        return False
    with _transaction(connection):
        for name, insert in _TABLES[stage].items():
            with _reading(stage, directory / name) as path:
                execute(connection, insert, artifact=key, path=path)
        if stage == "selection":
            with _reading(stage, directory / _EMBEDDINGS) as path:
                insert_embeddings(connection, key, path)
        execute(connection, "ingest/insert_artifact", artifact=key, stage=stage)
    return True


def content_digest(stage: str, directory: Path) -> str:
    """sha256 over the tables that are copied from an artifact: equal rows, equal key, wherever it lies."""
    digest = hashlib.sha256(stage.encode())
    for name in _files(stage):
        try:
            with (directory / name).open("rb") as stream:
                digest.update(f"\0{name}\0{hashlib.file_digest(stream, 'sha256').hexdigest()}".encode())
        except OSError as error:
            raise ArtifactError(
                f"the {stage!r} artifact {str(directory)!r} has no readable {name!r} ({error.strerror}); "
                "delete the artifact and run the stage again"
            ) from error
    return digest.hexdigest()


def _files(stage: str) -> list[str]:
    return [*_TABLES[stage], *([_EMBEDDINGS] if stage == "selection" else [])]


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


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer at a time: a second flow run waits its turn instead of failing on DuckDB's own lock."""
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise ArtifactError(
            f"the catalog {str(path)!r} is being written by another run for over {_LOCK_SECONDS:g} s; "
            "wait for that run, or end it, and try again"
        ) from None
    try:
        yield
    finally:
        lock.release()

"""Building a catalog: beside the one that people read, and then in its place.

The file that people have open is never written to: a reader sees the catalog before or after, never between.
One process at a time builds; what is half built when it is killed is thrown away by the next.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from tailor_core.catalog.connection import Connection, open_catalog
from tailor_core.catalog.migrations import migrate
from tailor_core.errors import ArtifactError

_LOCK_SECONDS = 60.0


@contextmanager
def building(path: Path, *, fresh: bool) -> Iterator[Connection]:
    """A catalog to be filled, which takes the place of the one at `path` where the block ends well.

    It begins as a copy of that one, or empty where it is to be `fresh`, or there is none that this version can use.
    ArtifactError where another process builds for long, or the disk refuses.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            try:
                _begin(path, partial, fresh)
                with open_catalog(partial) as connection:
                    migrate(connection)
                    yield connection
                _remove_log(path)
                partial.replace(path)
            finally:
                _remove(partial)
    except (duckdb.Error, OSError) as error:
        raise ArtifactError(
            f"the catalog {str(path)!r} could not be written ({str(error).splitlines()[0]}); make room or "
            "choose another --home, and run `tailor catalog rebuild`"
        ) from error


def _begin(path: Path, partial: Path, fresh: bool) -> None:
    """Leave at `partial` a copy that can be added to, or nothing."""
    _remove(partial)
    if fresh or not path.exists():
        return
    try:
        with open_catalog(path, read_only=True):  # nobody can write to it meanwhile
            shutil.copyfile(path, partial)
        with open_catalog(partial) as connection:
            migrate(connection)
    except ArtifactError:
        _remove(partial)


def _remove(path: Path) -> None:
    _remove_log(path)
    path.unlink(missing_ok=True)


def _remove_log(path: Path) -> None:
    """DuckDB would replay what a killed process left in its log into whatever file lies beside it."""
    with suppress(FileNotFoundError):
        Path(f"{path}.wal").unlink()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One writer at a time: a second flow run waits its turn."""
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

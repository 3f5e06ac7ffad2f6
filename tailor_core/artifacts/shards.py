"""Work in pieces that survive a crash: tables in a stage's workdir, each bound to what it was made from.

The name of a shard's file holds the digest of what it was made from and that of its own bytes, and the file appears by
one rename. A shard that is torn, or that was made from something else, is therefore not found, and is made anew. What
is handed out was always read back from the file, so it does not matter which attempt wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import polars

from tailor_core.artifacts.manifest import file_sha256
from tailor_core.artifacts.tables import read_records, read_table, write_records, write_table
from tailor_core.records import Record, content_id

R = TypeVar("R", bound=Record)
T = TypeVar("T")

_DIGITS = 32


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in order, `size` at a time; the last part may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class Shards:
    """The shards of one stage, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def records(self, made_from: object, record: type[R], make: Callable[[], Sequence[R]]) -> list[R]:
        """The rows that were made from `made_from` (JSON values): those on disk, else what `make` gives now."""
        path = self.find(made_from) or self._keep(
            made_from, lambda partial: write_records(partial, make(), record)
        )
        return read_records(path, record)

    def table(self, made_from: object, make: Callable[[], polars.DataFrame]) -> polars.DataFrame:
        """The table that was made from `made_from`, as `records` does it for rows."""
        path = self.find(made_from) or self._keep(made_from, lambda partial: write_table(partial, make()))
        return read_table(path)

    def put(self, made_from: object, content: bytes) -> Path:
        """Keep the Parquet file of a shard that was made elsewhere."""
        return self._keep(made_from, lambda partial: partial.write_bytes(content))

    def find(self, made_from: object) -> Path | None:
        """The file of the shard that was made from `made_from`; None where there is none that is whole."""
        for path in sorted(self.directory.glob(f"{_digest(made_from)}-*.parquet")):
            if path.stem.endswith(file_sha256(path)[:_DIGITS]):
                return path
            path.unlink()  # torn
        return None

    def _keep(self, made_from: object, write: Callable[[Path], object]) -> Path:
        self.directory.mkdir(parents=True, exist_ok=True)
        partial = self.directory / "shard.partial"
        write(partial)
        name = f"{_digest(made_from)}-{file_sha256(partial)[:_DIGITS]}.parquet"
        return partial.rename(self.directory / name)


def _digest(made_from: object) -> str:
    return content_id(made_from, length=_DIGITS)

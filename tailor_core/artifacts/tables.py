"""Parquet files of an artifact, written so that equal rows give equal bytes.

Owns the one set of writer settings: zstd, no statistics, one row group a table, the schema from the record
type and not from the values. Methods: polars' own reader and writer.
"""

from __future__ import annotations

import dataclasses
import io
import types
import typing
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import polars

from tailor_core.errors import ArtifactError
from tailor_core.records import Record

R = TypeVar("R", bound=Record)

_COLUMN_TYPES: dict[Any, polars.DataType] = {
    str: polars.String(),
    int: polars.Int64(),
    float: polars.Float64(),
    bool: polars.Boolean(),
}


def write_records(path: Path, records: Iterable[Record], record: type[Record] | None = None) -> int:
    """Write rows to `path` in the order given and return how many.

    `record` names the columns of a table that may have no row; without it an empty table has no columns.
    """
    rows = list(records)
    write_table(path, table_of(rows, record or (type(rows[0]) if rows else None)))
    return len(rows)


def table_of(records: Sequence[Record], record: type[Record] | None) -> polars.DataFrame:
    """Rows as a table with the columns of `record`, without any where it is None."""
    schema = _schema(record) if record else {}
    return polars.DataFrame([row.to_row() for row in records], schema=schema, orient="row")


def read_records(path: Path, record: type[R]) -> list[R]:
    """The rows of a table as records; ArtifactError where the file is missing, damaged or of another form."""
    return records_of(read_table(path), record, str(path))


def records_of(table: polars.DataFrame, record: type[R], source: str) -> list[R]:
    """The rows of a table as records; ArtifactError, which names the `source`, where it is of another form."""
    try:
        return [record.from_row(row) for row in table.iter_rows(named=True)]
    except (TypeError, ValueError) as error:
        raise ArtifactError(
            f"{source!r} does not hold {record.__name__} rows ({error}); delete the artifact and run again"
        ) from error


def write_table(path: Path, table: polars.DataFrame) -> None:
    """Write any table with the settings that make its bytes depend on its values only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(table, path)


def table_bytes(table: polars.DataFrame) -> bytes:
    """What `write_table` writes into a file."""
    buffer = io.BytesIO()
    _write(table, buffer)
    return buffer.getvalue()


def _write(table: polars.DataFrame, target: Path | io.BytesIO) -> None:
    table.rechunk().write_parquet(
        target, compression="zstd", compression_level=3, statistics=False, row_group_size=max(1, table.height)
    )


def read_table(path: Path) -> polars.DataFrame:
    """The table at `path`; ArtifactError where it is missing or damaged."""
    try:
        return polars.read_parquet(path, glob=False)
    except (OSError, polars.exceptions.PolarsError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(
            f"the table {str(path)!r} cannot be read ({first_line}); "
            "delete the artifact and run its stage again"
        ) from error


def _schema(record: type[Record]) -> dict[str, polars.DataType]:
    hints = typing.get_type_hints(record)
    return {f.name: _column_type(hints[f.name]) for f in dataclasses.fields(cast(Any, record))}


def _column_type(hint: Any) -> polars.DataType:
    """The column of a field: a scalar or optional scalar is itself, all else is JSON text."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        options = [option for option in typing.get_args(hint) if option is not types.NoneType]
        return _column_type(options[0]) if len(options) == 1 else polars.String()
    if typing.get_origin(hint) is Literal:
        return _COLUMN_TYPES[type(typing.get_args(hint)[0])]
    return _COLUMN_TYPES.get(hint, polars.String())


def table_schema(path: Path) -> dict[str, str]:
    """Column -> type name, read from the footer alone."""
    schema = polars.scan_parquet(path, glob=False).collect_schema()
    return {name: str(kind) for name, kind in schema.items()}

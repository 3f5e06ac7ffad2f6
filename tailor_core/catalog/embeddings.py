"""Tables of embeddings: one for each dimension, `embeddings_256` and the like, because `FLOAT[d]` is a type.

The only SQL that is not a file: a table's name and type cannot be parameters. What goes into the text is a
whole number that was checked to be one. Queries take the table as a parameter, through DuckDB's
`query_table($table)`.
"""

from __future__ import annotations

from tailor_core.catalog.connection import Connection
from tailor_core.errors import InputError

MAX_DIMENSION = 65536


def embeddings_table(dimension: int) -> str:
    """The name of the table that holds embeddings of this dimension; InputError where there can be none."""
    if not 1 <= dimension <= MAX_DIMENSION:
        raise InputError(
            f"embedding dimension {dimension!r} must be a whole number from 1 to {MAX_DIMENSION}"
        )
    return f"embeddings_{dimension:d}"


def create_embeddings_table(connection: Connection, dimension: int) -> str:
    """Make the table of a dimension where it is missing, and return its name."""
    table = embeddings_table(dimension)
    connection.execute(
        f"create table if not exists {table} (artifact text not null, demonstration_id text not null, "
        f"embedding float[{dimension:d}] not null, primary key (artifact, demonstration_id))"
    )
    return table


def insert_embeddings(connection: Connection, artifact: str, path: str) -> None:
    """Copy an artifact's embeddings.parquet (demonstration_id, embedding) into the table of its dimension."""
    lengths = connection.execute(
        "select distinct len(embedding) from read_parquet($path)", {"path": path}
    ).fetchall()
    if len(lengths) > 1:
        raise InputError(f"{path!r} mixes embeddings of dimension {sorted(n for (n,) in lengths)!r}")
    if not lengths:
        return
    table = create_embeddings_table(connection, lengths[0][0])
    connection.execute(
        f"insert into {table} select $artifact, demonstration_id, embedding from read_parquet($path)",
        {"artifact": artifact, "path": path},
    ).fetchall()

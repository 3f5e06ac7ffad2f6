"""Rows that are made independently of one another, some thousand in a piece: here, or by workers that share them.

What makes them is a class that is put together anew in each process, from what all of them have: the stage's section,
its inputs and its seed. A piece is therefore named by the places of its rows alone, and a worker needs nothing but the
stage's job, the range, and the store. Whoever makes a piece gives the same bytes; the stage keeps them as shards in its
workdir, so one that was killed goes on after the pieces that are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import polars
from pydantic import BaseModel

from tailor_core.artifacts.shards import Shards
from tailor_core.artifacts.tables import table_bytes
from tailor_core.config.keyed import keyed_values
from tailor_core.stages.context import StageContext
from tailor_core.stages.fingerprint import path_digest
from tailor_core.tracking.progress import Bar

ROWS = 4000
"""Rows of a piece: some seconds of work, so that to hand it out costs a hundredth of that, and a few MB of vectors."""

_QUIET_SECONDS = 2.0
"""Work that is done sooner shows no bar."""


class Piecework(Protocol):
    """The rows of one table, each decided by its place and by what the constructor is given."""

    def __init__(self, config: Any, inputs: Mapping[str, Path], seed: int) -> None: ...

    def __len__(self) -> int:
        """How many rows there are. Cheap: the process that hands the pieces out asks it."""
        ...

    def make(self, rows: range) -> polars.DataFrame:
        """The rows at these places, in order. What it raises ends the stage."""
        ...


def make_table(
    work: Piecework, config: BaseModel, context: StageContext, name: str, size: int = ROWS
) -> polars.DataFrame:
    """The whole table of a piecework, in order. Pieces in the workdir are taken from there, the others are made.

    work: put together from this config, and from the inputs and the seed of this context
    name: for the bar that shows how far it is
    size: rows of a piece; it changes nothing in the table
    """
    shards = Shards(context.workdir / "shards")
    made_from = [
        target_of(type(work)),
        keyed_values(config),
        {name: path_digest(path) for name, path in sorted(context.inputs.items())},
        context.seed,
    ]
    count = len(work)
    pieces = [range(start, min(start + size, count)) for start in range(0, count, size)]
    if not pieces:
        return work.make(range(0))
    missing = [piece for piece in pieces if not shards.find([*made_from, piece.start, piece.stop])]
    done = count - sum(map(len, missing))
    with Bar(context.track, total=count, initial=done, desc=name, unit="row", delay=_QUIET_SECONDS) as bar:

        def keep(piece: range, content: bytes) -> None:
            shards.put([*made_from, piece.start, piece.stop], content)
            bar.update(len(piece))

        if context.fan_out and missing:
            context.fan_out(target_of(type(work)), missing, keep)
        else:
            for piece in missing:
                keep(piece, table_bytes(work.make(piece)))
    return polars.concat(
        shards.table([*made_from, piece.start, piece.stop], partial(work.make, piece)) for piece in pieces
    )


def target_of(work: type[Any]) -> str:
    """The name by which another process finds the class, as `stages.registry.load_target` reads it."""
    return f"{work.__module__}:{work.__qualname__}"

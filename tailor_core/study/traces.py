"""The traces of a trial that are looked at: what its warm start was taught, and what its models wrote.

At most so many of each, by lot. The lot is a hash of problem and sample, so that of all arms the answers to the same
problems are looked at. Texts are let go: what is kept of a trace is its vector and its reasoning states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
import polars
from numpy.typing import NDArray

from tailor_core.diversity.embedding import HashedEmbedder, Vectors
from tailor_core.records import content_id
from tailor_core.study.states import Ids, StateBook, moves_of
from tailor_core.study.trials import Trial

LOOKED_AT = 200
"""Traces of a set at most."""

DATA = "data"
"""What a set of warm-start data is called, beside the names of models."""


@dataclass(frozen=True, slots=True)
class TraceSet:
    """Traces of one kind of one trial, in the order of their lots; all fields run in parallel.

    what:      `data` (the kept rows of the warm start) or the model that wrote them
    vectors:   float32 [traces, d], unit rows
    sentences: the different masked sentences of each
    states:    the different reasoning states of each
    verified:  bool [traces]: the verdict is good, or the answer right
    """

    trial: Trial
    what: str
    vectors: Vectors
    sentences: Sequence[Ids]
    states: Sequence[Ids]
    verified: NDArray[numpy.bool_]

    def __len__(self) -> int:
        return len(self.vectors)


def draw(rows: polars.DataFrame, by: Sequence[str], limit: int = LOOKED_AT) -> polars.DataFrame:
    """At most `limit` of the rows, in the order of the hashes of the columns `by`; a larger limit only adds."""
    lots = [content_id(["looked at", *values]) for values in rows.select(by).iter_rows()]
    return rows.with_columns(lot=polars.Series(lots, dtype=polars.String)).sort("lot").drop("lot").head(limit)


class TraceReader:
    """Turns texts into sets of traces in one space for the whole study."""

    def __init__(self) -> None:
        self._embedder = HashedEmbedder()
        self._book = StateBook()

    def read(self, trial: Trial, what: str, texts: Sequence[str], verified: Sequence[bool]) -> TraceSet:
        """The set of these traces, in their order."""
        moves = [moves_of(text) for text in texts]
        return TraceSet(
            trial=trial,
            what=what,
            vectors=self._embedder.embed(texts),
            sentences=[self._book.sentences(one) for one in moves],
            states=[self._book.states(one) for one in moves],
            verified=numpy.array(verified, dtype=numpy.bool_),
        )

"""How much of the space of reasoning the traces of each arm reach, and a map of that space.

The paper's Figure 1 shows such coverage, but says too little of how it was measured to do the same: this is ours.

Whatever text differs from all others adds to the number of states that a model reaches, so a model that rambles reaches
many. Most measures are therefore held to ground that is known to be good, the *reference*: verified traces of all
methods, warm-start data and right answers alike. Each method gives equally many as far as it has them, so that one with
many arms or seeds does not decide where the ground is. Cells of the embedding space are laid out by farthest-first
traversal (Gonzalez 1985) and not by k-means, whose cells crowd where traces do: three methods that reason alike would
count their common ground three times.

Arms keep traces of different number, so every measure is given for sets of the same sizes (`rarefaction`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy
import polars
from numpy.typing import NDArray

from tailor_core.study.rarefaction import Floats, expected_distinct, expected_nearest, ladder
from tailor_core.study.states import Ids
from tailor_core.study.traces import LOOKED_AT, TraceSet

MEASURES: Mapping[str, str] = {
    "sentences": "different sentences, with names, roles and numbers masked, that so many traces are expected to show",
    "ngram_states": "different reasoning states, runs of three masked sentences, that so many traces are expected to "
    "show",
    "known_states": "the same, of those states alone that verified traces of any method show",
    "embedding_cells": "share of the cells of the embedding space, laid out on verified traces of all methods, that so "
    "many traces are expected to reach, 0 to 1",
    "cell_distance": "how far the nearest of so many traces is expected to be from the centre of a cell, as 1 - "
    "cosine, on the average over cells: less is more coverage",
}
"""What the measures of the frame `coverage` are, in words."""

COVERAGE = {
    "arm": polars.String(),
    "backbone": polars.String(),
    "seed": polars.Int64(),
    "what": polars.String(),
    "measure": polars.String(),
    "size": polars.Int64(),
    "value": polars.Float64(),
}
MAP = {
    "arm": polars.String(),
    "backbone": polars.String(),
    "seed": polars.Int64(),
    "x": polars.Float64(),
    "y": polars.Float64(),
    "what": polars.String(),
}

CELLS = 64
"""Cells of the embedding space at most."""

REFERENCE = 3000
"""Verified traces that the reference is made of, about."""

ON_MAP = 50
"""Traces of a set on the map at most."""

_BASE = "base"
_LEAST_ON_MAP = 3
_DIGITS = 6
_SAME = 1e-6
"""Cosines that differ by less are those of one trace: they come from vectors in float32."""


def cover(sets: Sequence[TraceSet], reference: Reference | None) -> polars.DataFrame:
    """The frame `coverage`: a row for each set, measure (see `MEASURES`) and size.

    Without a reference the measures that are held to one have no rows.
    """
    rows = [
        (*_names(one), one.what, measure, size, round(value, _DIGITS))
        for one in sets
        for sizes in [ladder(len(one))]
        for measure, values in _measures(one, sizes, reference)
        for size, value in zip(sizes, values.tolist(), strict=True)
    ]
    return polars.DataFrame(rows, schema=COVERAGE, orient="row")


def draw_map(sets: Sequence[TraceSet], reference: Reference | None) -> polars.DataFrame:
    """The frame `map`: a few traces of each set on two axes that are the same for all arms.

    The axes are the first two principal components of the reference, or of all traces where there is none, each
    turned so that its largest loading is positive. Empty where there are fewer than three traces that differ.
    """
    ground = reference.vectors if reference else _all_vectors(sets)
    if len(numpy.unique(ground, axis=0)) < _LEAST_ON_MAP:
        return polars.DataFrame(schema=MAP)
    centre, axes = _principal_axes(ground)
    rows = [
        (*_names(one), *place, one.what)
        for one in sets
        for place in numpy.round((one.vectors[:ON_MAP] - centre) @ axes.T, _DIGITS).tolist()
    ]
    return polars.DataFrame(rows, schema=MAP, orient="row")


def _all_vectors(sets: Sequence[TraceSet]) -> Floats:
    return numpy.concatenate([one.vectors for one in sets]) if sets else numpy.zeros((0, 1))


def _names(one: TraceSet) -> tuple[str, str, int]:
    return one.trial.arm, one.trial.backbone, one.trial.seed


@dataclass(frozen=True, slots=True)
class Reference:
    """Verified traces of all methods: their vectors [traces, d], the states that they show, and cells on them."""

    vectors: Floats
    states: Ids
    cells: Cells


def find_reference(sets: Sequence[TraceSet]) -> Reference | None:
    """The reference of these sets; None where no trace is verified.

    The base model is left out: what it gets right it mostly guesses.
    """
    pools: defaultdict[tuple[str, str], list[TraceSet]] = defaultdict(list)
    for one in sets:
        if one.what != _BASE and one.verified.any():
            pools[one.trial.method, one.what].append(one)
    if not pools:
        return None
    each = min(LOOKED_AT, max(1, REFERENCE // len(pools)))
    chosen = [place for pool in pools.values() for place in islice(_by_turns(pool), each)]
    vectors = numpy.array([one.vectors[row] for one, row in chosen], dtype=numpy.float64)
    states = numpy.unique(numpy.concatenate([one.states[row] for one, row in chosen]))
    return Reference(vectors, states, Cells.on(vectors))


def _by_turns(pool: Sequence[TraceSet]) -> Iterator[tuple[TraceSet, int]]:
    """The verified traces of some sets, one of each set by turns."""
    verified = [(one, numpy.flatnonzero(one.verified).tolist()) for one in pool]
    for turn in range(max(len(rows) for _, rows in verified)):
        yield from ((one, rows[turn]) for one, rows in verified if turn < len(rows))


@dataclass(frozen=True, slots=True)
class Cells:
    """The space around reference traces as cells: their centres [cells, d], and how far a cell reaches (1 - cosine)."""

    centres: Floats
    radius: float

    @classmethod
    def on(cls, vectors: Floats) -> Cells:
        """Cells that reach all of these vectors [n, d] with a radius at most twice the least possible one.

        The first centre is the vector next to the mean, each further one the vector that is furthest from all so far.
        Equal vectors count once, and their order does not count.
        """
        rows = numpy.unique(vectors, axis=0)
        chosen = [int((rows @ rows.mean(axis=0)).argmax())]
        distances = 1.0 - rows @ rows[chosen[0]]
        while len(chosen) < CELLS and distances.max() > _SAME:
            chosen.append(int(distances.argmax()))
            distances = numpy.minimum(distances, 1.0 - rows @ rows[chosen[-1]])
        return cls(rows[chosen], max(0.0, float(distances.max())) + _SAME)

    def distances(self, vectors: NDArray[Any]) -> Floats:
        """1 - cosine of each centre with each vector [n, d]; shape [cells, n]."""
        return 1.0 - self.centres @ vectors.T.astype(numpy.float64)


def _measures(
    one: TraceSet, sizes: Sequence[int], reference: Reference | None
) -> Iterator[tuple[str, Floats]]:
    """Each measure of a set at these sizes."""
    traces = len(one)
    yield "sentences", _distinct(one.sentences, traces, sizes)
    yield "ngram_states", _distinct(one.states, traces, sizes)
    if reference is None:
        return
    known = [numpy.intersect1d(ids, reference.states, assume_unique=True) for ids in one.states]
    yield "known_states", _distinct(known, traces, sizes)
    distances = reference.cells.distances(one.vectors)
    reached = distances.argmin(axis=0)[distances.min(axis=0) <= reference.cells.radius]
    yield "embedding_cells", _distinct([reached], traces, sizes) / len(distances)
    yield "cell_distance", expected_nearest(distances, sizes)


def _distinct(shown: Sequence[Ids], traces: int, sizes: Sequence[int]) -> Floats:
    """How many kinds are expected to show; a number stands in `shown` once for each trace that shows it."""
    _, shown_by = numpy.unique(numpy.concatenate(shown), return_counts=True)
    return expected_distinct(shown_by, traces, sizes)


def _principal_axes(vectors: NDArray[Any]) -> tuple[Floats, Floats]:
    """Mean [d] and first two principal components [2, d] of vectors [n, d]."""
    from sklearn.decomposition import PCA  # as above

    found = PCA(n_components=2, svd_solver="full").fit(vectors)
    axes = numpy.asarray(found.components_, dtype=numpy.float64)
    largest = numpy.round(numpy.abs(axes), _DIGITS).argmax(axis=1)
    signs = numpy.where(axes[numpy.arange(2), largest] < 0, -1.0, 1.0)
    return numpy.asarray(found.mean_, dtype=numpy.float64), axes * signs[:, None]

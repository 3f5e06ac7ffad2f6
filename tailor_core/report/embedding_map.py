"""Demonstrations' embeddings in two dimensions, before and after selection, coloured by primitive.

Method: the first two principal components (scikit-learn, full SVD), each turned so that its largest loading
is positive, rounded: the same map on every machine. Both maps share axes and the same random draw of points.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy
import polars
from numpy.typing import NDArray

from tailor_core.errors import ArtifactError
from tailor_core.records import Demonstration, Primitive, SelectionDecision, content_id
from tailor_core.report.charts import WIDTH
from tailor_core.report.materials import Materials
from tailor_core.report.svg import PALETTE, Chart, canvas, finish
from tailor_core.report.text import count, label, percent

Floats = NDArray[numpy.float64]

_COLOURS = 10
_MARKERS = "osD^vP"
_DIGITS = 4
_LEAST_ROWS = 3


@dataclass(frozen=True, slots=True)
class Key:
    """One primitive in the legend: its place, name, colour, shape (CSS class), and rows before and after."""

    place: int
    name: str
    colour: str
    shape: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """Both maps and their legend."""

    before: Chart
    after: Chart
    keys: tuple[Key, ...]
    drawn: str
    rows: str
    explained: str


@dataclass(frozen=True, slots=True)
class _Row:
    demonstration: str
    primitive: str
    kept: bool


def describe_map(materials: Materials, *, points: int) -> EmbeddingMap:
    """The maps of at most `points` demonstrations; ArtifactError where embeddings or rows are missing."""
    table = materials.table("selection", "embeddings")
    rows, vectors = _join(materials, table)
    if len(rows) < _LEAST_ROWS:
        raise ArtifactError(f"A map needs at least {_LEAST_ROWS} embedded demonstrations.")
    places, explained = project(vectors)
    drawn = _draw_lots([row.demonstration for row in rows], points)
    before = Counter(row.primitive for row in rows)
    after = Counter(row.primitive for row in rows if row.kept)
    order = sorted(before, key=lambda primitive: (-before[primitive], primitive))
    names = _names(materials)
    here = _Scatter([rows[i] for i in drawn], places[drawn], order, places)
    return EmbeddingMap(
        before=here.draw("embedding-map-before", "All demonstrations", kept_only=False),
        after=here.draw("embedding-map-after", "Kept demonstrations", kept_only=True),
        keys=tuple(
            Key(
                place,
                label(names.get(primitive, primitive), 120),
                f"c{place % _COLOURS}",
                _MARKERS[place // _COLOURS % len(_MARKERS)],
                count(before[primitive]),
                count(after[primitive]),
            )
            for place, primitive in enumerate(order)
        ),
        drawn=count(len(drawn)),
        rows=count(len(rows)),
        explained=percent(explained),
    )


def project(vectors: Floats) -> tuple[Floats, float]:
    """Vectors [n, d] to places [n, 2], and the share of the variance that these keep."""
    from sklearn.decomposition import PCA  # a second to import, and only this function needs it

    if vectors.shape[1] < 2 or not numpy.ptp(vectors, axis=0).any():
        return numpy.zeros((len(vectors), 2)), 0.0
    found = PCA(n_components=2, svd_solver="full").fit(vectors)
    loadings = numpy.round(found.components_, 6)
    largest = numpy.abs(loadings).argmax(axis=1)
    signs = numpy.where(loadings[numpy.arange(2), largest] < 0, -1.0, 1.0)
    places = numpy.round(found.transform(vectors) * signs, _DIGITS) + 0.0
    return places, round(float(found.explained_variance_ratio_.sum()), _DIGITS)


def _join(materials: Materials, table: polars.DataFrame) -> tuple[list[_Row], Floats]:
    """Embedded rows with primitive and decision, sorted by id, and their vectors."""
    if not {"demonstration_id", "embedding"} <= set(table.columns):
        raise ArtifactError("embeddings.parquet lacks the column demonstration_id or embedding.")
    decisions = materials.records("selection", "selection", SelectionDecision)
    demonstrations = materials.records("demonstrations", "demonstrations", Demonstration)
    kept = {decision.demonstration_id for decision in decisions if decision.kept}
    primitives = {d.id: d.primitive_id for d in demonstrations}
    known = table.filter(polars.col("demonstration_id").is_in(list(primitives))).sort("demonstration_id")
    rows = [_Row(i, primitives[i], i in kept) for i in known["demonstration_id"]]
    vectors = numpy.array(known["embedding"].to_list(), dtype=numpy.float64)
    return rows, vectors.reshape(len(rows), -1) if rows else numpy.empty((0, 0))


def _names(materials: Materials) -> Mapping[str, str]:
    if not materials.has("primitives", "primitives.parquet"):
        return {}
    return {p.id: p.name for p in materials.records("primitives", "primitives", Primitive)}


def _draw_lots(identities: Sequence[str], number: int) -> list[int]:
    """Places of at most `number` of the rows, by lot, ascending."""
    if len(identities) <= number:
        return list(range(len(identities)))
    rng = random.Random(content_id(["embedding map", list(identities)]))
    return sorted(rng.sample(range(len(identities)), number))


class _Scatter:
    """The points that both maps share."""

    def __init__(
        self, rows: Sequence[_Row], places: Floats, order: Sequence[str], all_places: Floats
    ) -> None:
        self.rows = rows
        self.places = places
        self.order = order
        low, high = all_places.min(axis=0), all_places.max(axis=0)
        margin = 0.04 * numpy.maximum(high - low, 1e-3)
        self.limits = numpy.stack([low - margin, high + margin])

    def draw(self, name: str, title: str, *, kept_only: bool) -> Chart:
        shown = {i for i, row in enumerate(self.rows) if row.kept or not kept_only}
        with canvas(WIDTH, 3.9) as (figure, axes):
            for place, primitive in enumerate(self.order):
                mine = self._places(primitive, shown)
                if not len(mine):
                    continue
                dots = axes.scatter(
                    mine[:, 0],
                    mine[:, 1],
                    s=13,
                    marker=_MARKERS[place // _COLOURS % len(_MARKERS)],
                    color=PALETTE[f"c{place % _COLOURS}"],
                    linewidths=0,
                    alpha=0.75,
                )
                dots.set_gid(f"group-{place}")
            axes.set_xlim(*self.limits[:, 0])
            axes.set_ylim(*self.limits[:, 1])
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_xlabel("first principal component")
            axes.set_ylabel("second")
            return finish(figure, name, title, f"{count(len(shown))} points, coloured by primitive.")

    def _places(self, primitive: str, shown: Set[int]) -> Floats:
        mine = [i for i, row in enumerate(self.rows) if row.primitive == primitive and i in shown]
        return self.places[mine]

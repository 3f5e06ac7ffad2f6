"""How diverse the demonstrations are before and after selection, by the metrics of the selection stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tailor_core.errors import ArtifactError
from tailor_core.report.materials import Materials
from tailor_core.report.text import humanise, label, quantity

_SETS = {"before": "All", "random": "Random draw", "after": "Kept"}
_NAMES = {
    "rows": ("Rows", ""),
    "vendi_score": ("Vendi score", "effective number of different traces"),
    "mean_pairwise_distance": ("Mean pairwise distance", "1 - cosine, over all pairs"),
    "distinct_1": ("Distinct words", "share of different words"),
    "distinct_2": ("Distinct pairs of words", ""),
    "distinct_3": ("Distinct triples of words", ""),
    "primitive_balance": ("Balance over primitives", "1 is even"),
    "difficulty_balance": ("Balance over difficulties", "1 is even"),
    "mean_tokens": ("Mean tokens", ""),
}


@dataclass(frozen=True, slots=True)
class Diversity:
    """A table: headings of the sets, and rows of name, meaning and one value a set."""

    embedder: str
    sets: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]


def describe_diversity(materials: Materials) -> Diversity:
    """The metrics of `metrics.json`; ArtifactError where it is missing or holds none."""
    metrics = materials.document("selection", "metrics.json")
    sets = {name: metrics[name] for name in _SETS if isinstance(metrics.get(name), Mapping)}
    if not sets:
        raise ArtifactError("metrics.json of the stage selection holds no metrics.")
    names = list(dict.fromkeys([*_NAMES, *sorted({str(n) for values in sets.values() for n in values})]))
    rows = [
        (*_NAMES.get(name, (humanise(name), "")), tuple(_value(values.get(name)) for values in sets.values()))
        for name in names
        if any(name in values for values in sets.values())
    ]
    dimension = metrics.get("dimension", "")
    embedder = f"{metrics.get('embedder', 'unknown')}, {dimension} dimensions" if dimension else ""
    return Diversity(label(embedder, 60), tuple(_SETS[name] for name in sets), tuple(rows))


def _value(value: object) -> str:
    return quantity(value) if isinstance(value, int | float) else "n/a"

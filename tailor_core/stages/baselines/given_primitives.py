"""The `primitives` stage of a baseline: what it is made of, written down instead of discovered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.given import Way, given_primitive
from tailor_core.records import Primitive, Problem
from tailor_core.stages.context import StageContext


def family_of(context: StageContext) -> str:
    """The family of the problems."""
    return read_records(context.inputs["problems"] / "problems.parquet", Problem)[0].environment


def write_given(
    method: str, ways: Sequence[Way], config: PrimitivesConfig, context: StageContext
) -> dict[str, Any]:
    """Write primitives.parquet: the primitive of each way."""
    family = family_of(context)
    return write_library(
        context,
        [given_primitive(method, way, family, config.dimensions, config.teacher.kind) for way in ways],
    )


def write_own_answers(method: str, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the one way of a model that is told nothing, and answers as it does."""
    way = Way(name=f"{method}: as the model answers", instruction="Answer the question.")
    return write_library(context, [given_primitive(method, way, "", {}, "self")])


def write_library(context: StageContext, primitives: Sequence[Primitive]) -> dict[str, Any]:
    """Write primitives.parquet; all are accepted."""
    write_records(context.output / "primitives.parquet", primitives, Primitive)
    count = len(primitives)
    return {
        "rows": {"primitives": count},
        "funnel": {"in": count, "kept": count, "dropped": {}},
        "metrics": {},
    }

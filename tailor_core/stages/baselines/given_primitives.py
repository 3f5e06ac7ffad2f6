"""The `primitives` stage of a baseline: what it is made of, written down instead of discovered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailor_core.artifacts.tables import read_records
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.given import Way, given_primitive
from tailor_core.records import Problem
from tailor_core.stages.baselines.library import write_library
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

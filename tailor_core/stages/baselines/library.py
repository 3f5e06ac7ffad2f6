"""Writing a library of primitives that nobody had to look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tailor_core.artifacts.tables import write_records
from tailor_core.records import Primitive
from tailor_core.stages.context import StageContext


def write_library(context: StageContext, primitives: Sequence[Primitive]) -> dict[str, Any]:
    """Write primitives.parquet; all are accepted."""
    write_records(context.output / "primitives.parquet", primitives, Primitive)
    count = len(primitives)
    return {
        "rows": {"primitives": count},
        "funnel": {"in": count, "kept": count, "dropped": {}},
        "metrics": {},
    }

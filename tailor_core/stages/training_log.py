"""What a training stage leaves besides the model: its log as a table, and the last figures for the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tailor_core.artifacts.tables import write_table


def write_training_log(output: Path, log: Sequence[dict[str, float]], shown: Sequence[str]) -> dict[str, Any]:
    """Write training_log.parquet (`step` and one column a metric); the stage's summary, with the last of `shown`."""
    columns = {name: None for row in log for name in row}
    frame = pl.DataFrame([{name: row.get(name) for name in columns} for row in log], infer_schema_length=None)
    write_table(output / "training_log.parquet", frame)
    metrics = {name: round(row[name], 6) for row in log for name in shown if name in row}
    return {"rows": {"training_log": len(log)}, "metrics": metrics}

"""The `sft_dataset` stage: the kept demonstrations as training rows, in order of rank."""

from __future__ import annotations

from typing import Any

from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.config.sft_dataset import SFTDatasetConfig
from tailor_core.data.sft import render_kept
from tailor_core.records import Demonstration, Problem, SelectionDecision, SFTExample
from tailor_core.stages.context import StageContext


def run(config: SFTDatasetConfig, context: StageContext) -> dict[str, Any]:
    """Write sft_dataset.parquet: one `SFTExample` for each demonstration that the selection keeps."""
    problems = read_records(context.inputs["problems"] / "problems.parquet", Problem)
    demonstrations = read_records(context.inputs["demonstrations"] / "demonstrations.parquet", Demonstration)
    decisions = read_records(context.inputs["selection"] / "selection.parquet", SelectionDecision)
    examples = render_kept(
        {problem.id: problem for problem in problems},
        {demonstration.id: demonstration for demonstration in demonstrations},
        decisions,
    )
    write_records(context.output / "sft_dataset.parquet", examples, SFTExample)
    not_kept = len(decisions) - len(examples)
    return {
        "rows": {"sft_dataset": len(examples)},
        "funnel": {
            "in": len(decisions),
            "kept": len(examples),
            "dropped": {"not_selected": not_kept} if not_kept else {},
        },
        "metrics": {},
    }

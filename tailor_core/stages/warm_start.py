"""The `warm_start` stage: the backbone fine-tuned on the kept demonstrations."""

from __future__ import annotations

from typing import Any

from tailor_core.artifacts.tables import read_records
from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.records import SFTExample
from tailor_core.stages.context import StageContext
from tailor_core.stages.training_log import write_training_log


def run(config: WarmStartConfig, context: StageContext) -> dict[str, Any]:
    """Write a model directory and training_log.parquet."""
    from tailor_core.training.sft import fine_tune

    log = fine_tune(
        context.inputs["backbone"],
        read_records(context.inputs["sft_dataset"] / "sft_dataset.parquet", SFTExample),
        config,
        output=context.output,
        workdir=context.workdir,
        seed=context.seed,
        track=context.track,
    )
    return write_training_log(context.output, log, ("loss", "mean_token_accuracy", "entropy"))

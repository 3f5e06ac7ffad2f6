"""The `policy` stage: reinforcement learning from the warm start, on training problems, with verifiable rewards."""

from __future__ import annotations

from typing import Any

from tailor_core.artifacts.tables import read_records
from tailor_core.config.policy import PolicyConfig
from tailor_core.records import Problem
from tailor_core.stages.context import StageContext
from tailor_core.stages.training_log import write_training_log
from tailor_core.verification import reward_function


def run(config: PolicyConfig, context: StageContext) -> dict[str, Any]:
    """Write a model directory and training_log.parquet."""
    from tailor_core.training.grpo import reinforce

    problems = read_records(context.inputs["problems"] / "problems.parquet", Problem)
    log = reinforce(
        context.inputs["warm_start"],
        [p for p in problems if p.split == "train"],
        reward_function(config.reward),
        config,
        output=context.output,
        workdir=context.workdir,
        seed=context.seed,
        track=context.track,
    )
    return write_training_log(context.output, log, ("reward", "kl", "entropy", "completions/mean_length"))

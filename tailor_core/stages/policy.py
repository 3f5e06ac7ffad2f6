"""The `policy` stage: reinforcement learning from the warm start, on training problems, with verifiable rewards."""

from __future__ import annotations

from typing import Any

from tailor_core.artifacts.tables import read_records
from tailor_core.config.policy import PolicyConfig
from tailor_core.environments.base import get_environment
from tailor_core.errors import StageError
from tailor_core.records import Problem
from tailor_core.stages.context import StageContext
from tailor_core.stages.training_log import write_training_log
from tailor_core.verification import reward_function


def run(config: PolicyConfig, context: StageContext) -> dict[str, Any]:
    """Write a model directory and training_log.parquet.

    StageError where nothing could ever earn the reward.
    """
    from tailor_core.training.grpo import reinforce

    problems = read_records(context.inputs["problems"] / "problems.parquet", Problem)
    train = [p for p in problems if p.split == "train"]
    for environment in sorted({problem.environment for problem in train}):
        check_reward(config.reward, environment)
    log = reinforce(
        context.inputs["warm_start"],
        train,
        reward_function(config.reward),
        config,
        output=context.output,
        workdir=context.workdir,
        seed=context.seed,
        track=context.track,
    )
    return write_training_log(context.output, log, ("reward", "kl", "entropy", "completions/mean_length"))


def check_reward(reward: str, environment: str) -> None:
    """StageError where no answer to a problem of this family could ever earn the reward."""
    if reward == "sound" and not get_environment(environment).count_moves("A sentence."):
        raise StageError(
            f"policy.reward = 'sound', but the family {environment!r} reads no steps, so nothing would ever earn it; "
            "set policy.reward to 'binary'"
        )

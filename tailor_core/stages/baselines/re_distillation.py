"""Re-distillation (arXiv 2505.17988): the verified outputs of a policy after RL, distilled into the base model.

A: its greedy answers to train problems. B: one right rollout of each problem; there they are those of the last RL
steps, here they are drawn anew from the final policy on problems that it was trained on, at `baselines.temperature`,
for rollouts are not kept. The policy is that of another method (`baselines.first`), a run in the same store.
"""

from __future__ import annotations

from typing import Any

from tailor_core.config.baselines import BaselinesConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.inference.engine import Sampling
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.baselines.own_answers import Answered, write_as_it_answers, write_from_answers
from tailor_core.stages.context import StageContext
from tailor_core.verification.parsing import split_response

METHOD = "re-distillation"

POLICY = "first_policy"
"""The input that is the policy."""


def primitives(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the policy is told nothing."""
    return write_as_it_answers(METHOD, context)


def greedy(config: BaselinesConfig, context: StageContext) -> dict[str, Any]:
    """A. Write demonstrations.parquet: the greedy answer to each problem, where it is right."""
    sampling = Sampling(temperature=0.0, max_tokens=config.max_tokens)
    return write_from_answers(POLICY, config, context, sampling, first_right)


def rollouts(config: BaselinesConfig, context: StageContext) -> dict[str, Any]:
    """B. Write demonstrations.parquet: the first right one of the answers to each problem."""
    sampling = Sampling(temperature=config.temperature, max_tokens=config.max_tokens, n=config.samples)
    return write_from_answers(POLICY, config, context, sampling, first_right)


def first_right(problem: Problem, primitive: Primitive, answered: Answered) -> Demonstration | None:
    """The first right answer to a problem as a demonstration; None where there is none."""
    right = next((row for row in answered if row.reward == 1), None)
    if right is None:
        return None
    parsed = split_response(right.completion)
    assert parsed.think is not None, "what is right is in form"
    assert parsed.answer is not None, "what is right is in form"
    return make_demonstration("policy", problem, primitive, right.sample, parsed.think, parsed.answer)

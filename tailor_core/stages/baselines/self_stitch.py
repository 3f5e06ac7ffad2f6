"""Self-stitching, after SkillFactory (arXiv 2512.04072): the base model's own wrong and right attempts in one trace.

No teacher: the base model answers train problems, the verifier tells right from wrong, and a trace goes from wrong
attempts over a verdict to a right one. Not equal: verdicts are fixed sentences instead of sampled reflections, and a
problem gives one trace.
"""

from __future__ import annotations

import random
from typing import Any

from tailor_core.config.baselines import BaselinesConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.demonstrations.stitching import Attempt, stitch
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.inference.engine import Sampling
from tailor_core.records import Demonstration, Primitive, Problem, content_id
from tailor_core.stages.baselines.own_answers import Answered, write_as_it_answers, write_from_answers
from tailor_core.stages.context import StageContext
from tailor_core.verification.parsing import split_response

METHOD = "self-stitch"


def primitives(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the model is told nothing."""
    return write_as_it_answers(METHOD, context)


def demonstrations(config: BaselinesConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet: one of each problem that was solved at least once."""
    sampling = Sampling(temperature=config.temperature, max_tokens=config.max_tokens, n=config.samples)
    return write_from_answers("backbone", config, context, sampling, stitched)


def stitched(problem: Problem, primitive: Primitive, answered: Answered) -> Demonstration | None:
    """The attempts at a problem as one demonstration; None where none of them is right."""
    right = [attempt for row in answered if row.reward == 1 and (attempt := _attempt(row.completion))]
    wrong = [attempt for row in answered if row.reward != 1 and (attempt := _attempt(row.completion))]
    if not right:
        return None
    rng = random.Random(content_id(["stitch", problem.id], length=64))
    last = rng.choice(right)
    think = stitch(list(dict.fromkeys(wrong)), last, rng)
    return make_demonstration(METHOD, problem, primitive, 0, think, last[1])


def _attempt(completion: str) -> Attempt | None:
    """Thought and answer of a completion; None where it is out of form."""
    parsed = split_response(completion)
    return (parsed.think, parsed.answer) if parsed.think and parsed.answer else None

"""The control `all-wrong` of 4-STaR: the four habits in traces whose answers are wrong.

The teacher misreads one detail of each problem (a role, a number, the target) and reasons soundly from there: every
step looks as it should, and the verifier finds the answer wrong. In the paper these are the traces of a language model
that came out wrong; so it is here where a language model is the teacher.
"""

from __future__ import annotations

from typing import Any

from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.demonstrations.misreading import misread
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext
from tailor_core.stages.demonstrations import Writing, demonstrate


def demonstrations(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet: what 4-STaR's teacher makes of misread problems."""
    if config.teacher.kind == "procedural":
        return demonstrate(config, context, Misreading, _of_the_problem)
    return demonstrate(config, context, Writing)


class Misreading(Writing):
    """Demonstrations of misread problems."""

    def pose(self, problem: Problem, seed: int) -> Problem:
        return misread(problem, seed)


def _of_the_problem(problem: Problem, primitive: Primitive, written: Demonstration) -> Demonstration:
    """The demonstration under an id that also tells it from a right one of the same words."""
    return make_demonstration(
        "misreading", problem, primitive, written.seed, written.think, written.answer_text
    )

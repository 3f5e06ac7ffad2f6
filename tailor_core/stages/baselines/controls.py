"""Controls of 4-STaR: its problems and right answers with nothing in the think block, or with dots in its place.

They ask whether the habits help, or the answers and the length alone. Not equal to the paper: an empty think block
earns no reward here, before RL and in it, so both keep one word.
"""

from __future__ import annotations

from typing import Any

from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.demonstrations.teacher import count_tokens, make_demonstration
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext
from tailor_core.stages.demonstrations import Writing, demonstrate

WORD = "So"
"""What is left of a thought: the least that is not an empty think block."""

TEACHER = "control"


def empty_cot(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet: 4-STaR's without their reasoning."""
    return demonstrate(config, context, Writing, _emptied)


def dots(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet: 4-STaR's with as many dots as there were words and marks."""
    return demonstrate(config, context, Writing, _dotted)


def _emptied(problem: Problem, primitive: Primitive, written: Demonstration) -> Demonstration:
    return _with_think(problem, primitive, written, WORD)


def _dotted(problem: Problem, primitive: Primitive, written: Demonstration) -> Demonstration:
    return _with_think(problem, primitive, written, WORD + " ." * (count_tokens(written.think) - 1))


def _with_think(problem: Problem, primitive: Primitive, written: Demonstration, think: str) -> Demonstration:
    return make_demonstration(TEACHER, problem, primitive, written.seed, think, written.answer_text)

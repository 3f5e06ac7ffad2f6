"""Controls of 4-STaR: its problems and right answers with nothing in the think block, or with dots in its place.

They ask whether the habits help, or the answers and the length alone. Not equal to the paper: an empty think block
earns no reward here, before RL and in it, so both keep one word. `tokens` stays that of the trace that a row
stands for, so that a length and a budget keep the rows of 4-STaR.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.demonstrations.teacher import make_demonstration
from tailor_core.inference.pretrained import load_tokenizer
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext
from tailor_core.stages.demonstrations import Writing, demonstrate

WORD = "So"
"""What is left of a thought: the least that is not an empty think block."""

DOT = " ."

TEACHER = "control"


def empty_cot(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet: 4-STaR's without their reasoning."""
    return demonstrate(config, context, Writing, _emptied)


def dots(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet: 4-STaR's with dots for their reasoning, as many as the student reads tokens there.

    The student's tokens and not words, for a tokenizer that was made for these traces has one for several words of
    theirs, and may have two for a dot.
    """
    tokenizer = load_tokenizer(context.inputs["backbone"])

    def length(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    a_dot = length(DOT * 100) / 100

    def dotted(problem: Problem, primitive: Primitive, written: Demonstration) -> Demonstration:
        many = max(1, round((length(written.think) - length(WORD)) / a_dot))
        return _with_think(problem, primitive, written, WORD + DOT * many)

    return demonstrate(config, context, Writing, dotted)


def _emptied(problem: Problem, primitive: Primitive, written: Demonstration) -> Demonstration:
    return _with_think(problem, primitive, written, WORD)


def _with_think(problem: Problem, primitive: Primitive, written: Demonstration, think: str) -> Demonstration:
    made = make_demonstration(TEACHER, problem, primitive, written.seed, think, written.answer_text)
    return replace(made, tokens=written.tokens)

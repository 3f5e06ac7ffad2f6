"""Reading an answer: is it an expression that makes the target of the numbers, each used exactly once?"""

from __future__ import annotations

from collections.abc import Sequence

from tailor_core.environments.base import AnswerCheck
from tailor_core.environments.countdown.expressions import read_expression

_RIGHT = AnswerCheck(correct=True, matched=1.0, reason="the expression makes the target", parsed=True)
_WRONG = AnswerCheck(
    correct=False, matched=0.0, reason="the expression does not make the target", parsed=True
)
_OTHER_NUMBERS = AnswerCheck(
    correct=False, matched=0.0, reason="the expression does not use each number exactly once", parsed=True
)
_UNREAD = AnswerCheck(
    correct=False, matched=0.0, reason="the answer is not one arithmetic expression", parsed=False
)


def check_answer(text: str, numbers: Sequence[int], target: int) -> AnswerCheck:
    """Compare an answer with what was asked for: an expression alone, without "= target"."""
    expression = read_expression(text.strip(" \t\r\n"))
    if expression is None:
        return _UNREAD
    if sorted(expression.numbers) != sorted(numbers):
        return _OTHER_NUMBERS
    return _RIGHT if expression.value == target else _WRONG

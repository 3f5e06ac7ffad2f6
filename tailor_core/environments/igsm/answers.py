r"""Reading an answer: which number does the text say?

Four forms are read: the number alone, "The answer is 7.", "The final answer is 7.", and each of them with the
number as `\boxed{7}`. The number is written in ASCII digits without leading zeros, and modulo 23 it is the
residue from 0 to 22. Anything else is no answer.
"""

from __future__ import annotations

from tailor_core.environments.base import AnswerCheck

_OPENINGS = ("The answer is ", "The final answer is ")
_MOST_DIGITS = 14

_RIGHT = AnswerCheck(correct=True, matched=1.0, reason="the number is right", parsed=True)
_WRONG = AnswerCheck(correct=False, matched=0.0, reason="the number is wrong", parsed=True)
_UNREAD = AnswerCheck(correct=False, matched=0.0, reason="the answer is not one whole number", parsed=False)


def check_answer(text: str, answer: int) -> AnswerCheck:
    """Compare an answer with the number asked for."""
    number = text.strip(" \t\r\n")
    for opening in _OPENINGS:
        if number.startswith(opening):
            number = number[len(opening) :].removesuffix(".")
            break
    if number.startswith("\\boxed{") and number.endswith("}"):
        number = number[7:-1]
    digits = number.removeprefix("-")
    if (
        not (digits.isascii() and digits.isdigit())
        or len(digits) > _MOST_DIGITS
        or number != str(int(number))
    ):
        return _UNREAD
    return _RIGHT if int(number) == answer else _WRONG

"""Arithmetic expressions as people write them: read strictly, evaluated exactly.

The grammar is small: whole numbers without leading zeros, `+ - * /`, parentheses, blanks, and a minus at the
beginning of the whole or of a parenthesis. No powers, no other letters or look-alikes. Reading takes one pass with
two stacks, so neither nesting nor length can do harm; a text of more than `MOST_CHARACTERS` is no expression.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

MOST_CHARACTERS = 400
MOST_DIGITS = 9

_TOKEN = re.compile(r" *([0-9]+|[-+*/()])")
_RANK = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True, slots=True)
class Expression:
    """numbers: the literals from left to right; value: None where something is divided by zero."""

    numbers: tuple[int, ...]
    value: Fraction | None


def read_expression(text: str) -> Expression | None:
    """What a text says; None where it is no expression of the grammar."""
    if len(text) > MOST_CHARACTERS:
        return None
    tokens = _tokens(text)
    return _evaluate(tokens) if tokens else None


def _tokens(text: str) -> list[str]:
    """The tokens; none where anything else is in the text."""
    found, at, text = [], 0, text.rstrip(" ")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return []
        found.append(match[1])
        at = match.end()
    return found


def _evaluate(tokens: Sequence[str]) -> Expression | None:
    numbers: list[int] = []
    values: list[Fraction | None] = []
    signs: list[str] = []
    awaits_number, may_negate = True, True
    for token in tokens:
        if awaits_number:
            if token == "(":
                signs.append(token)
                may_negate = True
                continue
            if token == "-" and may_negate:
                values.append(Fraction(0))
                signs.append(token)
                may_negate = False
                continue
            if not token[0].isdigit() or len(token) > MOST_DIGITS or (token[0] == "0" and token != "0"):
                return None
            numbers.append(int(token))
            values.append(Fraction(numbers[-1]))
            awaits_number = False
        elif token == ")":
            while signs and signs[-1] != "(":
                _apply(values, signs.pop())
            if not signs:
                return None
            signs.pop()
        elif token in _RANK:
            while signs and signs[-1] != "(" and _RANK[signs[-1]] >= _RANK[token]:
                _apply(values, signs.pop())
            signs.append(token)
            awaits_number, may_negate = True, False
        else:
            return None
    if awaits_number or "(" in signs:
        return None
    while signs:
        _apply(values, signs.pop())
    return Expression(tuple(numbers), values[0])


def _apply(values: list[Fraction | None], sign: str) -> None:
    right, left = values.pop(), values.pop()
    values.append(None if left is None or right is None else operate(left, sign, right))


def operate(left: Fraction, sign: str, right: Fraction) -> Fraction | None:
    """The result of one operation; None for a division by zero."""
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    return left / right if right else None

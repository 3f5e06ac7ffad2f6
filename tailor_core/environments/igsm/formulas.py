"""Chains of formulas such as "7 * (a - b) = 7 * 18 = 126 = 11", read and compared.

The first formula may name parameters or letters; it is worked out twice, with their values and with their
shadows (see `solution_check`). All others are numbers, and all must come to the same; the second has the values in the
places of the symbols, unless a part of it was worked out. Parentheses do not nest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SHADOW_MODULUS = (1 << 61) - 1

_OPERATOR = re.compile(r" ([-+*]) ")
_MOST_DIGITS = 13
_MOST_OPERANDS = 64

_SMALL = {str(value): value for value in range(-100, 1000)}
"""Most numbers are small, and looked up five times as fast as converted."""

Lookup = Callable[[str], tuple[int, int] | None]
"""Symbol -> (value, shadow); None where it is not known."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What a chain comes to, or the fault that is in it."""

    value: int = 0
    shadow: int = 0
    fault: str = ""


def number(text: str) -> int | None:
    """A whole number in plain ASCII digits without leading zeros; None for anything else."""
    known = _SMALL.get(text)
    if known is not None:
        return known
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _MOST_DIGITS:
        return None
    value = int(text)
    return value if text == str(value) else None


def is_letter(text: str) -> bool:
    """One or two ASCII letters."""
    return text.isalpha() and len(text) <= 2 and text.isascii()


def read_chain(text: str, lookup: Lookup, modulus: int | None) -> Chain:
    """Work a chain out; it must end with a number, reduced where there is a modulus."""
    formulas = text.split(" = ")
    last = number(formulas[-1])
    if last is None or (modulus is not None and not 0 <= last < modulus):
        return Chain(fault="the computation does not end with a number in range")
    first = _evaluate(formulas[0], lookup)
    if first is None:
        return Chain(fault="the computation uses something that is not known")
    value, shadow = first
    if len(formulas) > 2 and not _puts_in(formulas[0], formulas[1], lookup):
        return Chain(fault="the numbers put in are not those that the symbols stand for")
    before = value
    for formula in formulas[1:]:
        found = _evaluate(formula, _nothing)
        if found is None:
            return Chain(fault="the computation does not go on with numbers")
        # What is reduced within a formula makes it another number of the same class; a number that is not reduced is
        # what the formula before it comes to.
        reduced = modulus is not None and (number(formula) is None or 0 <= found[0] < modulus)
        if (found[0] - value) % modulus if modulus is not None and reduced else found[0] != before:
            return Chain(fault="the arithmetic is wrong")
        before = found[0]
    return Chain(last, shadow)


def _puts_in(formula: str, following: str, lookup: Lookup) -> bool:
    """Whether a formula of as many operands as the one before has their values in their places."""
    before, after = (_OPERATOR.split(text)[::2] for text in (formula, following))
    if len(before) != len(after):
        return True
    pairs = zip(before, after, strict=True)
    return all(_value(one, lookup) == _value(other, lookup) for one, other in pairs)


def _value(operand: str, lookup: Lookup) -> int | None:
    """The value of an operand, without its parenthesis; None where it has none."""
    known = _operand(operand.removeprefix("(").removesuffix(")"), lookup)
    return known[0] if known else None


def _nothing(symbol: str) -> None:
    return None


def _evaluate(text: str, lookup: Lookup) -> tuple[int, int] | None:
    """(value, shadow) of one formula; None where it is none or names something unknown."""
    parts = _OPERATOR.split(text)
    if len(parts) > 2 * _MOST_OPERANDS:
        return None
    value, shadow = _Sum(), _Sum()
    outer: tuple[_Sum, _Sum, str] | None = None
    sign = "+"
    for operand, following in zip(parts[::2], [*parts[1::2], ""], strict=True):
        if operand.startswith("("):
            if outer is not None:
                return None
            outer, operand = (value, shadow, sign), operand[1:]
            value, shadow, sign = _Sum(), _Sum(), "+"
        closes = operand.endswith(")")
        known = _operand(operand.removesuffix(")"), lookup)
        if known is None or (closes and outer is None):
            return None
        value.add(sign, known[0])
        shadow.add(sign, known[1])
        if closes and outer is not None:
            inner = value.total, shadow.total
            value, shadow, sign = outer
            value.add(sign, inner[0])
            shadow.add(sign, inner[1])
            outer = None
        sign = following
    return None if outer is not None else (value.total, shadow.total % SHADOW_MODULUS)


def _operand(text: str, lookup: Lookup) -> tuple[int, int] | None:
    found = number(text)
    return lookup(text) if found is None else (found, found)


class _Sum:
    """A sum of products, taken in one operand at a time."""

    __slots__ = ("done", "product")

    def __init__(self) -> None:
        self.done = 0
        self.product = 0

    def add(self, sign: str, operand: int) -> None:
        if sign == "*":
            self.product *= operand
        else:
            self.done += self.product
            self.product = operand if sign == "+" else -operand

    @property
    def total(self) -> int:
        return self.done + self.product

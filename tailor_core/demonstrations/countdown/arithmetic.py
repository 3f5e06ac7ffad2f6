"""Numbers and how they were made: operations, expressions as trees, and their writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

Number = int | Fraction
Tree = int | tuple["Tree", str, "Tree"]

_RANK = {"+": 1, "-": 1, "*": 2, "/": 2}
_NUMBER_RANK = 3


def result(left: Number, sign: str, right: Number) -> Number | None:
    """The result of one operation, an `int` where it is whole; None for a division by zero."""
    if sign == "+":
        return exact(left + right)
    if sign == "-":
        return exact(left - right)
    if sign == "*":
        return exact(left * right)
    return exact(Fraction(left) / right) if right else None


def exact(value: Number) -> Number:
    """The value as an `int` where it is whole."""
    return int(value) if value.denominator == 1 else value


def pairs(numbers: Sequence[Number]) -> Iterator[tuple[Number, Number, tuple[Number, ...]]]:
    """(one, other, the rest) for each two of the numbers, equal pairs once."""
    seen = set()
    for one, other in combinations(range(len(numbers)), 2):
        pair = numbers[one], numbers[other]
        if pair not in seen:
            seen.add(pair)
            yield *pair, tuple([n for place, n in enumerate(numbers) if place not in (one, other)])


def most(numbers: Sequence[Number]) -> Number:
    """The largest number that can be made of a few."""
    if len(numbers) == 1:
        return numbers[0]
    found = []
    for one, other, rest in pairs(numbers):
        for left, sign, right in [(a, s, b) for s in "+-*/" for a, b in ((one, other), (other, one))]:
            value = result(left, sign, right)
            if value is not None:
                found.append(most((*rest, value)))
    return max(found)


def written(tree: Tree, *, grouped: bool) -> str:
    """The expression, with as few parentheses as possible or, `grouped`, some around every operation but the last."""
    return _written(tree, grouped)[0]


def _written(tree: Tree, grouped: bool) -> tuple[str, int]:
    if isinstance(tree, int):
        return str(tree), _NUMBER_RANK
    (left, left_rank), sign, (right, right_rank) = (
        _written(tree[0], grouped),
        tree[1],
        _written(tree[2], grouped),
    )
    rank = _RANK[sign]
    if left_rank < (_NUMBER_RANK if grouped else rank):
        left = f"({left})"
    if right_rank < (_NUMBER_RANK if grouped else rank) or (right_rank == rank and sign in "-/"):
        right = f"({right})"
    return f"{left} {sign} {right}", rank


def work(tree: Tree) -> list[str]:
    """The operations of an expression, inner ones first: "8 - 5 = 3", "3 * 7 = 21"."""
    steps: list[str] = []
    _work(tree, steps)
    return steps


def _work(tree: Tree, steps: list[str]) -> Number:
    if isinstance(tree, int):
        return tree
    left, right = _work(tree[0], steps), _work(tree[2], steps)
    value = result(left, tree[1], right)
    assert value is not None, "a solution divides by nothing that is zero"
    steps.append(f"{left} {tree[1]} {right} = {value}")
    return value

"""All solutions of a problem, exactly.

Two solutions are the same if they differ only in the order and grouping of sums and products: `a - (b - c)` is
`a + c - b`, `a / (b / c)` is `a * c / b`. So a solution is a sum of signed parts, each a number or a product, or
a product of parts, each a number or a sum, that are multiplied or divided by. What a few of the numbers can come
to is tabulated; of two parts the smaller runs through its table, and so says what the larger must come to.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Literal

from tailor_core.environments.countdown.expressions import operate
from tailor_core.environments.countdown.spec import Countdown

_TABULATED = 3
"""What so many numbers can come to is looked up before it is searched for."""

Kind = Literal["sum", "product"]
_Pool = tuple[int, ...]
_Parts = tuple[tuple[str, str], ...]
"""(sign, text) of each part."""

_SIGNS: dict[Kind, str] = {"sum": "+-", "product": "*/"}
_UNDOES = {"+": "-", "-": "+", "*": "/", "/": "*"}
_OTHER: dict[Kind, Kind] = {"sum": "product", "product": "sum"}
_NOTHING: dict[Kind, Fraction] = {"sum": Fraction(0), "product": Fraction(1)}


def all_solutions(game: Countdown) -> list[str]:
    """Every solution once, the shortest text first."""
    search = _Search()
    pool, target = tuple(sorted(game.numbers)), Fraction(game.target)
    found = {text for kind in _SIGNS for text in search.texts(kind, pool, target)}
    return sorted(found, key=lambda text: (len(text), text))


class _Search:
    """Tables that are filled as they are needed; a pool is some of the numbers, sorted."""

    def __init__(self) -> None:
        self.values: dict[tuple[Kind, _Pool], frozenset[Fraction]] = {}
        self.tails: dict[tuple[Kind, _Pool], frozenset[Fraction]] = {}
        self.found: dict[tuple[Kind, _Pool, Fraction], frozenset[str]] = {}
        self.splits: dict[_Pool, tuple[tuple[_Pool, _Pool], ...]] = {}

    def part_values(self, kind: Kind, pool: _Pool) -> frozenset[Fraction]:
        """What a part of a `kind` that uses up the pool can come to."""
        if len(pool) == 1:
            return frozenset([Fraction(pool[0])])
        inner = _OTHER[kind]
        if (inner, pool) not in self.values:
            found = set()
            for one, rest in self.split(pool):
                for part, others in ((one, rest), (rest, one)) if rest else ():
                    found |= self._joined(inner, part, others, _SIGNS[inner][0])
            self.values[inner, pool] = frozenset(found)
        return self.values[inner, pool]

    def tail_values(self, kind: Kind, pool: _Pool) -> frozenset[Fraction]:
        """What signed parts that use up the pool can come to, whatever the signs; nothing at all for an empty one."""
        if not pool:
            return frozenset([_NOTHING[kind]])
        if (kind, pool) not in self.tails:
            found = set()
            for part, rest in self.split(pool):
                for sign in _SIGNS[kind]:
                    found |= self._joined(kind, part, rest, sign)
            self.tails[kind, pool] = frozenset(found)
        return self.tails[kind, pool]

    def _joined(self, kind: Kind, part: _Pool, rest: _Pool, sign: str) -> set[Fraction]:
        pairs = product(self.tail_values(kind, rest), self.part_values(kind, part))
        return {value for left, right in pairs if (value := operate(left, sign, right)) is not None}

    def split(self, pool: _Pool) -> tuple[tuple[_Pool, _Pool], ...]:
        """(part, rest): each part that holds the first of the pool, once."""
        if pool not in self.splits:
            found = {}
            for mask in range(1 << (len(pool) - 1)):
                chosen = [bool(mask >> place & 1) for place in range(len(pool) - 1)]
                part = (pool[0], *[n for n, taken in zip(pool[1:], chosen, strict=True) if taken])
                found[part] = tuple(n for n, taken in zip(pool[1:], chosen, strict=True) if not taken)
            self.splits[pool] = tuple(found.items())
        return self.splits[pool]

    def texts(self, kind: Kind, pool: _Pool, value: Fraction) -> frozenset[str]:
        """The sums or products of at least two parts that use up the pool and come to the value."""
        key = kind, pool, value
        if key not in self.found:
            positive = _SIGNS[kind][0]
            self.found[key] = frozenset(
                _written(kind, parts)
                for parts in self._parts(kind, pool, value, at_least=2)
                if any(sign == positive for sign, _ in parts)
            )
        return self.found[key]

    def _parts(self, kind: Kind, pool: _Pool, value: Fraction, at_least: int = 1) -> Iterator[_Parts]:
        if len(pool) <= _TABULATED and value not in self.tail_values(kind, pool):
            return
        if not pool:
            yield ()
            return
        for part, rest in self.split(pool):
            if at_least == 2 and not rest:
                continue
            for sign in _SIGNS[kind]:
                for left, right in self._operands(kind, part, rest, sign, value):
                    for text in self._part_texts(kind, part, right):
                        for others in self._parts(kind, rest, left):
                            yield ((sign, text), *others)

    def _operands(
        self, kind: Kind, part: _Pool, rest: _Pool, sign: str, value: Fraction
    ) -> Iterator[tuple[Fraction, Fraction]]:
        """(what the rest, what the part has to come to) so that rest sign part is the value."""
        if len(part) <= len(rest):
            for right in self.part_values(kind, part):
                if right == 0 and sign in "*/":  # no division undoes it
                    lefts = self.tail_values(kind, rest) if sign == "*" and value == 0 else frozenset()
                    yield from ((left, right) for left in lefts)
                elif (needed := operate(value, _UNDOES[sign], right)) is not None:
                    yield needed, right
            return
        for left in self.tail_values(kind, rest):
            if left == 0 and sign in "*/":
                rights = self.part_values(kind, part) if value == 0 else frozenset()
                yield from ((left, right) for right in rights if right or sign == "*")
            elif (needed := _right(left, sign, value)) is not None:
                yield left, needed

    def _part_texts(self, kind: Kind, pool: _Pool, value: Fraction) -> list[str]:
        if len(pool) == 1:
            return [str(pool[0])] if value == pool[0] else []
        if len(pool) <= _TABULATED and value not in self.part_values(kind, pool):
            return []
        found = self.texts(_OTHER[kind], pool, value)
        return [f"({text})" for text in found] if kind == "product" else list(found)


def _right(left: Fraction, sign: str, value: Fraction) -> Fraction | None:
    """What `left sign right` is the value for; None where nothing is."""
    return operate(value, _UNDOES[sign], left) if sign in "+*" else operate(left, sign, value)


def _written(kind: Kind, parts: _Parts) -> str:
    """Positive parts first, long ones before short ones."""
    positive, negative = tuple(_SIGNS[kind])
    signed = {
        s: sorted([t for sign, t in parts if sign == s], key=lambda t: (-len(t), t)) for s in _SIGNS[kind]
    }
    taken_away = "".join(f" {negative} {text}" for text in signed[negative])
    return f" {positive} ".join(signed[positive]) + taken_away

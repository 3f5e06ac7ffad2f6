"""What one can do next in a search, in the order that a program prefers, and whether it leads to the goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

from tailor_core.demonstrations.countdown.arithmetic import Number, Tree, exact, result
from tailor_core.environments.countdown.moves import Operations, Pairing, Program

Item = tuple[Number, Tree]
"""A number that is left, and how it was made."""

_Pool = tuple[Number, ...]
"""Some of the numbers, sorted."""

_TABULATED = 4
"""What so many numbers can come to is looked up."""

_SIGNS: dict[Operations, str] = {"sums": "+-*/", "products": "*/+-", "shrinking": "-/+*", "near": "+-*/"}


@dataclass(frozen=True, slots=True)
class Join:
    """Two of the numbers that are left become one."""

    left: Item
    sign: str
    right: Item
    value: Number

    @property
    def operation(self) -> str:
        return f"{self.left[0]} {self.sign} {self.right[0]} = {self.value}"

    @property
    def item(self) -> Item:
        return self.value, (self.left[1], self.sign, self.right[1])


@dataclass(frozen=True, slots=True)
class Keep:
    """A number is set aside: the others have to make `needed`, which stands before the sign, or after it."""

    kept: Item
    sign: str
    needed: Number
    goal: Number
    needed_first: bool

    @property
    def operation(self) -> str:
        return self.worded(self.needed)

    def worded(self, needed: Number) -> str:
        left, right = (needed, self.kept[0]) if self.needed_first else (self.kept[0], needed)
        return f"{left} {self.sign} {right} = {self.goal}"

    def tree(self, inner: Tree) -> Tree:
        """The expression that the others are part of."""
        return (inner, self.sign, self.kept[1]) if self.needed_first else (self.kept[1], self.sign, inner)


class Choices:
    """The choices of a program; `whole`: only where every number on the way is a whole one above zero."""

    def __init__(self, program: Program, *, whole: bool) -> None:
        self.program = program
        self.whole = whole
        self._made: dict[tuple[Number, _Pool], bool] = {}
        self._tables: dict[_Pool, frozenset[Number]] = {}
        self._splits: dict[_Pool, list[tuple[_Pool, _Pool]]] = {}

    def makes(self, goal: Number, numbers: Sequence[Number]) -> bool:
        """Can the goal be made of all the numbers?"""
        return self._makes(goal, tuple(sorted(numbers)))

    def _makes(self, goal: Number, pool: _Pool) -> bool:
        if len(pool) <= _TABULATED:
            return goal in self._values(pool)
        key = goal, pool
        if key not in self._made:
            self._made[key] = any(
                self._join_to(goal, part, others)
                for few, others in self._split(pool)
                for part in self._values(few)
            )
        return self._made[key]

    def _join_to(self, goal: Number, part: Number, others: _Pool) -> bool:
        """Can the others make what comes to the goal with a part?"""
        if part == goal == 0:  # times anything, and some sum can be made of any others
            return True
        needed = {goal - part, part - goal, goal + part, goal * part}
        needed |= {Fraction(goal) / part} if part else set()
        needed |= {Fraction(part) / goal} if goal else set()
        return any(
            self._makes(other, others) and self._comes_to(goal, part, other)
            for other in map(exact, needed)
            if not self.whole or self._fits(other)
        )

    def _comes_to(self, goal: Number, one: Number, other: Number) -> bool:
        return any(value == goal for _, _, _, value in self._operations(one, other))

    def _values(self, pool: _Pool) -> frozenset[Number]:
        """All that can be made of a few numbers."""
        if len(pool) == 1:
            return frozenset(pool)
        if pool not in self._tables:
            self._tables[pool] = frozenset(
                value
                for few, others in self._split(pool)
                for one, other in product(self._values(few), self._values(others))
                for _, _, _, value in self._operations(one, other)
            )
        return self._tables[pool]

    def _split(self, pool: _Pool) -> list[tuple[_Pool, _Pool]]:
        """All ways to take the pool apart in two, the smaller part first."""
        if pool not in self._splits:
            places = range(len(pool))
            found = {
                (tuple(pool[p] for p in places if p in few), tuple(pool[p] for p in places if p not in few))
                for size in range(1, len(pool) // 2 + 1)
                for few in combinations(places, size)
            }
            self._splits[pool] = sorted(found)
        return self._splits[pool]

    def joins(self, goal: Number, pool: Sequence[Item]) -> list[Join]:
        """All that two numbers can become, what the program prefers first."""
        found = [
            Join(left, sign, right, value)
            for one, other in _ordered(pool, self.program.pairing)
            for left, sign, right, value in self._joined(one, other)
        ]
        if self.program.operations == "near":
            found.sort(key=lambda join: _distance(goal, join.value))
        return found

    def keeps(self, goal: Number, pool: Sequence[Item]) -> list[Keep]:
        """All ways to set a number aside, what the program prefers first."""
        found = [keep for kept in _arranged(pool, self.program.pairing) for keep in self._kept(goal, kept)]
        if self.program.operations == "near":
            found.sort(key=lambda keep: _distance(keep.needed, 0))
        return found

    def _joined(self, one: Item, other: Item) -> Iterator[tuple[Item, str, Item, Number]]:
        for left, sign, _, value in self._operations(one[0], other[0]):
            yield (one, sign, other, value) if left == one[0] else (other, sign, one, value)

    def _operations(self, one: Number, other: Number) -> Iterator[tuple[Number, str, Number, Number]]:
        """(left, sign, right, result), each result of two numbers in one way."""
        large, small = max(one, other), min(one, other)
        for sign in _SIGNS[self.program.operations]:
            if sign in "+*":
                yield one, sign, other, one + other if sign == "+" else one * other
                continue
            for left, right in (
                [(large, small)] if self.whole or large == small else [(large, small), (small, large)]
            ):
                value = result(left, sign, right)
                if value is not None and (not self.whole or self._fits(value)):
                    yield left, sign, right, value

    def _kept(self, goal: Number, kept: Item) -> Iterator[Keep]:
        number = kept[0]
        for sign in _SIGNS[self.program.operations]:
            inverse = {"+": "-", "-": "+", "*": "/", "/": "*"}[sign]
            firsts = [(True, result(goal, inverse, number))]  # needed sign number = goal
            if sign in "-/":
                firsts.append((False, result(number, sign, goal)))  # number sign needed = goal
            for needed_first, needed in firsts:
                if needed is None or (self.whole and not self._fits(needed)) or (sign == "/" and needed == 0):
                    continue
                yield Keep(kept, sign, needed, goal, needed_first)

    def _fits(self, value: Number) -> bool:
        return value > 0 and isinstance(value, int)


def _distance(one: Number, other: Number) -> Fraction:
    return abs(Fraction(one) - Fraction(other))


def _arranged(pool: Sequence[Item], pairing: Pairing) -> list[Item]:
    if pairing == "given":
        return list(pool)
    return sorted(pool, key=lambda item: item[0], reverse=pairing == "largest")


def _ordered(pool: Sequence[Item], pairing: Pairing) -> list[tuple[Item, Item]]:
    return list(combinations(_arranged(pool, pairing), 2))

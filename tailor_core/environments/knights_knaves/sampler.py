"""Random statements and random puzzles with exactly one solution.

The statement distribution is the peers' (mem-kk-logic): one of six kinds with equal chance (leaf, not, and,
or, ->, <=>), operands distinct, and no leaf "I am lying". Two things differ. A puzzle starts from its
solution, drawn uniformly over all worlds and kept until a uniquely solvable puzzle is found, so that half of
all people are knights, whoever they are and however many. And unless constants are allowed, no statement or
part of one is a tautology or a contradiction.

A drawn statement carries the table of the worlds in which it fits its speaker; a puzzle has one solution when
the conjunction of those tables has one bit. The two-level statements of two operands are so few (about a
thousand at 8 people) that all of them are laid out once, so that drawing one is a look-up. Tables double with each
person, so those of many people are made only as statements are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import permutations
from random import Random

from tailor_core.environments.knights_knaves.statements import (
    LEAVES,
    Statement,
    all_worlds,
    knight_table,
    people_mentioned,
    truth_table,
)

Draw = tuple[Statement, int]
"""A statement and a table: its truth table, or the worlds in which it fits its speaker."""

_Laid = tuple[Statement, int | None]
"""A statement and the worlds in which it fits its speaker, where they are kept."""

_KINDS = ("leaf", "not", "and", "or", "->", "<=>")

_PUZZLES_PER_WORLD = 500
_WORLDS = 200

_TABLED_PEOPLE = 12
"""Laid-out statements keep their tables up to so many people; those of 20 people would take 7 GB."""


class Sampler:
    """Draws puzzles of one shape: so many people, statements at most so deep and wide.

    Build it with `sampler(...)`, which keeps the laid-out statements for later calls.
    """

    def __init__(self, people: int, depth: int, width: int, allow_constant: bool) -> None:
        self.people = people
        self._depth = depth
        self._width = width
        self._every = all_worlds(people)
        self._constants: tuple[int, ...] = () if allow_constant else (0, self._every)
        self._leaves = [self._speakers_leaves(speaker) for speaker in range(people)]
        self._laid_out = (
            [self._lay_out(speaker) for speaker in range(people)] if depth == width == 2 else None
        )

    def puzzle(self, random: Random) -> tuple[list[Statement], int] | None:
        """The statements of a uniquely solvable puzzle and its solution as a world; None if none turns up."""
        for _ in range(_WORLDS):
            world = random.getrandbits(self.people)
            if (statements := self.puzzle_of(world, random)) is not None:
                return statements, world
        return None

    def puzzle_of(self, world: int, random: Random) -> list[Statement] | None:
        """The statements of a puzzle whose only solution is `world`; None if none turns up."""
        for _ in range(_PUZZLES_PER_WORLD):
            if (statements := self._fitting(world, random)) is not None:
                return statements
        return None

    def _fitting(self, world: int, random: Random) -> list[Statement] | None:
        """Statements that all fit in `world`; None when they also fit in another."""
        draw = self.statement if self._laid_out is None else self._look_up
        solutions = self._every
        statements = []
        for speaker in range(self.people):
            statement, fits = draw(speaker, random)
            while not fits >> world & 1:
                statement, fits = draw(speaker, random)
            statements.append(statement)
            solutions &= fits
        return statements if solutions == 1 << world else None

    def _look_up(self, speaker: int, random: Random) -> Draw:
        assert self._laid_out is not None
        chance = random.random
        kind = self._laid_out[speaker][int(chance() * 6)]
        statement, fits = kind[int(chance() * len(kind))]
        if fits is None:
            fits = self._fits(truth_table(statement, self.people), speaker)
        return statement, fits

    def statement(self, speaker: int, random: Random) -> Draw:
        """One statement of `speaker`, with the worlds in which it fits the speaker."""
        statement, table = self._draw(speaker, self._depth, random)
        return statement, self._fits(table, speaker)

    def _fits(self, table: int, speaker: int) -> int:
        """The worlds in which a statement of such a table fits its speaker."""
        return table ^ knight_table(speaker, self.people) ^ self._every

    def _draw(self, speaker: int, depth: int, random: Random) -> Draw:
        """One statement and its truth table. The kind is drawn once, the rest until it is no constant."""
        kind = "leaf" if depth == 1 else _KINDS[int(random.random() * 6)]
        if kind == "leaf":
            leaves = self._leaves[speaker]
            return leaves[int(random.random() * len(leaves))]
        while True:
            count = self._operand_count(kind, speaker, depth, random)
            statement, table = self._combine(kind, self._operands(speaker, depth - 1, count, random))
            if table not in self._constants:
                return statement, table

    def _operand_count(self, kind: str, speaker: int, depth: int, random: Random) -> int:
        if kind == "not":
            return 1
        if kind in ("->", "<=>"):
            return 2
        # Operands differ, and so many different ones (leaves; leaves and their negations) surely exist.
        different = len(self._leaves[speaker]) * (1 if depth == 2 else 2)
        most = min(self._width, different)
        return 2 + int(random.random() * (most - 1))

    def _operands(self, speaker: int, depth: int, count: int, random: Random) -> list[Draw]:
        operands: dict[Statement, int] = {}
        while len(operands) < count:
            statement, table = self._draw(speaker, depth, random)
            operands[statement] = table
        return list(operands.items())

    def _combine(self, kind: str, operands: list[Draw]) -> Draw:
        statement = (kind, *[operand for operand, _ in operands])
        table = operands[0][1]
        if kind == "not":
            return statement, table ^ self._every
        for _, other in operands[1:]:
            if kind == "and":
                table &= other
            elif kind == "or":
                table |= other
            elif kind == "->":
                table = (table ^ self._every) | other
            else:
                table = table ^ other ^ self._every
        return statement, table

    def _speakers_leaves(self, speaker: int) -> list[Draw]:
        statements: list[Statement] = [("telling-truth", person) for person in range(self.people)]
        statements += [("lying", person) for person in range(self.people) if person != speaker]
        return [(statement, truth_table(statement, self.people)) for statement in statements]

    def _lay_out(self, speaker: int) -> list[list[_Laid]]:
        """Per kind all two-level statements, each with the worlds in which it fits the speaker."""
        leaves = self._leaves[speaker]
        if self.people > _TABLED_PEOPLE:
            return self._lay_out_untabled([leaf for leaf, _ in leaves])
        pairs = list(permutations(leaves, 2))
        draws: dict[str, Iterator[Draw] | list[Draw]] = {"leaf": leaves}
        draws["not"] = (self._combine("not", [leaf]) for leaf in leaves)
        for kind in ("and", "or", "->", "<=>"):
            draws[kind] = [self._combine(kind, list(pair)) for pair in pairs]
        return [
            [
                (statement, self._fits(table, speaker))
                for statement, table in draws[kind]
                if table not in self._constants
            ]
            for kind in _KINDS
        ]

    def _lay_out_untabled(self, leaves: list[Statement]) -> list[list[_Laid]]:
        """The same in the same order, without the tables."""
        laid_out = [leaves, [("not", leaf) for leaf in leaves]]
        laid_out += [[(kind, *pair) for pair in permutations(leaves, 2)] for kind in _KINDS[2:]]
        return [
            [(statement, None) for statement in kind if not (self._constants and _is_constant(statement))]
            for kind in laid_out
        ]


def _is_constant(statement: Statement) -> bool:
    """Is a statement of leaves always true, or always false? Told by the people whom it is about alone."""
    if statement[0] in LEAVES:
        return False
    place = {person: at for at, person in enumerate(people_mentioned(statement))}
    small = (statement[0], *[(kind, place[person]) for kind, person in statement[1:]])
    return truth_table(small, len(place)) in (0, all_worlds(len(place)))


@lru_cache(maxsize=32)
def sampler(people: int, depth: int, width: int, allow_constant: bool) -> Sampler:
    """The sampler of a shape, built once."""
    return Sampler(people, depth, width, allow_constant)

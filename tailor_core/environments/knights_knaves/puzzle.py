"""A Knights & Knaves puzzle and its exact solution by bit operations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from tailor_core.environments.knights_knaves.statements import (
    Statement,
    all_worlds,
    knight_table,
    truth_table,
)


@dataclass(frozen=True)
class Puzzle:
    """Who says what. `statements[i]` is said by person i; `knight` and `knave` are the two role words."""

    names: tuple[str, ...]
    statements: tuple[Statement, ...]
    knight: str = "knight"
    knave: str = "knave"

    @property
    def people(self) -> int:
        return len(self.names)

    @cached_property
    def claims(self) -> tuple[int, ...]:
        """Truth table of each person's statement."""
        return tuple(truth_table(s, self.people) for s in self.statements)

    @cached_property
    def knights(self) -> tuple[int, ...]:
        """Truth table of "person i is a knight"."""
        return tuple(knight_table(i, self.people) for i in range(self.people))

    @cached_property
    def every_world(self) -> int:
        return all_worlds(self.people)

    @cached_property
    def fits(self) -> tuple[int, ...]:
        """Per person, the worlds in which person and statement fit."""
        return tuple(k ^ c ^ self.every_world for k, c in zip(self.knights, self.claims, strict=True))

    @cached_property
    def solutions(self) -> int:
        """The worlds in which everybody fits."""
        table = self.every_world
        for fits in self.fits:
            table &= fits
        return table

    @property
    def n_solutions(self) -> int:
        return self.solutions.bit_count()

    @cached_property
    def solution(self) -> tuple[bool, ...] | None:
        """True for a knight, per person; None unless there is exactly one solution."""
        if self.solutions.bit_count() != 1:
            return None
        world = self.solutions.bit_length() - 1
        return tuple(bool(world >> i & 1) for i in range(self.people))

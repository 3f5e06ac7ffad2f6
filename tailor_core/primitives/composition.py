"""New programs: composed so that every move gets its turn, then varied from what the library holds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from tailor_core.primitives.aim import Aim
from tailor_core.primitives.language import MoveLanguage, Values

MOST_CHANGES = 4
"""A variation changes at most so many dimensions."""

_TRIES = 50
"""How often to look for a program that has not been tried, for each that is wanted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program to try; `parents` are the ids of the primitives it was made from."""

    values: Values
    parents: tuple[str, ...] = ()


@dataclass(slots=True)
class Composer:
    """Makes programs that were not made before."""

    language: MoveLanguage
    aim: Aim
    rng: random.Random
    made: set[str] = field(default_factory=set)

    def compose(self, count: int) -> list[Candidate]:
        """At most `count` programs; the values of each dimension come equally often (Latin hypercube)."""
        columns = {name: self._column(values, count) for name, values in self.language.dimensions.items()}
        drawn = [Candidate({name: column[i] for name, column in columns.items()}) for i in range(count)]
        return [candidate for candidate in drawn if self._is_new(candidate)]

    def vary(self, count: int, library: Sequence[Candidate]) -> list[Candidate]:
        """At most `count` programs made from one or two of the library, which must not be empty."""
        made: list[Candidate] = []
        for _ in range(count * _TRIES):
            if len(made) == count:
                break
            candidate = self._offspring(library)
            if self._is_new(candidate):
                made.append(candidate)
        return made

    def _column(self, values: Sequence[str], count: int) -> list[str]:
        repeats = -(-count // len(values))
        column = [value for _ in range(repeats) for value in self.rng.sample(values, len(values))][:count]
        self.rng.shuffle(column)
        return column

    def _offspring(self, library: Sequence[Candidate]) -> Candidate:
        """A mutation of one parent, or a mix of two with one mutation."""
        if len(library) > 1 and self.rng.random() < 0.5:
            one, other = self.rng.sample(library, 2)
            values = {name: self.rng.choice((one, other)).values[name] for name in self.language.dimensions}
            return Candidate(self._mutate(values, 1), (*one.parents, *other.parents))
        parent = self.rng.choice(library)
        return Candidate(self._mutate(parent.values, self.rng.randint(1, MOST_CHANGES)), parent.parents)

    def _mutate(self, values: Values, changes: int) -> Values:
        """Other values in so many dimensions, drawn towards what the student lacks."""
        changed = dict(values)
        free = sorted(name for name, values in self.language.dimensions.items() if len(values) > 1)
        for name in self.rng.sample(free, min(changes, len(free))):
            others = [value for value in self.language.dimensions[name] if value != values[name]]
            weights = self.aim.weights(others, self.language.called_for(name))
            changed[name] = self.rng.choices(others, weights)[0]
        return changed

    def _is_new(self, candidate: Candidate) -> bool:
        identity = self.language.identify(candidate.values)
        if identity in self.made:
            return False
        self.made.add(identity)
        return True

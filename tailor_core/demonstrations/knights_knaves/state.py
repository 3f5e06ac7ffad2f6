"""What is known at a point of an argument, and the steps that were taken to get there.

An `Argument` is a stack of scopes (what is certain, then one for each assumption) and the list of steps so
far. Every method that takes a step records it and updates what is known; whether a step is warranted is asked
before, by `truth` and `entailed`, on truth tables (see `environments.knights_knaves.statements`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tailor_core.environments.knights_knaves.puzzle import Puzzle


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence to be: the name of a method of `Wording`, its arguments, and who was placed before it."""

    form: str
    arguments: tuple[Any, ...] = ()
    facts: dict[int, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Scope:
    """What holds under the assumptions made so far; outer scopes are included.

    facts:   person -> is a knight; worlds: the worlds that the facts leave;
    cited:   the worlds that the facts and all claims cited so far leave;
    assumed: the person assumed, if any; first_case: facts of the other case, where it was gone through
    """

    facts: dict[int, bool]
    worlds: int
    cited: int
    assumed: int | None = None
    first_case: dict[int, bool] | None = None

    def copy(self) -> Scope:
        return Scope(dict(self.facts), self.worlds, self.cited, self.assumed, self.first_case)


@dataclass(slots=True)
class Argument:
    """A chain of steps about one puzzle."""

    puzzle: Puzzle
    steps: list[Step] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.scopes:
            self.scopes.append(Scope({}, self.puzzle.every_world, self.puzzle.every_world))

    def fork(self) -> Argument:
        """A copy to think ahead in; its steps start empty."""
        return Argument(self.puzzle, scopes=[scope.copy() for scope in self.scopes])

    # What is known.

    @property
    def top(self) -> Scope:
        return self.scopes[-1]

    @property
    def facts(self) -> dict[int, bool]:
        return self.top.facts

    def open_people(self) -> list[int]:
        return [person for person in range(self.puzzle.people) if person not in self.facts]

    def table(self, person: int, is_knight: bool) -> int:
        """The worlds in which the person has that role."""
        knights = self.puzzle.knights[person]
        return knights if is_knight else knights ^ self.puzzle.every_world

    def truth(self, person: int) -> bool | None:
        """Is the person's claim true, or false, whoever the open people are? None when that is open."""
        inside = self.puzzle.claims[person] & self.top.worlds
        return True if inside == self.top.worlds else (None if inside else False)

    def told(self, person: int) -> int:
        """The worlds that a placed person's claim leaves: those where it is true, for a knave false."""
        claim = self.puzzle.claims[person]
        return claim if self.facts[person] else claim ^ self.puzzle.every_world

    def entailed(self, worlds: int) -> list[tuple[int, bool]]:
        """The roles of open people that are the same in all of `worlds`; none when `worlds` is empty."""
        roles = []
        for person in self.open_people() if worlds else ():
            inside = self.puzzle.knights[person] & worlds
            if inside in (0, worlds):
                roles.append((person, inside != 0))
        return roles

    # Steps.

    def say(self, form: str, *arguments: Any) -> None:
        """A step without effect on what is known."""
        self.steps.append(Step(form, arguments, dict(self.facts)))

    def place(self, person: int, is_knight: bool) -> None:
        """Note a new fact; the caller says why."""
        table = self.table(person, is_knight)
        self.facts[person] = is_knight
        self.top.worlds &= table
        self.top.cited &= table

    def cite(self, person: int) -> None:
        self.say("claim", person, self.facts[person])
        self.top.cited &= self.told(person)

    def relate(self, form: str, speaker: int, other: int) -> None:
        """One of the pair rules: `same`, `different` or `accuse`."""
        self.say(form, speaker, other)
        differ = self.puzzle.knights[speaker] ^ self.puzzle.knights[other]
        self.top.cited &= differ ^ self.puzzle.every_world if form == "same" else differ

    def derive(self, person: int, is_knight: bool) -> None:
        self.say("derive", person, is_knight)
        self.place(person, is_knight)

    def judge(self, person: int, is_true: bool) -> None:
        self.say("judge", person, is_true)
        self.place(person, is_true)

    def rule_out(self, person: int, is_knight: bool) -> None:
        self.say("self_rule", person, is_knight)
        self.place(person, is_knight)

    def assume(self, person: int, is_knight: bool) -> None:
        self.say("assume", person, is_knight)
        self._enter(person, is_knight)

    def reject(self) -> None:
        """Give the innermost assumption up, and note the opposite."""
        failed = self.scopes.pop()
        assert failed.assumed is not None
        is_knight = not failed.facts[failed.assumed]
        self.say("reject", failed.assumed, is_knight)
        self.place(failed.assumed, is_knight)

    def begin_afresh(self) -> bool:
        """Drop all assumptions and make them again, changed at the last that was a first case.

        Those after it are left out. False, with nothing said, when both cases of all have failed.
        """
        assumed = [
            (s.assumed, s.facts[s.assumed], s.first_case) for s in self.scopes if s.assumed is not None
        ]
        failed = dict(self.facts)
        while assumed and assumed[-1][2] is not None:
            assumed.pop()
        if not assumed:
            return False
        last, role, _ = assumed.pop()
        del self.scopes[1:]
        for person, is_knight, first_case in (*assumed, (last, not role, failed)):
            self.say("assume", person, is_knight)
            self._enter(person, is_knight, first_case)
        return True

    def switch(self) -> None:
        """Leave the innermost case standing, and turn to the other one."""
        first = self.scopes.pop()
        assert first.assumed is not None
        is_knight = not first.facts[first.assumed]
        self.say("switch", first.assumed, is_knight)
        self._enter(first.assumed, is_knight, first.facts)

    def merge(self, person: int) -> None:
        """Close both cases, and keep a fact that holds in each."""
        is_knight = self.facts[person]
        self.scopes.pop()
        self.say("merge", person, is_knight)
        self.place(person, is_knight)

    def _enter(self, person: int, is_knight: bool, first_case: dict[int, bool] | None = None) -> None:
        outer = self.top
        self.scopes.append(Scope(dict(outer.facts), outer.worlds, outer.cited, person, first_case))
        self.place(person, is_knight)

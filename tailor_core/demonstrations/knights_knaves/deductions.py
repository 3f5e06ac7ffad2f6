"""What follows in one small step: the deductions and conflicts that are open at a point of an argument.

Each uses a single claim together with the facts, so that a reader can follow it without search: a claim whose
truth is settled places its speaker; the claim of somebody placed may place others; and a claim about just one
person relates speaker and person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tailor_core.demonstrations.knights_knaves.state import Argument
from tailor_core.environments.knights_knaves.moves import Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import people_mentioned


@dataclass(frozen=True, slots=True)
class Deduction:
    """A step that can be taken now.

    form:    `judge`, `claim`, or one of the pair rules `same`, `different`, `accuse`
    speaker: whose claim it uses; about: the other person of a pair rule
    roles:   who is placed by it, and as what
    """

    form: str
    speaker: int
    roles: tuple[tuple[int, bool], ...]
    about: int = -1


class Guide:
    """Whom to turn to: a program's preferences, applied to one puzzle."""

    def __init__(self, puzzle: Puzzle, program: Program) -> None:
        self.puzzle = puzzle
        self.program = program
        self.mentions = [set(people_mentioned(s)) for s in puzzle.statements]

    @cached_property
    def _fame(self) -> list[int]:
        """By how many others each person is talked about."""
        people = range(self.puzzle.people)
        return [sum(p in self.mentions[q] for q in people if q != p) for p in people]

    @cached_property
    def _freedom(self) -> list[int]:
        """How many worlds each claim leaves when it is least likely to hold, or to fail."""
        counts = [claim.bit_count() for claim in self.puzzle.claims]
        return [min(count, (1 << self.puzzle.people) - count) for count in counts]

    def rank(self, argument: Argument, person: int) -> tuple[int, int]:
        """Sorts people by the program's order; equals by their place in the puzzle."""
        return _ORDERS[self.program.order](self, argument, person), person

    def ranked(self, argument: Argument, people: list[int]) -> list[int]:
        return sorted(people, key=lambda person: self.rank(argument, person))

    def _links(self, argument: Argument, person: int) -> int:
        """Ties between the person and people who are placed."""
        said = self.mentions[person]
        return sum((q in said) + (person in self.mentions[q]) for q in argument.facts if q != person)

    def _unknowns(self, argument: Argument, person: int) -> int:
        return len(self.mentions[person] - argument.facts.keys())

    # Deductions.

    @property
    def _pairs(self) -> bool:
        return self.program.rules in ("pairs", "all")

    def choose(self, argument: Argument) -> Deduction | None:
        """The deduction that the program takes next; None when nothing follows."""
        options = [d for p in range(self.puzzle.people) if (d := self._deduction(argument, p)) is not None]
        if not options:
            return None
        goal = self.goal(argument) if self.program.direction == "backward" else None
        first = "judge" if self.program.preference == "judging" else "claim"
        return min(
            options,
            key=lambda d: (
                all(person != goal for person, _ in d.roles),
                _family(d, argument) != first,
                self.rank(argument, d.speaker),
            ),
        )

    def goal(self, argument: Argument) -> int:
        """The open person that a program working backward wants to place."""
        return self.ranked(argument, argument.open_people())[0]

    def _deduction(self, argument: Argument, speaker: int) -> Deduction | None:
        """What the speaker's claim gives now, if anything."""
        if speaker in argument.facts:
            roles = tuple(argument.entailed(argument.top.worlds & argument.told(speaker)))
        else:
            truth = argument.truth(speaker)
            roles = () if truth is None else ((speaker, truth),)
        if not roles:
            return None
        form, about = self._pair(speaker) if self._pairs else ("", -1)
        if form:
            return Deduction(form, speaker, roles, about)
        return Deduction("claim" if speaker in argument.facts else "judge", speaker, roles)

    def _pair(self, speaker: int) -> tuple[str, int]:
        """The pair rule that fits the speaker's claim, and the other person; "" where none does."""
        claims, puzzle = self.puzzle.claims, self.puzzle
        for other in sorted(self.mentions[speaker] - {speaker}):
            knight = puzzle.knights[other]
            if claims[speaker] == knight:
                return "same", other
            if claims[speaker] == knight ^ puzzle.every_world:
                mutual = claims[other] == puzzle.knights[speaker] ^ puzzle.every_world
                return "accuse" if mutual else "different", other
        return "", -1

    def apply_rule(self, argument: Argument, deduction: Deduction) -> None:
        """Say what the deduction rests on, unless that is part of its conclusion."""
        if deduction.form == "claim":
            argument.cite(deduction.speaker)
        elif deduction.form != "judge":
            argument.relate(deduction.form, deduction.speaker, deduction.about)

    # Conflicts.

    def conflict(self, argument: Argument) -> bool:
        """Show that the current scope contradicts itself, if one claim or what was cited shows it."""
        for person in self.ranked(argument, list(argument.facts)):
            truth, role = argument.truth(person), argument.facts[person]
            if truth not in (None, role):
                self._show(argument, person)
                return True
            if self.program.inspection == "sweep":
                argument.say(*(("undecided", person) if truth is None else ("check", person, role)))
        if argument.top.cited:
            return False
        argument.say("contradiction")
        return True

    def _show(self, argument: Argument, person: int) -> None:
        form, about = self._pair(person) if self._pairs else ("", -1)
        if form:
            argument.relate(form, person, about)
            argument.say("contradiction")
        else:
            argument.say("clash", person, argument.truth(person))


def _family(deduction: Deduction, argument: Argument) -> str:
    """Does a deduction place its own speaker (`judge`) or others (`claim`)?"""
    return "claim" if deduction.speaker in argument.facts else "judge"


_ORDERS: dict[str, Callable[[Guide, Argument, int], Any]] = {
    "given": lambda guide, argument, person: 0,
    "talked-about": lambda guide, argument, person: -guide._fame[person],
    "constraining": lambda guide, argument, person: guide._freedom[person],
    "connected": lambda guide, argument, person: -guide._links(argument, person),
    "fewest-unknowns": lambda guide, argument, person: guide._unknowns(argument, person),
}

"""Runs a program of the move language on a puzzle: the argument that this way of reasoning leads to.

The argument is sound by construction: facts are only noted when truth tables entail them. Whether it gets to
the end is up to the program; one that never assumes anything may stop half-way.
"""

from __future__ import annotations

import dataclasses
import random

from tailor_core.demonstrations.knights_knaves.deductions import Deduction, Guide
from tailor_core.demonstrations.knights_knaves.state import Argument, Step
from tailor_core.environments.knights_knaves.moves import Depth, Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle

MAX_STEPS = 400
"""A program that has come so far makes no more assumptions, and gives up."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """The steps of an argument and the roles it ends with; `solved` when everybody is placed and fits."""

    steps: tuple[Step, ...]
    roles: dict[int, bool]
    solved: bool


def reason(puzzle: Puzzle, program: Program, rng: random.Random) -> Outcome:
    """Argue about `puzzle` as `program` says; `rng` only decides on slips."""
    argument = Argument(puzzle)
    solved = _Reasoner(program, argument, rng).run()
    return Outcome(tuple(argument.steps), dict(sorted(argument.facts.items())), solved)


class _Reasoner:
    def __init__(self, program: Program, argument: Argument, rng: random.Random) -> None:
        self.program = program
        self.argument = argument
        self.guide = Guide(argument.puzzle, program)
        self.rng = rng
        # The first or the second chance to be hasty is taken, so that a slip is no fixed place in a trace.
        self.slip_after = rng.randint(0, 1) if program.slip != "none" else -1

    def run(self) -> bool:
        """Argue to the end; False when the program gets stuck."""
        self._begin()
        while True:
            if self._propagate(self.program.depth):
                if not self._give_up():
                    return False
                self._list_open()
            elif not self.argument.open_people():
                self._finish()
                return True
            elif self._at_a_loss() or len(self.argument.steps) >= MAX_STEPS:
                break
            elif self.program.branching == "flat" and self.argument.top.assumed is not None:
                self.argument.switch()
            elif not self._merge_cases():
                self._branch()
        if self.argument.open_people():
            self.argument.say("open", tuple(self.argument.open_people()))
        return False

    def _give_up(self) -> bool:
        """Turn from what failed to what is still possible; False where nothing is."""
        if self.program.branching == "afresh":
            return self.argument.begin_afresh()
        if len(self.argument.scopes) == 1:
            return False
        self.argument.reject()
        return True

    def _at_a_loss(self) -> bool:
        """Is there no case left that the program would look into?"""
        both_stuck = self.argument.top.first_case is not None
        return self.program.branching == "never" or (self.program.branching == "flat" and both_stuck)

    def _begin(self) -> None:
        if self.program.restating == "all":
            for person in range(self.argument.puzzle.people):
                self.argument.say("restate", person)
        self._list_open()
        if self.program.rules in ("self", "all"):
            self._apply_self_rule()

    def _list_open(self) -> None:
        if self.program.subgoals == "open" and self.argument.open_people():
            self.argument.say("open", tuple(self.argument.open_people()))

    def _focus(self, person: int) -> None:
        """Name whom we turn to, unless that is whom we are with."""
        last = self.argument.steps[-1] if self.argument.steps else None
        with_them = last is not None and last.form in ("focus", "assume") and last.arguments[0] == person
        if self.program.subgoals == "focus" and not with_them:
            self.argument.say("focus", person)

    def _apply_self_rule(self) -> None:
        puzzle = self.argument.puzzle
        for person in self.guide.ranked(self.argument, self.argument.open_people()):
            fits = puzzle.fits[person]
            possible = [role for role in (True, False) if fits & self.argument.table(person, role)]
            if len(possible) == 1:
                self.argument.rule_out(person, possible[0])

    # Drawing conclusions.

    def _propagate(self, depth: Depth) -> bool:
        """Draw conclusions as far as `depth` says; True when the scope turned out contradictory."""
        eager = self.program.test == "eager"
        if eager and self.guide.conflict(self.argument):
            return True
        while depth != "none":
            deduction = self.guide.choose(self.argument)
            if deduction is None:
                break
            if self._draw(deduction, eager):
                return True
            if depth == "shallow":
                break
        # A lazy program looks for conflicts here, when nothing more follows; an eager one has done so.
        finished = depth == "fixpoint" or not self.argument.open_people()
        return not eager and finished and self.guide.conflict(self.argument)

    def _draw(self, deduction: Deduction, eager: bool) -> bool:
        """Take a deduction; True when the scope turned out contradictory on the way."""
        argument = self.argument
        if deduction.form == "judge":
            self._focus(deduction.speaker)
            argument.judge(*deduction.roles[0])
            return eager and self.guide.conflict(argument)
        self._ask_about(deduction)
        self._focus(deduction.speaker)
        self.guide.apply_rule(argument, deduction)
        for person, is_knight in deduction.roles:
            # What was cited before may leave nothing possible, and nothing is derived from nothing.
            if not argument.top.cited:
                return self.guide.conflict(argument)
            self._slip_derivation(person, is_knight)
            argument.derive(person, is_knight)
            if eager and self.guide.conflict(argument):
                return True
        return False

    def _ask_about(self, deduction: Deduction) -> None:
        person = deduction.roles[0][0]
        if self.program.direction == "backward" and person in self.guide.mentions[deduction.speaker]:
            self.argument.say("ask", deduction.speaker, person)

    # Assumptions.

    def _branch(self) -> None:
        self._slip_judgement()
        person = self._whom_to_assume()
        self._focus(person)
        self.argument.assume(person, self._first_case(person))

    def _whom_to_assume(self) -> int:
        """The open person to assume a role of; working backward, one who talks about the goal."""
        open_people = self.argument.open_people()
        goal = self.guide.goal(self.argument)
        if self.program.direction == "backward":
            speakers = [p for p in open_people if p != goal and goal in self.guide.mentions[p]]
            if speakers:
                speaker = self.guide.ranked(self.argument, speakers)[0]
                self.argument.say("ask", speaker, goal)
                return speaker
        return goal

    def _first_case(self, person: int) -> bool:
        if self.program.case != "furthest":
            return self.program.case == "knight"
        reach = [len(self._look_ahead(person, role, self.program.depth)[0]) for role in (True, False)]
        return reach[0] >= reach[1]

    def _look_ahead(self, person: int, is_knight: bool, depth: Depth) -> tuple[dict[int, bool], bool]:
        """The facts that assuming a role leads to, and whether to a contradiction; nothing is said."""
        fork = self.argument.fork()
        quiet = dataclasses.replace(self.program, slip="none")
        fork.assume(person, is_knight)
        refuted = _Reasoner(quiet, fork, self.rng)._propagate(depth)
        return fork.facts, refuted

    def _merge_cases(self) -> bool:
        """Go through both cases of somebody where that places somebody else; False where it does not.

        One consequence a case: two that differ for good are left to the ordinary assumptions.
        """
        if self.program.cases != "merge":
            return False
        people = self.argument.open_people()
        for person in self.guide.ranked(self.argument, people):
            first_role = self._first_case(person)
            first, first_fails = self._look_ahead(person, first_role, "shallow")
            second, second_fails = self._look_ahead(person, not first_role, "shallow")
            if first_fails or second_fails or self.argument.puzzle.people in (len(first), len(second)):
                continue
            shared = [p for p in people if p != person and p in first and first[p] == second.get(p)]
            if shared:
                self._go_through_both(person, first_role, shared[0])
                return True
        return False

    def _go_through_both(self, person: int, first_role: bool, shared: int) -> None:
        self._focus(person)
        self.argument.assume(person, first_role)
        self._propagate("shallow")
        self.argument.switch()
        self._propagate("shallow")
        self.argument.merge(shared)
        self._list_open()

    # Slips, and the end.

    def _hasty(self, kind: str) -> bool:
        """Is this the chance to be hasty that is taken?"""
        if self.program.slip != kind or self.slip_after < 0:
            return False
        self.slip_after -= 1
        return self.slip_after < 0

    def _slip_derivation(self, person: int, is_knight: bool) -> None:
        """Conclude the opposite of what follows, and take it back."""
        if self._hasty("derive"):
            self.argument.say("derive", person, not is_knight)
            self.argument.say("retract")

    def _slip_judgement(self) -> None:
        """Judge a claim whose truth is still open, and take it back."""
        people = [p for p in self.argument.open_people() if self.argument.truth(p) is None]
        if people and self._hasty("judge"):
            self.argument.say("judge", self.rng.choice(people), self.rng.random() < 0.5)
            self.argument.say("retract")

    def _finish(self) -> None:
        people = range(self.argument.puzzle.people)
        if self.program.verification == "check":
            for person in people:
                self.argument.say("check", person, self.argument.facts[person])
        elif self.program.verification == "fits":
            self.argument.say("fits")
        if self.program.summary == "done":
            self.argument.say("done", tuple(self.argument.facts[person] for person in people))

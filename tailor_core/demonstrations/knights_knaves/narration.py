"""Puts an argument into words: a think block in the trace language, and the answer in a legal form."""

from __future__ import annotations

import random

from tailor_core.demonstrations.knights_knaves.reasoner import Outcome, reason
from tailor_core.demonstrations.knights_knaves.state import Step
from tailor_core.environments.knights_knaves.moves import Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.rendering import answer_lines, answer_sentence
from tailor_core.environments.knights_knaves.spec import read_spec
from tailor_core.environments.knights_knaves.wording import Wording
from tailor_core.environments.teaching import Teaching
from tailor_core.records import Problem

WEIGHED = ("claim", "judge", "clash", "check", "undecided")
"""The steps that say of a claim what the facts make of it, and so may weigh its clauses."""

UNANSWERED = "I cannot tell."
"""The answer of a program that placed nobody; never a right one."""


def write_demonstration(problem: Problem, program: Program, rng: random.Random) -> tuple[str, str]:
    """(think text, answer text) of a program on a problem."""
    return narrate(read_spec(problem.spec), program, rng)


TEACHING = Teaching(Program, write_demonstration)


def narrate(puzzle: Puzzle, program: Program, rng: random.Random) -> tuple[str, str]:
    """(think text, answer text) of a program on a puzzle."""
    outcome = reason(puzzle, program, rng)
    wording = Wording(puzzle, program.voice_number, rng)
    return " ".join(_worded(step, program, wording) for step in outcome.steps), _answer(
        puzzle, program, outcome
    )


def _worded(step: Step, program: Program, wording: Wording) -> str:
    weighed = program.weighing == "clauses" and step.form in WEIGHED
    sentence: str = getattr(wording, step.form)(*step.arguments, *([step.facts] if weighed else []))
    return sentence


def _answer(puzzle: Puzzle, program: Program, outcome: Outcome) -> str:
    """Everybody's role; of those placed only, where the program got stuck."""
    if not outcome.roles:
        return UNANSWERED
    names = [puzzle.names[person] for person in outcome.roles]
    form = answer_lines if program.answer == "lines" else answer_sentence
    return form(names, list(outcome.roles.values()), puzzle.knight, puzzle.knave)

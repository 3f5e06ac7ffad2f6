"""Checks a Knights & Knaves think block step by step.

Takes the sentences as `step_language` recognises them, resolves names, roles and claims against the puzzle,
and asks `step_rules` whether each follows. Shares no code with what writes the traces.
"""

from __future__ import annotations

from typing import Any

from tailor_core.environments.base import StepReport
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import with_article
from tailor_core.environments.knights_knaves.step_claims import ClaimReader
from tailor_core.environments.knights_knaves.step_language import Reading, count_moves, readings, sentences
from tailor_core.environments.knights_knaves.step_rules import Reasoning, Step

_RECOVERABLE = ("derive", "judge")
"""Steps that may be wrong if the next sentence takes them back."""

_SHOWN = 120
"""A reason quotes at most so many characters of a sentence."""


def check_steps(puzzle: Puzzle, think: str) -> StepReport:
    """Check every sentence of `think`; the first that does not follow, and is not taken back, ends the check.

    Sound means: every sentence reads as a step, every step follows or is taken back at once, and in the end
    everybody is placed such that all statements fit. Never raises, whatever the text.
    """
    reader, reasoning = _Reader(puzzle), Reasoning(puzzle)
    texts = sentences(think)
    slip, recovered = "", 0
    for number, text in enumerate(texts, 1):
        steps = reader.steps(text)
        kinds = [step.kind for step in steps]
        if slip:
            if "retract" not in kinds:
                break
            slip, recovered = "", recovered + 1
        elif fault := _take(reasoning, steps):
            slip = f"step {number}, {_shown(text)}: {fault}"
            if not any(kind in _RECOVERABLE for kind in kinds):
                break
    return StepReport(
        sound=not (slip or reasoning.unfinished()),
        steps=len(texts),
        errors_found=recovered + bool(slip),
        recovered=recovered,
        moves=count_moves(think),
        reason=slip or reasoning.unfinished(),
        guessed=reasoning.guessed(),
    )


def _take(reasoning: Reasoning, steps: list[Step]) -> str:
    """Take the first reading that follows; else say why the likeliest one does not."""
    if not steps:
        return "does not read as a step about this puzzle"
    faults = []
    for step in steps:
        fault = reasoning.take(step)
        if not fault:
            return ""
        faults.append(fault)
    return faults[0]


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + " ...")


class _Reader:
    """Turns recognised sentences into steps about one puzzle."""

    def __init__(self, puzzle: Puzzle) -> None:
        self.claims = ClaimReader(puzzle)
        self.numbers = {name: i for i, name in enumerate(puzzle.names)}
        self.bare_roles = {puzzle.knight: True, puzzle.knave: False}
        self.roles = {with_article(role): knight for role, knight in self.bare_roles.items()}

    def steps(self, text: str) -> list[Step]:
        """The readings of a sentence that make sense for this puzzle, likeliest first."""
        found = [self._resolve(reading) for reading in readings(text)]
        return [step for step in found if step is not None]

    def _resolve(self, reading: Reading) -> Step | None:
        gaps = reading.gaps
        values: dict[str, Any] = {}
        if reading.value is not None:
            values["knight"] = reading.value  # where the wording names no role, its polarity implies one
        for gap, text in gaps.items():
            name, value = self._value(gap, text)
            if value is None:
                return None
            values[name] = value
        return Step(reading.kind, reading.value, **values)

    def _value(self, gap: str, text: str) -> tuple[str, Any]:
        """The field of `Step` that a gap fills, and its value; None for text that means nothing here."""
        match gap:
            case "N":
                return "person", self.numbers.get(text)
            case "M":
                return "other", self.numbers.get(text)
            case "A":
                return "knight", self.roles.get(text)
            case "a":
                return "knight", self.bare_roles.get(text)
            case "B":
                return "opposite", self.roles.get(text)
            case "S":
                return "claim", self.claims.read(text)
            case "L":
                return "people", _all([self.numbers.get(name) for name in _items(text)])
            case "D":
                return "roles", _all([self._placed(item, " is ", self.roles) for item in _items(text)])
            case _:
                return "roles", _all([self._placed(item, " ", self.bare_roles) for item in _items(text)])

    def _placed(self, item: str, joint: str, roles: dict[str, bool]) -> tuple[int, bool] | None:
        name, _, role = item.rpartition(joint)
        if name not in self.numbers or role not in roles:
            return None
        return self.numbers[name], roles[role]


def _items(listing: str) -> list[str]:
    """The items of "A", "A and B", "A, B and C"."""
    return listing.replace(" and ", ", ").split(", ")


def _all(values: list[Any]) -> tuple[Any, ...] | None:
    """The values as a tuple; None when one of them is None."""
    return None if None in values else tuple(values)

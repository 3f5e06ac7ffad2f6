"""Single-step exercises about iGSM problems: what the backbone `tiny-igsm` is pretrained on.

They teach reading (what is said of a parameter, and what that depends on), putting in numbers that were found
before, and arithmetic. They contain no search: what is to be worked out is told, and all that it takes is given.
The sentences are those of the trace language, so that fine-tuning has only the strategy to teach.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from tailor_core.demonstrations.igsm.computations import Calculator, Operand
from tailor_core.environments.curriculum import Exercise
from tailor_core.environments.igsm.moves import Program
from tailor_core.environments.igsm.spec import Named
from tailor_core.environments.igsm.structure import Parameter
from tailor_core.environments.igsm.wording import Wording, listing

_PROGRAM = Program(naming="names", steps="single", arithmetic="direct")
"""The manner of the computations."""

_SUMS = range(3, 6)
"""An exercise in arithmetic has so many operations;"""

_PLAIN_NUMBERS = 10
"""and its numbers are below this where there is no modulus, which every number is below otherwise."""


def exercises(named: Named, voices: Sequence[int], rng: random.Random) -> Iterator[Exercise]:
    """Exercises about one problem without end, each in one of `voices` (indices of `moves.Voice`)."""
    kinds, weights = list(_MAKERS), [weight for _, weight in _MAKERS.values()]
    desk = _Desk(named, rng)
    while True:
        kind = rng.choices(kinds, weights)[0]
        question, reply = _MAKERS[kind][0](desk, Wording(named, rng.choice(voices)))
        yield Exercise(kind, question, reply)


class _Desk:
    """A problem, and the value of everything that it says something of."""

    def __init__(self, named: Named, rng: random.Random) -> None:
        self.named = named
        self.scenario = named.scenario
        self.rng = rng
        self.calculator = Calculator(named.scenario, _PROGRAM)
        self.symbols: dict[Parameter, Operand] = {}
        sums = [abstract for abstract, products in self.scenario.products.items() if products]
        waiting = [*self.scenario.statements, *sums]
        while waiting:
            ready = [p for p in waiting if self.symbols.keys() >= set(self.scenario.needs(p))]
            if not ready:
                break  # a problem from outside may define distractors by each other
            for parameter in ready:
                self.symbols[parameter] = (
                    named.name(parameter),
                    self.calculator.value(parameter, self.symbols),
                )
            waiting = [parameter for parameter in waiting if parameter not in self.symbols]
        self.known = list(self.symbols)

    def some(self, most: int) -> list[Parameter]:
        """One parameter or more, in any order."""
        return self.rng.sample(self.known, min(self.rng.randint(1, most), len(self.known)))

    def one(self) -> Parameter:
        """A parameter; those that need others three times as often."""
        return self.rng.choices(self.known, [3 if self.scenario.needs(p) else 1 for p in self.known])[0]

    def computation(self, parameter: Parameter) -> str:
        """How a parameter is computed from those that it needs."""
        return self.calculator.chain(parameter, self.symbols)


def _restate(desk: _Desk, wording: Wording) -> tuple[str, str]:
    statements = desk.scenario.statements
    asked = desk.rng.sample(list(statements), min(desk.rng.randint(1, 2), len(statements)))
    replies = [wording.restate(parameter, statements[parameter]) for parameter in asked]
    return _ask(desk, "What does it say of", asked, replies, " equals "), _sentences(replies)


def _need(desk: _Desk, wording: Wording) -> tuple[str, str]:
    """What some parameters depend on, or that nothing is needed for them."""
    asked = desk.some(2)
    replies = [_needs(desk, wording, parameter) for parameter in asked]
    return _ask(desk, "What is needed for", asked, replies, " need "), _sentences(replies)


def _compute(desk: _Desk, wording: Wording) -> tuple[str, str]:
    """Work a parameter out, given all that it needs, and a little more."""
    asked = desk.one()
    given = dict.fromkeys(desk.scenario.needs(asked)) | dict.fromkeys(desk.some(2))
    given.pop(asked, None)
    past = [wording.compute(p, desk.computation(p)) for p in desk.rng.sample(list(given), len(given))]
    statement = desk.scenario.statements.get(asked)
    replies = [wording.compute(asked, desk.computation(asked))]
    question = _ask(desk, "What is the value of", [asked], replies, " is ")
    if statement is not None and desk.rng.random() < 0.5:
        replies.insert(0, wording.restate(asked, statement))
        question += " Quote first."
    return _known(past) + question, _sentences(replies)


def _calculate(desk: _Desk, wording: Wording) -> tuple[str, str]:
    """Bare arithmetic."""
    numbers = desk.scenario.modulus or _PLAIN_NUMBERS
    lines = []
    for _ in range(desk.rng.choice(_SUMS)):
        one, other = desk.rng.randrange(numbers), desk.rng.randrange(numbers)
        sign, whole = desk.rng.choice((("+", one + other), ("-", one - other), ("*", one * other)))
        lines.append(f"{one} {sign} {other} = {desk.scenario.reduced(whole)}.")
    asked = ", ".join([line.partition(" =")[0] for line in lines])
    return f"What is {asked}?", _sentences(lines)


def _answer(desk: _Desk, wording: Wording) -> tuple[str, str]:
    """Find what was asked for among what was found, and write it down."""
    question = desk.scenario.question
    given = dict.fromkeys([question, *desk.some(3)])
    past = [wording.compute(p, desk.computation(p)) for p in desk.rng.sample(list(given), len(given))]
    value = desk.symbols[question][1]
    reply = f"{_sentences([wording.done(value)])}\n<answer>{value}</answer>"
    return _known(past) + "Write the answer down.", reply


Maker = Callable[[_Desk, Wording], tuple[str, str]]

_MAKERS: dict[str, tuple[Maker, float]] = {
    "restate": (_restate, 2),
    "need": (_need, 2),
    "compute": (_compute, 4),
    "calculate": (_calculate, 1.5),
    "answer": (_answer, 0.7),
}
"""Kind -> its maker, and how often it comes relative to the others."""


def _needs(desk: _Desk, wording: Wording, parameter: Parameter) -> str:
    needs = desk.scenario.needs(parameter)
    return wording.need(parameter, needs) if needs else wording.given(parameter)


def _sentences(lines: Sequence[str]) -> str:
    return "- " + " ".join(lines)


def _known(past: Sequence[str]) -> str:
    return f"Known: {' '.join(past)} " if past else ""


def _ask(desk: _Desk, question: str, asked: Sequence[Parameter], replies: Sequence[str], until: str) -> str:
    """Ask for the replies by the names alone, or by how the replies begin, which there is less to learn for."""
    beginnings = [reply.partition(until) for reply in replies]
    if desk.rng.random() < 0.5 or not all(found for _, found, _ in beginnings):
        return f"{question} {listing([desk.named.name(parameter) for parameter in asked])}?"
    return "Tell me: " + " ".join([f"{begins}{until}what?" for begins, _, _ in beginnings])

"""How the steps of an iGSM trace are worded, in four voices. The checker has patterns of its own."""

from __future__ import annotations

from collections.abc import Sequence

from tailor_core.environments.igsm.rendering import phrase
from tailor_core.environments.igsm.scenario import Expression
from tailor_core.environments.igsm.spec import Named
from tailor_core.environments.igsm.structure import Parameter


def listing(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


class Wording:
    """Words the steps about one problem in one of the voices of `moves.Voice`, by number."""

    def __init__(self, named: Named, voice: int) -> None:
        self.named = named
        self.voice = voice

    def _say(self, *ways: str) -> str:
        return ways[self.voice]

    def _names(self, parameters: Sequence[Parameter]) -> str:
        return listing([self.named.name(parameter) for parameter in parameters])

    def define(self, parameter: Parameter, letter: str, computation: str) -> str:
        name = self.named.name(parameter)
        return self._say(
            f"Define {name} as {letter}; {computation}.",
            f"I write {letter} for {name}; {computation}.",
            f"Let {letter} denote {name}; {computation}.",
            f"{letter} := {name}; {computation}.",
        )

    def compute(self, parameter: Parameter, computation: str) -> str:
        name = self.named.name(parameter)
        return self._say(
            f"The value of {name} is {computation}.",
            f"So {name} comes to {computation}.",
            f"Hence {name} equals {computation}.",
            f"{name}: {computation}.",
        )

    def check(self, parameter: Parameter, computation: str) -> str:
        name = self.named.name(parameter)
        return self._say(
            f"Check: {name} is {computation}.",
            f"Let me do {name} again: {computation}.",
            f"Verification: {name} equals {computation}.",
            f"Again {name}: {computation}.",
        )

    def list(self, parameters: Sequence[Parameter]) -> str:
        names = self._names(parameters)
        return self._say(
            f"What I need: {names}.",
            f"The things I have to work out are {names}.",
            f"The following are required: {names}.",
            f"Plan: {names}.",
        )

    def need(self, parameter: Parameter, needs: Sequence[Parameter]) -> str:
        name, names = self.named.name(parameter), self._names(needs)
        return self._say(
            f"To find {name} I need {names}.",
            f"For {name} I first have to know {names}.",
            f"{name} depends on {names}.",
            f"{name} <- {names}.",
        )

    def given(self, parameter: Parameter) -> str:
        name = self.named.name(parameter)
        return self._say(
            f"{name} is stated outright.",
            f"I can read {name} right off.",
            f"{name} is given as a number.",
            f"{name} given.",
        )

    def blocked(self, parameter: Parameter, missing: Parameter) -> str:
        name, other = self.named.name(parameter), self.named.name(missing)
        return self._say(
            f"I cannot find {name} yet, because {other} is not known.",
            f"Not {name} yet, I still lack {other}.",
            f"{name} cannot be determined before {other}.",
            f"{name} later, {other} first.",
        )

    def skip(self, parameter: Parameter) -> str:
        name = self.named.name(parameter)
        return self._say(
            f"{name} is not needed.",
            f"I can leave {name} aside.",
            f"{name} does not bear on the question.",
            f"Skip {name}.",
        )

    def focus_place(self, owner: int) -> str:
        return self._focus(self.named.items[owner])

    def focus_parameter(self, parameter: Parameter) -> str:
        return self._focus(self.named.name(parameter))

    def _focus(self, name: str) -> str:
        return self._say(f"Next I look at {name}.", f"Now to {name}.", f"Consider {name}.", f"On {name}.")

    def restate(self, parameter: Parameter, expression: Expression) -> str:
        name = self.named.name(parameter)
        said = phrase(expression, lambda term: f"each {self.named.name(term)}")
        return self._say(
            f"It says that each {name} equals {said}.",
            f"I read that each {name} equals {said}.",
            f"By the problem, each {name} equals {said}.",
            f"Given each {name} = {said}.",
        )

    def left(self, number: int) -> str:
        return self._say(
            f"That leaves {number} to find.",
            f"Only {number} to go.",
            f"The number of quantities that remain is {number}.",
            f"Left: {number}.",
        )

    def bounds(self, most: int) -> str:
        return self._say(
            f"All values lie between 0 and {most}.",
            f"Every number I got is between 0 and {most}.",
            f"All results are within 0 and {most}.",
            f"All in 0..{most}.",
        )

    def done(self, value: int) -> str:
        return self._say(
            f"So the answer is {value}.",
            f"That makes it {value}.",
            f"The quantity asked for is {value}.",
            f"Result: {value}.",
        )

    def retract(self) -> str:
        return self._say(
            "Wait, that is wrong.",
            "Hmm, no, that was too quick.",
            "Correction: the last step does not hold.",
            "Undo.",
        )

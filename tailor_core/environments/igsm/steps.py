"""Checks an iGSM think block step by step.

Takes the sentences as `step_language` recognises them, and asks of each whether it is true of the problem and
follows from what was found before. Shares no code with what writes the traces. As in `solution_check`, a
computation is right exactly if its shadow is that of the parameter's own definition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from tailor_core.environments.base import StepReport
from tailor_core.environments.igsm.formulas import is_letter, read_chain
from tailor_core.environments.igsm.formulas import number as read_number
from tailor_core.environments.igsm.rendering import phrase
from tailor_core.environments.igsm.solution_check import AnswerKey
from tailor_core.environments.igsm.step_language import LANGUAGE
from tailor_core.environments.sentence_forms import Reading

_RECOVERABLE = ("define", "compute")
"""Steps that may be wrong if the next sentence takes them back."""


def check_steps(key: AnswerKey, think: str) -> StepReport:
    """Check every sentence of `think`; sound only if in the end the parameter asked for is known."""
    reasoning = _Reasoning(key)
    return LANGUAGE.follow(think, reasoning.take, _RECOVERABLE, reasoning.unfinished)


class _Reasoning:
    """What has been found: parameter -> value, and the letters for parameters and intermediate results."""

    def __init__(self, key: AnswerKey) -> None:
        self.key = key
        self.named = key.named
        self.modulus = key.named.scenario.modulus
        self.known: dict[str, int] = {}
        self.letters: dict[str, tuple[int, int]] = {}

    def take(self, found: list[Reading]) -> str:
        """Act on the first reading that follows; else say why the likeliest one does not."""
        faults = []
        for reading in found:
            fault = _RULES[reading.kind](self, **reading.gaps)
            if not fault:
                return ""
            faults.append(fault)
        return faults[0]

    def unfinished(self) -> str:
        return "" if self.key.asked in self.known else "the trace ends before the question is answered"

    # Computations.

    def _defines(self, name: str, letter: str, computation: str) -> str:
        fault = self._may_find(name)
        if fault:
            return fault
        *before, last = computation.split("; ")
        if not last.startswith("so "):
            return "the computation does not conclude with so"
        letters: dict[str, tuple[int, int]] = {}
        for step in [*before, last[3:]]:
            symbol, equals, chain = step.partition(" = ")
            if not equals or not is_letter(symbol) or symbol in letters or symbol in self.letters:
                return "a letter was used before, or is none"
            result = read_chain(chain, lambda s: letters.get(s) or self.letters.get(s), self.modulus)
            if result.fault:
                return result.fault
            letters[symbol] = result.value, result.shadow
        if symbol != letter:
            return "the computation does not conclude with the letter that stands for the parameter"
        value, shadow = letters.pop(letter)
        own, expected, _ = self.key.parameters[name]
        if shadow != expected:
            return "the computation is not the one that the problem states"
        self.known[name] = value
        self.letters |= {**letters, letter: (value, own)}
        return ""

    def _computes(self, name: str, computation: str) -> str:
        fault = self._may_find(name)
        if fault:
            return fault
        result = read_chain(computation, self._by_name, self.modulus)
        if result.fault:
            return result.fault
        if result.shadow != self.key.parameters[name][1]:
            return "the computation is not the one that the problem states"
        self.known[name] = result.value
        return ""

    def _checks(self, name: str, computation: str) -> str:
        if name not in self.known:
            return "it checks something that is not known yet"
        result = read_chain(computation, self._symbol, self.modulus)
        if not result.fault and result.shadow != self.key.parameters[name][1]:
            return "the computation is not the one that the problem states"
        return result.fault or (
            "" if result.value == self.known[name] else "the value is another than before"
        )

    def _may_find(self, name: str) -> str:
        if name in self.known:
            return "the parameter was found before"
        return "" if name in self.key.parameters else "the parameter is not needed, or does not exist"

    def _by_name(self, symbol: str) -> tuple[int, int] | None:
        value = self.known.get(symbol)
        return None if value is None else (value, self.key.parameters[symbol][0])

    def _symbol(self, symbol: str) -> tuple[int, int] | None:
        return self.letters.get(symbol) or self._by_name(symbol)

    # What is said about the problem.

    def _lists(self, names: str) -> str:
        listed = _items(names, self.key.parameters)
        if len(set(listed)) < len(listed):
            return "it names something twice"
        return (
            ""
            if set(listed) == self.key.parameters.keys()
            else "these are not the parameters that are needed"
        )

    def _needs(self, name: str, names: str) -> str:
        terms = self.key.parameters.get(name)
        if terms is None:
            return "the parameter is not needed, or does not exist"
        said = _items(names, self.key.parameters)
        right = set(said) == terms[2] and len(set(said)) == len(said)
        return "" if right else "this is not what the parameter depends on"

    def _is_given(self, name: str) -> str:
        terms = self.key.parameters.get(name)
        if terms is None:
            return "the parameter is not needed, or does not exist"
        return "it depends on other parameters" if terms[2] else ""

    def _is_blocked(self, name: str, other: str) -> str:
        terms = self.key.parameters.get(name)
        if terms is None or other not in terms[2]:
            return "the one does not depend on the other"
        return "that is known already" if other in self.known else ""

    def _skips(self, name: str) -> str:
        if name in self.key.parameters:
            return "the parameter is needed"
        return "" if name in self.key.stated else "there is no such parameter"

    def _restates(self, name: str, said: str) -> str:
        expression = self.key.stated.get(name)
        if expression is None:
            return "nothing is stated of it"
        stated = phrase(expression, lambda term: f"each {self.named.name(term)}")
        return "" if said == stated else "the problem does not say that"

    def _focuses(self, place: str) -> str:
        return (
            ""
            if place in self.key.owners or place in self.key.parameters
            else "there is no such item or parameter"
        )

    def _counts(self, number: str) -> str:
        return "" if number == str(len(self.key.parameters) - len(self.known)) else "that is not what is left"

    def _bounds(self, number: str) -> str:
        most = read_number(number)
        if most is None or not self.known:
            return "it names no bound"
        return "" if all(0 <= value <= most for value in self.known.values()) else "a value is out of range"

    def _ends(self, number: str) -> str:
        found = self.known.get(self.key.asked)
        return "" if found is not None and number == str(found) else "this is not what was found"

    def _retracts(self) -> str:
        return "nothing wrong was said that could be taken back"


_BETWEEN = re.compile("(, | and )")


def _items(listing: str, known: Collection[str]) -> list[str]:
    """The items of "A", "A and B", "A, B and C"; a known name may itself hold what stands between two."""
    pieces = _BETWEEN.split(listing)
    longest = max([len(_BETWEEN.split(name)) for name in known], default=1)
    items, start = [], 0
    while start < len(pieces):
        ends = range(min(start + longest, len(pieces)), start, -2)
        end = next((end for end in ends if "".join(pieces[start:end]) in known), start + 1)
        items.append("".join(pieces[start:end]))
        start = end + 1
    return items


_RULES: dict[str, Callable[..., str]] = {
    "define": _Reasoning._defines,
    "compute": _Reasoning._computes,
    "check": _Reasoning._checks,
    "list": _Reasoning._lists,
    "need": _Reasoning._needs,
    "given": _Reasoning._is_given,
    "blocked": _Reasoning._is_blocked,
    "skip": _Reasoning._skips,
    "restate": _Reasoning._restates,
    "focus": _Reasoning._focuses,
    "left": _Reasoning._counts,
    "bounds": _Reasoning._bounds,
    "done": _Reasoning._ends,
    "retract": _Reasoning._retracts,
}

"""A full check of a template solution: references, order, arithmetic, dependencies, question and answer.

Shares no code with the writer. Each letter carries two numbers: the value that the text claims, checked
operation by operation, and a *shadow*, the same formula over arbitrary large values of the parameters. A
definition is right exactly if its shadow is that of the parameter's own definition, so any order of a sum is
accepted, while another operator, another parameter or a missing or extra one never is.

Texts are taken apart by plain splitting, so the time is linear in the length whatever the text holds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tailor_core.environments.igsm.formulas import SHADOW_MODULUS, is_letter, number
from tailor_core.environments.igsm.scenario import Expression, Scenario
from tailor_core.environments.igsm.spec import Named
from tailor_core.environments.igsm.structure import Parameter

_MOST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class SolutionCheck:
    """correct: everything is right; reason: one sentence on the first thing wrong, else empty."""

    correct: bool
    reason: str = ""
    definitions: int = 0


@dataclass(frozen=True)
class AnswerKey:
    """What the check knows of a problem. `parameters`: name -> (shadow, shadow of its definition, its terms)."""

    named: Named

    @cached_property
    def parameters(self) -> dict[str, tuple[int, int, frozenset[str]]]:
        scenario = self.named.scenario
        names = {parameter: self.named.name(parameter) for parameter in scenario.order or ()}
        shadows = {parameter: _shadow(name) for parameter, name in names.items()}
        return {
            name: (
                shadows[parameter],
                _defined(scenario, parameter, shadows),
                frozenset([names[need] for need in scenario.needs(parameter)]),
            )
            for parameter, name in names.items()
        }

    @cached_property
    def stated(self) -> dict[str, Expression]:
        """Name -> expression of every parameter that the problem states, needed or not."""
        return {self.named.name(subject): found for subject, found in self.named.scenario.statements.items()}

    @cached_property
    def owners(self) -> frozenset[str]:
        """The names of all items."""
        return frozenset(self.named.items)

    @cached_property
    def asked(self) -> str:
        return self.named.name(self.named.scenario.question)

    def check(self, text: str) -> SolutionCheck:
        """Check a solution; never raises, whatever the text."""
        text = text.strip()
        if not text.endswith("."):
            return SolutionCheck(False, "the solution does not end with a period")
        reading = _Solution(self)
        last = ""
        count = 0
        for sentence in text[:-1].split(". "):
            fault = reading.define(sentence)
            if fault:
                shown = sentence if len(sentence) <= _MOST_SHOWN else sentence[:_MOST_SHOWN] + " ..."
                return SolutionCheck(False, f"{shown!r}: {fault}", count)
            count += 1
            last = reading.last
        if last != self.asked:
            return SolutionCheck(False, f"the last parameter is not {self.asked}, which is asked for", count)
        return SolutionCheck(True, "", count)


def _shadow(name: str) -> int:
    """An arbitrary large number, the same for the same name everywhere."""
    return int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=7).digest())


def _defined(scenario: Scenario, parameter: Parameter, shadows: dict[Parameter, int]) -> int:
    """The shadow that the definition of a parameter has."""
    if parameter[1] < 0:
        total = 0
        for factors in scenario.products[parameter]:
            product = 1
            for factor in factors:
                product *= shadows[factor]
            total += product
        return total % SHADOW_MODULUS
    amount, operator, combination, terms = scenario.statements[parameter]
    if not terms:
        return scenario.reduced(amount or 0)
    inner = sum([shadows[term] for term in terms])
    if combination == "difference":
        inner = shadows[terms[0]] - shadows[terms[1]]
    if amount is not None:
        inner = inner + amount if operator == "more" else inner * amount
    return inner % SHADOW_MODULUS


class _Symbol(NamedTuple):
    """A letter or number: its value as text and number, its shadow, and the parameter it stands for, or itself."""

    text: str
    value: int
    shadow: int
    name: str


class _Solution:
    """The letters of parameters so far; and of the sentence at hand its own letters, and what it uses.

    An intermediate result belongs to its sentence: no other may use it, and its own must.
    """

    def __init__(self, key: AnswerKey) -> None:
        self.key = key
        self.modulus = key.named.scenario.modulus
        self.letters: dict[str, _Symbol] = {}
        self.taken: set[str] = set()
        self.own: dict[str, _Symbol] = {}
        self.defined: set[str] = set()
        self.last = ""
        self.used: set[str] = set()

    def define(self, sentence: str) -> str:
        """Take in one sentence; "" or what is wrong with it."""
        head, *steps = sentence.split("; ")
        name, _, letter = head.removeprefix("Define ").rpartition(" as ")
        known = self.key.parameters.get(name)
        if not head.startswith("Define ") or known is None:
            return "it does not define a parameter that is needed"
        if name in self.defined:
            return "the parameter was defined before"
        if not steps or not steps[-1].startswith(f"so {letter} = "):
            return "it does not conclude with so and the letter that it defines"
        steps[-1] = steps[-1][3:]
        self.used.clear()
        self.own.clear()
        for step in steps:
            fault = self._step(step)
            if fault:
                return fault
        own, expected, terms = known
        result = self.own.pop(letter)
        if not self.own.keys() <= self.used:
            return "an intermediate result is not used"
        parameters = self.used - self.own.keys()
        if parameters != terms:
            return "it depends on too little" if terms - parameters else "it depends on too much"
        if result.shadow != expected:
            return "the formula is not that of the problem"
        self.letters[letter] = result._replace(shadow=own, name=name)
        self.defined.add(name)
        self.last = name
        return ""

    def _step(self, step: str) -> str:
        """Take in "a = b + c = 3 + 4 = 7", "a = b = 7" or "a = 7"; "" or what is wrong with it."""
        letter, *parts = step.split(" = ")
        if letter in self.taken or not is_letter(letter):
            return "its letter was used before, or is none"
        value = number(parts[-1]) if parts else None
        if value is None:
            return "it does not end with a number"
        if len(parts) == 3:
            result, shadow, fault = self._operation(parts[0], parts[1])
        elif len(parts) == 2:
            result, shadow, fault = self._copy(parts[0])
        elif len(parts) == 1:
            result, shadow, fault = value, value, ""
        else:
            return "it is not one operation on two operands"
        if fault:
            return fault
        if result != value:
            return "the arithmetic is wrong"
        self.taken.add(letter)
        self.own[letter] = _Symbol(parts[-1], value, shadow, letter)
        return ""

    def _operation(self, formula: str, put_in: str) -> tuple[int, int, str]:
        """(value, shadow, fault) of "b + c" with "3 + 4" put in."""
        operands = formula.split(" ")
        if len(operands) != 3:
            return 0, 0, "it is not one operation on two operands"
        one, other, sign = self._symbol(operands[0]), self._symbol(operands[2]), operands[1]
        if one is None or other is None:
            return 0, 0, "an operand is not defined"
        if put_in != f"{one.text} {sign} {other.text}":
            return 0, 0, "the values put in are not those of the operands"
        if sign == "+":
            value, shadow = one.value + other.value, one.shadow + other.shadow
        elif sign == "-":
            value, shadow = one.value - other.value, one.shadow - other.shadow
        elif sign == "*":
            value, shadow = one.value * other.value, one.shadow * other.shadow
        else:
            return 0, 0, "the operator is none of +, - and *"
        return value if self.modulus is None else value % self.modulus, shadow % SHADOW_MODULUS, ""

    def _copy(self, letter: str) -> tuple[int, int, str]:
        found = self._symbol(letter)
        return (0, 0, "what it equals is not defined") if found is None else (found.value, found.shadow, "")

    def _symbol(self, symbol: str) -> _Symbol | None:
        """A letter that was defined, or a number; None for anything else."""
        found = self.own.get(symbol) or self.letters.get(symbol)
        if found is not None:
            self.used.add(found.name)
            return found
        value = number(symbol)
        return None if value is None else _Symbol(symbol, value, value, "")

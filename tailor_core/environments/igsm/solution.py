"""The template solution: one sentence a parameter, one operation at a time.

"Define Amber Ship's Oak Cabin as v; so v = 18." and "Define ... as N; r = v - t = 18 - 0 = 18; so N = 7 * r =
7 * 18 = 11.", the wording of the published data.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from random import Random

from tailor_core.environments.igsm.scenario import Scenario
from tailor_core.environments.igsm.spec import Named
from tailor_core.environments.igsm.structure import Parameter, is_abstract, shuffled

LETTERS = string.ascii_letters


def letters(random: Random) -> Iterator[str]:
    """The 52 letters in random order, and then, which the published data cannot do, pairs of them."""
    order = shuffled(LETTERS, random)
    yield from order
    for first in order:
        for second in order:
            yield first + second


def write_solution(named: Named, random: Random, order: Sequence[Parameter] | None = None) -> str:
    """The template solution; parameters in `order`, else in the scenario's own. The scenario has an answer."""
    writer = _Writer(named, letters(random))
    return " ".join([writer.definition(parameter) for parameter in order or named.scenario.order or ()])


_Symbol = tuple[str, int]
"""What stands in a formula, and its value."""


class _Writer:
    """Knows the letters and values of what was defined."""

    def __init__(self, named: Named, free: Iterator[str]) -> None:
        self.named = named
        self.scenario: Scenario = named.scenario
        self.free = free
        self.symbols: dict[Parameter, _Symbol] = {}

    def definition(self, parameter: Parameter) -> str:
        """The sentence that defines a parameter."""
        steps: list[str] = []
        letter = next(self.free)
        if is_abstract(parameter):
            products = [
                [self.symbols[factor] for factor in factors] for factors in self.scenario.products[parameter]
            ]
            if len(products) == 1:
                result = self._formula("*", products[0])
            else:
                result = self._sum([self._apply("*", symbols, steps) for symbols in products], steps)
        else:
            result = self._expression(parameter, steps)
        formula, value = result
        steps.append(f"so {letter} = {formula}")
        self.symbols[parameter] = (letter, value)
        return f"Define {self.named.name(parameter)} as {letter}; {'; '.join(steps)}."

    def _expression(self, parameter: Parameter, steps: list[str]) -> _Symbol:
        number, operator, combination, terms = self.scenario.statements[parameter]
        symbols = [self.symbols[term] for term in terms]
        if not symbols:
            value = self.scenario.reduced(number or 0)
            return str(value), value
        if number is None:
            if combination == "difference":
                return self._formula("-", symbols)
            return self._sum(symbols, steps)
        inner = symbols[0]
        if combination == "difference":
            inner = self._apply("-", symbols, steps)
        elif combination:
            while len(symbols) > 1:
                symbols = [self._apply("+", symbols[:2], steps), *symbols[2:]]
            inner = symbols[0]
        sign = "+" if operator == "more" else "*"
        return self._formula(sign, [(str(number), number), inner])

    def _sum(self, symbols: list[_Symbol], steps: list[str]) -> _Symbol:
        """The formula of a sum, all but its last addition as steps of their own."""
        while len(symbols) > 2:
            symbols = [self._apply("+", symbols[:2], steps), *symbols[2:]]
        return self._formula("+", symbols)

    def _apply(self, sign: str, symbols: list[_Symbol], steps: list[str]) -> _Symbol:
        """One operation with a letter for its result; a single symbol stays what it is."""
        if len(symbols) == 1:
            return symbols[0]
        letter = next(self.free)
        formula, value = self._formula(sign, symbols)
        steps.append(f"{letter} = {formula}")
        return letter, value

    def _formula(self, sign: str, symbols: list[_Symbol]) -> _Symbol:
        """ "a + b = 3 + 4 = 7", "a = 3", or "3" and the value."""
        if not symbols:
            return "0", 0
        if len(symbols) == 1:
            symbol, value = symbols[0]
            return f"{symbol} = {value}", value
        (one, first), (other, second) = symbols
        value = first + second if sign == "+" else first - second if sign == "-" else first * second
        value = self.scenario.reduced(value)
        return f"{one} {sign} {other} = {first} {sign} {second} = {value}", value

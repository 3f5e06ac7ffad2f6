"""Puts numbers and operators into a draft, and keeps the answer within bounds and off the one that leaks.

Left alone, zero is by far the most frequent answer, up to three times as frequent as any other. So it is allowed
in 3 problems of 10 only; where it is not, or where a value leaves its bounds, the numbers are drawn again, not the
problem.
"""

from __future__ import annotations

from random import Random

from tailor_core.environments.igsm.dependencies import Draft, Parents
from tailor_core.environments.igsm.scenario import Expression, Scenario, evaluate, total
from tailor_core.environments.igsm.structure import Parameter, shuffled

BOUND = 1000
"""Without a modulus, every value that the question needs is at least 0 and below this."""

ZERO_ALLOWED = 0.3
"""The share of problems that may have the answer 0; it brings zero down to below one answer in 23."""

_ATTEMPTS = 12
_PLAIN_NUMBERS = 10
_LARGE, _LARGE_FACTOR = BOUND // 5, 12
"""Values, and those that sums over categories multiply, are not made larger than this without need."""


def draw_numbers(draft: Draft, modulus: int | None, random: Random) -> tuple[Scenario, int] | None:
    """The draft as a scenario, and its answer; None where no numbers were found that keep within bounds."""
    zero_allowed = random.random() < ZERO_ALLOWED
    sums = draft.structure.sums
    products = [product for p in draft.needed if p[1] < 0 for product in sums[p] if len(product) > 1]
    multiplied = frozenset([factor for product in products for factor in product])
    for _ in range(_ATTEMPTS):
        drawn = _Draw(modulus, random, multiplied)
        values = drawn.values
        for parameter in draft.needed:
            if parameter[1] >= 0:
                drawn.state(parameter, draft.parents[parameter], known=True)
            else:
                value = total(sums[parameter], values)
                values[parameter] = value if modulus is None else value % modulus
            if modulus is None and values[parameter] >= BOUND:
                break
        else:
            question = draft.needed[-1]
            if not values[question] and not zero_allowed:
                continue
            for parameter, parents in draft.parents.items():
                if parameter not in drawn.statements:
                    drawn.state(parameter, parents, known=values.keys() >= set(parents.terms))
            return Scenario(draft.structure, drawn.statements, question, modulus), values[question]
    return None


class _Draw:
    """One attempt: the statements and values so far. Distractors get statements, but need no values."""

    def __init__(self, modulus: int | None, random: Random, multiplied: frozenset[Parameter]) -> None:
        self.modulus = modulus
        self.random = random
        self.multiplied = multiplied
        self.statements: dict[Parameter, Expression] = {}
        self.values: dict[Parameter, int] = {}

    def state(self, parameter: Parameter, parents: Parents, known: bool) -> None:
        """Draw the statement of a link, and its value if those of its terms are known."""
        random = self.random.random
        large = _LARGE_FACTOR if parameter in self.multiplied else _LARGE
        terms = parents.terms
        if len(terms) > 1:
            terms = shuffled(terms, self.random)
        combination = "" if len(terms) < 2 else "sum" if len(terms) > 2 or random() < 0.5 else "difference"
        if len(terms) == 2 and known and self.modulus is None:
            terms.sort(key=self.values.__getitem__, reverse=True)  # counts of things are never negative
            if self.values[terms[0]] + self.values[terms[1]] > large:
                combination = "difference"
        expression = Expression(None, "", combination, tuple(terms))
        if parents.number:
            expression = self._with_number(expression, known, large)
        self.statements[parameter] = expression
        if known:
            value = evaluate(expression, self.values)
            self.values[parameter] = value if self.modulus is None else value % self.modulus

    def _with_number(self, expression: Expression, known: bool, large: int) -> Expression:
        numbers = self.modulus or _PLAIN_NUMBERS
        number = int(self.random.random() * numbers)
        if not expression.terms:
            return expression._replace(number=number)
        operator = "more" if self.random.random() < 0.5 else "times"
        if operator == "times" and number == 0:
            number = 1 + int(self.random.random() * (numbers - 1))
        grown = Expression(number, operator, expression.combination, expression.terms)
        if operator == "times" and known and self.modulus is None and evaluate(grown, self.values) > large:
            return grown._replace(operator="more")
        return grown

"""An iGSM problem without its names: what is stated of each parameter, what is asked, and the exact solution.

An *instance* parameter (how many of one item another item has) is stated by an expression. An *abstract*
parameter (how many items of a category an item has) is never stated: it is the sum over the things of its
owner. Together they are the nodes of the dependency graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tailor_core.environments.igsm.structure import Parameter, Product, Structure, is_abstract

MODULUS = 23

LARGEST_VALUE = 10**12
"""A problem with a value beyond this counts as one without a solution: nothing may grow without end."""


class Expression(NamedTuple):
    """The right side of a statement: `number operator (combination of terms)`.

    number:      a number alone where there are no terms; None where there is none
    operator:    `more` (added) or `times`; "" without a number or without terms
    combination: `sum` or `difference` (of two); "" for at most one term
    """

    number: int | None
    operator: str
    combination: str
    terms: tuple[Parameter, ...]


def operations(parents: int) -> int:
    """The operations of a definition that depends on so many parents, a number among them: at least one."""
    return max(1, parents - 1)


@dataclass(frozen=True)
class Scenario:
    """A structure, a statement for each of its links, and the parameter asked for.

    modulus: all values are reduced by it; None for plain whole numbers
    """

    structure: Structure
    statements: Mapping[Parameter, Expression]
    question: Parameter
    modulus: int | None

    @cached_property
    def products(self) -> dict[Parameter, list[Product]]:
        """Every abstract parameter as a sum of products, in the order in which the text states what is counted."""
        place = {parameter: number for number, parameter in enumerate(self.statements)}
        return {
            abstract: sorted(products, key=lambda product: place[product[0]])
            for abstract, products in self.structure.sums.items()
        }

    def needs(self, parameter: Parameter) -> tuple[Parameter, ...]:
        """The parameters that define a parameter directly, in the order of its definition."""
        if is_abstract(parameter):
            return tuple([factor for product in self.products[parameter] for factor in product])
        return self.statements[parameter].terms

    def cost(self, parameter: Parameter) -> int:
        """The operations of one definition."""
        if is_abstract(parameter):
            return operations(sum(map(len, self.products[parameter])))
        expression = self.statements[parameter]
        return operations(len(expression.terms) + (expression.number is not None))

    @cached_property
    def order(self) -> tuple[Parameter, ...] | None:
        """All parameters that the question needs, each after what it needs; None where they need each other."""
        done: dict[Parameter, None] = {}
        open_: set[Parameter] = set()
        path = [self.question]
        while path:
            parameter = path[-1]
            waiting = [need for need in self.needs(parameter) if need not in done]
            if not waiting:
                path.pop()
                done[parameter] = None
                open_.discard(parameter)
            elif parameter in open_ and any(need in open_ for need in waiting):
                return None
            else:
                open_.add(parameter)
                path += [need for need in reversed(waiting) if need not in open_]
        return tuple(done)

    @property
    def op(self) -> int:
        """How many operations the solution takes; 0 where there is none."""
        return sum(map(self.cost, self.order or ()))

    def value(self, parameter: Parameter, values: Mapping[Parameter, int]) -> int:
        """The value that the definition of a parameter gives, given those of all it needs."""
        if is_abstract(parameter):
            return self.reduced(total(self.products[parameter], values))
        return self.reduced(evaluate(self.statements[parameter], values))

    def reduced(self, value: int) -> int:
        return value if self.modulus is None else value % self.modulus

    @cached_property
    def values(self) -> dict[Parameter, int] | None:
        """The value of each parameter that the question needs, in order; None where there is no solution."""
        if self.order is None:
            return None
        values: dict[Parameter, int] = {}
        for parameter in self.order:
            value = values[parameter] = self.value(parameter, values)
            if abs(value) > LARGEST_VALUE:
                return None
        return values

    @property
    def answer(self) -> int | None:
        """The value asked for; None where there is no solution."""
        return None if self.values is None else self.values[self.question]


def evaluate(expression: Expression, values: Mapping[Parameter, int]) -> int:
    """The unreduced value of an expression."""
    number, operator, combination, terms = expression
    if not terms:
        return number or 0
    inner = values[terms[0]]
    if combination == "difference":
        inner -= values[terms[1]]
    elif combination:
        inner = sum([values[term] for term in terms])
    if number is None:
        return inner
    return number + inner if operator == "more" else number * inner


def total(products: Iterable[Product], values: Mapping[Parameter, int]) -> int:
    """The unreduced value of a sum of products."""
    found = 0
    for product in products:
        value = values[product[0]]
        found += value if len(product) == 1 else value * values[product[1]]
    return found

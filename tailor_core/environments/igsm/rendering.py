"""Scenarios as text, in the wording of the published data.

"The number of each Amber Ship's Oak Cabin equals 17 more than the sum of each ... and each ...", a sentence a
statement, and "How many Cabin does Amber Ship have?". One thing is added: the published texts leave unsaid
that all numbers are counted modulo 23, which nobody could guess who was not trained on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tailor_core.environments.igsm.scenario import Expression
from tailor_core.environments.igsm.structure import Parameter


def render(
    categories: Sequence[str],
    items: Sequence[str],
    statements: Mapping[Parameter, Expression],
    question: Parameter,
    modulus: int | None,
) -> str:
    """The question text; statements in the order of the mapping."""

    def name(parameter: Parameter) -> str:
        owner, thing = parameter
        return f"each {items[owner]}'s {items[thing] if thing >= 0 else categories[~thing]}"

    sentences = [
        f"The number of {name(parameter)} equals {phrase(expression, name)}."
        for parameter, expression in statements.items()
    ]
    owner, thing = question
    sentences.append(
        f"How many {items[thing] if thing >= 0 else categories[~thing]} does {items[owner]} have?"
    )
    if modulus is not None:
        sentences.append(MODULO.format(modulus=modulus))
    return " ".join(sentences)


MODULO = "Calculate modulo {modulus}."


def phrase(expression: Expression, name: Callable[[Parameter], str]) -> str:
    """The right side of a statement."""
    number, operator, combination, terms = expression
    if not terms:
        return str(number)
    names = [name(term) for term in terms]
    inner = names[0]
    if combination:
        inner = f"the {combination} of {', '.join(names[:-1])} and {names[-1]}"
    if number is None:
        return inner
    return f"{number} {'more than' if operator == 'more' else 'times as much as'} {inner}"

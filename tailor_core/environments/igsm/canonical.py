"""Two hashes: of a whole problem up to renaming and re-ordering, and of the skeleton of its solution.

The canonical hash is equal exactly for problems that differ by names, by the order of the statements, or by
the order of the terms of a sum. The template hash forgets more: all that the question does not need, and all
numbers. It decides on splits, so that no solution skeleton seen in training comes back in a test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from tailor_core.environments.igsm.scenario import Expression, Scenario
from tailor_core.environments.igsm.structure import Parameter
from tailor_core.environments.isomorphism import smallest_certificate

_Head = tuple[int, str, str]
_Statement = tuple[int, int, _Head, bool, tuple[Parameter, ...]]
"""(owner, thing, what is done, is the order of the terms free, terms)."""


def canonical_hash(scenario: Scenario) -> str:
    """32 hex digits for all that is stated and asked."""
    layers = scenario.structure.layers
    statements = [
        (*subject, _head(expression), expression.combination == "sum", expression.terms)
        for subject, expression in scenario.statements.items()
    ]
    # The question makes its owner special among the items of its layer, and its thing, too.
    asked = set(scenario.question)
    ranks = [2 * layer + (item not in asked) for item, layer in enumerate(layers)]
    order = sorted(set(ranks))
    certificate = smallest_certificate(
        [order.index(rank) for rank in ranks], partial(_refine, statements), partial(_twins, statements)
    )
    owner, thing = scenario.question
    question = (layers[owner], layers[thing] if thing >= 0 else thing, scenario.modulus)
    return hashlib.sha256(repr((question, order, certificate)).encode()).hexdigest()[:32]


def _twins(statements: list[_Statement], one: int, other: int) -> bool:
    """Does the text say of each of two items what it says of the other?"""
    exchange = {one: other, other: one}

    def written(names: dict[int, int]) -> set[Any]:
        found = set()
        for owner, thing, head, free, terms in statements:
            named = [(names.get(of, of), names.get(what, what)) for of, what in terms]
            owned = names.get(owner, owner), names.get(thing, thing)
            found.add((owned, head, frozenset(named) if free else tuple(named)))
        return found

    return written(exchange) == written({})


def _head(expression: Expression) -> _Head:
    number = -1 if expression.number is None else expression.number
    return number, expression.operator, expression.combination


def _refine(statements: list[_Statement], colours: list[int]) -> tuple[list[int], tuple[Any, ...]]:
    """Split the colours of items by the statements that name them until stable; and the sorted statements then.

    See `isomorphism.Refine`. A category is called by its layer.
    """
    known = len(set(colours))
    while True:
        written = []
        for owner, thing, head, free, terms in statements:
            named = [(colours[of], colours[what] if what >= 0 else what) for of, what in terms]
            if free:
                named.sort()
            written.append((colours[owner], colours[thing], head, named))
        if known == len(colours):
            return colours, _certificate(written)
        marks: list[list[Any]] = [[colour] for colour in colours]
        for (owner, thing, _, free, terms), text in zip(statements, written, strict=True):
            marks[owner].append((0, text))
            marks[thing].append((1, text))
            for place, (of, what) in enumerate(terms):
                role = 2 if free else 4 + 2 * place
                marks[of].append((role, text))
                if what >= 0:
                    marks[what].append((role + 1, text))
        signatures = [(mark[0], sorted(mark[1:])) for mark in marks]
        # Few items, each compared by its whole mark: sorting beats hashing such long tuples.
        places = sorted(range(len(colours)), key=signatures.__getitem__)
        colours = colours.copy()
        colour, last = -1, None
        for place in places:
            if signatures[place] != last:
                colour, last = colour + 1, signatures[place]
            colours[place] = colour
        if colour + 1 == known:
            return colours, _certificate(written)
        known = colour + 1


def _certificate(written: list[Any]) -> tuple[Any, ...]:
    return tuple([(owner, thing, head, tuple(named)) for owner, thing, head, named in sorted(written)])


def template_hash(scenario: Scenario, order: Sequence[Parameter] | None = None) -> str:
    """32 hex digits for the skeleton of the solution; of a problem without one, for that alone.

    `order` is what the question needs, each after what it needs, where the caller knows it.
    """
    digests: dict[Parameter, bytes] = {}
    for parameter in order or scenario.order or ():
        if parameter[1] < 0:
            terms = [
                b"*".join([digests[factor] for factor in factors])
                for factors in scenario.structure.sums[parameter]
            ]
            parts = [b"each", *sorted(terms)]
        else:
            number, operator, combination, needs = scenario.statements[parameter]
            terms = [digests[need] for need in needs]
            if combination == "sum":
                terms.sort()
            parts = [b"%d%b%b" % (number is not None, operator.encode(), combination.encode()), *terms]
        digests[parameter] = hashlib.sha256(b" ".join(parts)).digest()
    return digests[scenario.question].hex()[:32] if digests else "0" * 32

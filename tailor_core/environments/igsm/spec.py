"""Specs: scenarios with their names as JSON, checked field by field when they come from outside.

    categories  names of the layers, from the outermost
    items       names of the items of each layer
    statements  [[owner, item], expression] each, in the order of the text
    question    [owner, item or category]
    modulus     23, or null
    answer      the value asked for

An expression is a number, a parameter `[owner, thing]`, or an operator with its operands: `["more", n, e]`,
`["times", n, e]`, `["sum", p, p, ...]` and `["difference", p, p]`. Nothing here recurses on what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailor_core.environments.igsm.scenario import LARGEST_VALUE, Expression, Scenario
from tailor_core.environments.igsm.structure import Parameter, Structure
from tailor_core.environments.rows import shown
from tailor_core.errors import InputError

MOST_ITEMS = 48
MOST_STATEMENTS = 256
MOST_LAYERS = 8
MOST_TERMS = 16
LARGEST = 10**6
"""Numbers of a problem from outside are at most this; products of a few of them stay cheap."""

_MOST_NAME = 60


@dataclass(frozen=True)
class Named:
    """A scenario and the names of its categories and items."""

    scenario: Scenario
    categories: tuple[str, ...]
    items: tuple[str, ...]

    def name(self, parameter: Parameter) -> str:
        """ "Amber Ship's Oak Cabin"."""
        owner, thing = parameter
        return f"{self.items[owner]}'s {self.thing(thing)}"

    def thing(self, thing: int) -> str:
        """The name of an item or a category."""
        return self.items[thing] if thing >= 0 else self.categories[~thing]


def spec_of(scenario: Scenario, categories: Sequence[str], items: Sequence[str]) -> dict[str, Any]:
    """The JSON of a scenario with names, without the answer."""

    def parameter(found: Parameter) -> list[str]:
        owner, thing = found
        return [items[owner], items[thing] if thing >= 0 else categories[~thing]]

    def expression(found: Expression) -> Any:
        number, operator, combination, terms = found
        if not terms:
            return number
        inner: Any = [parameter(term) for term in terms]
        inner = [combination, *inner] if combination else inner[0]
        return inner if number is None else [operator, number, inner]

    layers: list[list[str]] = [[] for _ in categories]
    for item, layer in zip(items, scenario.structure.layers, strict=True):
        layers[layer].append(item)
    return {
        "categories": list(categories),
        "items": layers,
        "statements": [
            [parameter(subject), expression(found)] for subject, found in scenario.statements.items()
        ],
        "question": parameter(scenario.question),
        "modulus": scenario.modulus,
    }


def read_spec(spec: Mapping[str, Any], where: str = "metadata.spec") -> Named:
    """The scenario of a spec; InputError names the field."""
    return _Reader(spec, where).read()


def read_answer(spec: Mapping[str, Any], named: Named, where: str = "metadata.spec") -> int:
    """The only answer; InputError when there is none, or the spec says otherwise."""
    answer = named.scenario.answer
    if answer is None:
        raise InputError(
            f"{where}.statements give the question no answer: they define parameters by each other, or lead to "
            f"values beyond {LARGEST_VALUE}; take a reference out"
        )
    claimed = spec.get("answer")
    if claimed is not None and (type(claimed) is not int or claimed != answer):
        raise InputError(
            f"{where}.answer = {shown(claimed)}, but the statements give {shown(answer)}; mend it"
        )
    return answer


class _Reader:
    """Reads one spec, field by field."""

    def __init__(self, spec: Mapping[str, Any], where: str) -> None:
        self.spec = spec
        self.where = where
        self.owners: dict[str, int] = {}
        self.things: dict[str, int] = {}
        self.layers: list[int] = []

    def read(self) -> Named:
        categories = self._categories()
        self._items(len(categories))
        rows = self.spec.get("statements")
        if not isinstance(rows, (list, tuple)) or len(rows) > MOST_STATEMENTS:
            raise self._wrong("statements", rows, f"a list of at most {MOST_STATEMENTS} statements")
        subjects = [self._subject(row, f"statements[{place}]") for place, row in enumerate(rows)]
        if len(set(subjects)) < len(subjects):
            raise self._wrong("statements", rows, "statements of different parameters")
        structure = Structure(tuple(self.layers), self._children(subjects))
        statements = {
            subject: self._expression(row[1], f"statements[{place}][1]")
            for place, (subject, row) in enumerate(zip(subjects, rows, strict=True))
        }
        question = self._parameter(self.spec.get("question"), "question")
        scenario = Scenario(structure, statements, question, self._modulus())
        self._check_references(scenario)
        return Named(scenario, categories, tuple(self.owners))

    def _wrong(self, field: str, value: Any, expected: str) -> InputError:
        return InputError(f"{self.where}.{field} = {shown(value)}, but must be {expected}")

    def _names(self, value: Any, field: str, most: int) -> list[str]:
        if not isinstance(value, (list, tuple)) or len(value) > most:
            raise self._wrong(field, value, f"a list of at most {most} names")
        for name in value:
            if not isinstance(name, str) or not 0 < len(name) <= _MOST_NAME or name != " ".join(name.split()):
                raise self._wrong(
                    field,
                    name,
                    f"a name of 1 to {_MOST_NAME} characters with single spaces between its words",
                )
        return list(value)

    def _categories(self) -> tuple[str, ...]:
        names = self._names(self.spec.get("categories"), "categories", MOST_LAYERS)
        if not names or len(set(names)) < len(names):
            raise self._wrong("categories", names, "a list of different names")
        self.things = {name: ~layer for layer, name in enumerate(names)}
        return tuple(names)

    def _items(self, depth: int) -> None:
        layers = self.spec.get("items")
        if not isinstance(layers, (list, tuple)) or len(layers) != depth:
            raise self._wrong("items", layers, f"a list of {depth} lists of names, one for each category")
        for layer, names in enumerate(layers):
            for name in self._names(names, f"items[{layer}]", MOST_ITEMS):
                if name in self.things:
                    raise self._wrong(f"items[{layer}]", name, "a name that nothing else has")
                self.owners[name] = self.things[name] = len(self.layers)
                self.layers.append(layer)
        if len(self.layers) > MOST_ITEMS:
            raise self._wrong("items", layers, f"at most {MOST_ITEMS} names in all")
        if not self.layers or self.layers[-1] != depth - 1:
            raise self._wrong("items", layers, "at least one item in the last layer")

    def _subject(self, row: Any, field: str) -> Parameter:
        if not isinstance(row, (list, tuple)) or len(row) != 2:
            raise self._wrong(field, row, "a pair [[owner, item], expression]")
        owner, thing = self._parameter(row[0], f"{field}[0]")
        if thing < 0:
            raise self._wrong(f"{field}[0]", row[0], "a parameter of an item, not of a category")
        return owner, thing

    def _parameter(self, value: Any, field: str) -> Parameter:
        if not isinstance(value, (list, tuple)) or [type(name) for name in value] != [str, str]:
            raise self._wrong(field, value, "a pair of names [owner, item or category]")
        owner, thing = self.owners.get(value[0]), self.things.get(value[1])
        if owner is None or thing is None:
            unknown = value[0] if owner is None else value[1]
            raise self._wrong(field, value, f"made of known names, but {shown(unknown)} is none")
        layer = self.layers[owner]
        below = self.layers[thing] if thing >= 0 else ~thing
        if below <= layer or (thing >= 0 and below > layer + 1):
            raise self._wrong(field, value, "an item of the next layer, or a category further below")
        return owner, thing

    def _children(self, subjects: list[Parameter]) -> tuple[tuple[int, ...], ...]:
        children: list[list[int]] = [[] for _ in self.layers]
        for owner, thing in subjects:
            children[owner].append(thing)
        return tuple([tuple(sorted(things)) for things in children])

    def _expression(self, value: Any, field: str) -> Expression:
        if isinstance(value, (list, tuple)) and value and value[0] in ("more", "times"):
            if len(value) != 3:
                raise self._wrong(field, value, f'["{value[0]}", number, parameters]')
            number = self._number(value[1], field)
            combination, terms = self._terms(value[2], field)
            return Expression(number, value[0], combination, terms)
        if isinstance(value, (list, tuple)):
            combination, terms = self._terms(value, field)
            return Expression(None, "", combination, terms)
        return Expression(self._number(value, field), "", "", ())

    def _number(self, value: Any, field: str) -> int:
        if type(value) is not int or not 0 <= value <= LARGEST:
            raise self._wrong(field, value, f"a whole number from 0 to {LARGEST}")
        return value

    def _terms(self, value: Any, field: str) -> tuple[str, tuple[Parameter, ...]]:
        if not isinstance(value, (list, tuple)) or not value:
            raise self._wrong(field, value, "a number, a parameter, a sum or a difference")
        if value[0] not in ("sum", "difference") or (len(value) == 2 and isinstance(value[1], str)):
            return "", (self._parameter(value, field),)
        terms = tuple([self._parameter(term, field) for term in value[1:]])
        most = 2 if value[0] == "difference" else MOST_TERMS
        if not 2 <= len(terms) <= most or len(set(terms)) < len(terms):
            raise self._wrong(field, value, f"a {value[0]} of 2 to {most} different parameters")
        return value[0], terms

    def _modulus(self) -> int | None:
        modulus = self.spec.get("modulus")
        if modulus is not None and (type(modulus) is not int or not 2 <= modulus <= LARGEST):
            raise self._wrong("modulus", modulus, f"a whole number from 2 to {LARGEST}, or null")
        return modulus

    def _check_references(self, scenario: Scenario) -> None:
        """Is every parameter that is referred to stated, or a sum of stated ones?"""
        mentioned = [scenario.question, *(t for e in scenario.statements.values() for t in e.terms)]
        for owner, thing in mentioned:
            if thing >= 0 and (owner, thing) not in scenario.statements:
                names = list(self.owners)
                raise self._wrong(
                    "statements", [names[owner], names[thing]], "stated, because something refers to it"
                )

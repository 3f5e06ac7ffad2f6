"""A second opinion on iGSM questions: read with patterns of its own, worked out in networkx's order.

Knows only the wording of Tailor's own texts, in which an item is named after its category.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import networkx

_STATEMENT = re.compile(r"The number of each ([^.]+?) equals ([^.]+)\.")
_QUESTION = re.compile(r"How many (.+?) does (.+?) have\?(?: Calculate modulo (\d+)\.)?$")
_NUMBER = re.compile(r"(\d+)(?: (more than|times as much as) )?")


class Oracle:
    """The dependency graph of a question (edges from what is needed), and its values."""

    def __init__(self, question: str) -> None:
        asked = _QUESTION.search(question)
        assert asked
        self.modulus = int(asked[3]) if asked[3] else None
        self.asked = f"{asked[2]}'s {asked[1]}"
        self.stated = dict(_STATEMENT.findall(question))
        self.graph: Any = networkx.DiGraph()
        self._add(self.asked)
        for name in self.stated:
            self._add(name)
        self.needed = networkx.ancestors(self.graph, self.asked) | {self.asked}
        self.values: dict[str, Fraction] = {}
        for name in networkx.topological_sort(self.graph):
            self.values[name] = self._value(name)

    def parts(self, name: str) -> list[list[str]]:
        """An abstract parameter as a sum of products."""
        owner, thing = name.split("'s ")
        links = [link for link in self.stated if link.startswith(f"{owner}'s ")]
        if links and links[0].endswith(f" {thing}"):
            return [[link] for link in links]
        return [[link, f"{link.split(chr(39) + 's ')[1]}'s {thing}"] for link in links]

    def needs(self, name: str) -> list[str]:
        if name not in self.stated:
            return [factor for part in self.parts(name) for factor in part]
        return re.findall(r"each (.+?'s .+?)(?=, each| and each|$)", self.stated[name])

    def _add(self, name: str) -> None:
        if name in self.graph and name in self.graph.nodes and self.graph.nodes[name].get("seen"):
            return
        self.graph.add_node(name, seen=True)
        for need in self.needs(name):
            self._add(need)
            self.graph.add_edge(need, name)

    def _value(self, name: str) -> Fraction:
        if name not in self.stated:
            value = Fraction(0)
            for part in self.parts(name):
                product = Fraction(1)
                for factor in part:
                    product *= self.values[factor]
                value += product
        else:
            text = self.stated[name]
            terms = [self.values[need] for need in self.needs(name)]
            value = terms[0] - terms[1] if "the difference of" in text else sum(terms, Fraction(0))
            if number := _NUMBER.match(text):
                amount = Fraction(int(number[1]))
                value = value * amount if number[2] == "times as much as" else value + amount
        return value % self.modulus if self.modulus else value

    def value(self, name: str) -> Fraction:
        """The value of a parameter that nothing in the text may need."""
        if name not in self.values:
            for need in self.needs(name):
                self.value(need)
            self.values[name] = self._value(name)
        return self.values[name]

    @property
    def answer(self) -> Fraction:
        return self.values[self.asked]

    @property
    def op(self) -> int:
        """A definition of n parents takes n - 1 operations, and one at least; a number is a parent."""
        return sum(
            max(1, len(self.needs(name)) + bool(re.match(r"\d", self.stated.get(name, ""))) - 1)
            for name in self.needed
        )

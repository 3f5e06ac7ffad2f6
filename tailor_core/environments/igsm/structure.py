"""Who has what: items in layers of categories, and the links from each item to items one layer below.

The categories form a hierarchy, such as harbour, ship, cabin: every item belongs to one of them, and an item
of one layer can have items of the next. Items are numbered through, layer after layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from random import Random
from typing import TypeVar

_Thing = TypeVar("_Thing")

Parameter = tuple[int, int]
"""(owner, thing): how many of the thing each owner has. The thing is an item, or `category(layer)`."""


def category(layer: int) -> int:
    """The thing that stands for all items of a layer: such a parameter is abstract, its value an implicit sum."""
    return ~layer


def is_abstract(parameter: Parameter) -> bool:
    """Is the thing a category?"""
    return parameter[1] < 0


Product = tuple[Parameter, ...]
"""One or two parameters, to be multiplied."""


@dataclass(frozen=True)
class Structure:
    """layers: the layer of each item, ascending; children: the items of the next layer that each item has."""

    layers: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]

    @property
    def depth(self) -> int:
        """The number of layers."""
        return self.layers[-1] + 1

    def instances(self) -> list[Parameter]:
        """The parameters between items, one a link."""
        return [(owner, thing) for owner, things in enumerate(self.children) for thing in things]

    def abstracts(self) -> list[Parameter]:
        """The parameters that ask an item for a whole category below it."""
        depth = self.depth
        return [
            (owner, category(below))
            for owner, layer in enumerate(self.layers)
            for below in range(layer + 1, depth)
        ]

    @cached_property
    def sums(self) -> dict[Parameter, list[Product]]:
        """What the value of every abstract parameter is the sum of.

        The things of the next layer are counted themselves; those further below through the things between.
        """
        return {
            (owner, thing): [((owner, child),) for child in self.children[owner]]
            if ~thing == self.layers[owner] + 1
            else [((owner, child), (child, thing)) for child in self.children[owner]]
            for owner, thing in self.abstracts()
        }


def shuffled(things: Sequence[_Thing], random: Random) -> list[_Thing]:
    """The things in random order; several times as fast as `random.shuffle`."""
    keys = [random.random() for _ in things]
    return [things[place] for place in sorted(range(len(keys)), key=keys.__getitem__)]


def draw_structure(widths: list[int], links: int, random: Random) -> Structure:
    """A structure with so many items in each layer and as many links as asked for, within what is possible.

    Every item but those of the first layer has an owner, and every item but those of the last has a thing.
    """
    layers = [layer for layer, width in enumerate(widths) for _ in range(width)]
    children: list[set[int]] = [set() for _ in layers]
    free: list[tuple[int, int]] = []
    start, count = 0, 0
    for width, below in pairwise(widths):
        owners = shuffled(range(start, start + width), random)
        things = shuffled(range(start + width, start + width + below), random)
        for place in range(max(width, below)):
            children[owners[place % width]].add(things[place % below])
            count += 1
        free += [(owner, thing) for owner in owners for thing in things if thing not in children[owner]]
        start += width
    for owner, thing in shuffled(free, random)[: max(links - count, 0)]:
        children[owner].add(thing)
    return Structure(tuple(layers), tuple([tuple(sorted(things)) for things in children]))

"""Draws which parameter depends on which, such that the question takes exactly so many operations.

Nothing is drawn and counted afterwards: the needed parameters are chosen within the budget, ordered, and each
is given a user among those that come later; what is left of the budget becomes further dependencies, one
operation each. Then come the distractors, which may depend on anything that was placed before them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise, product
from random import Random

from tailor_core.environments.igsm.scenario import operations
from tailor_core.environments.igsm.structure import (
    Parameter,
    Structure,
    category,
    draw_structure,
    is_abstract,
    shuffled,
)

MOST_PARENTS = 4
"""A statement names at most so many parameters and numbers, as in the published data."""

DEPTHS = (2, 3, 4)
"""The numbers of layers that there are to draw from, if nothing else is said."""

_WIDTHS = (2, 3, 4)
_LEANEST = 0.55
"""At least this share of the operations is spent on having many parameters, not on having long statements."""


@dataclass(slots=True)
class Parents:
    """What the statement of an instance parameter names: other parameters, and a number or none."""

    terms: list[Parameter] = field(default_factory=list)
    number: bool = False

    @property
    def count(self) -> int:
        return len(self.terms) + self.number


@dataclass(frozen=True, slots=True)
class Draft:
    """A dependency graph without numbers.

    needed:   the parameters that the question needs, each after what it needs; the question comes last
    parents:  those of every instance parameter, the needed ones first, then the distractors in order
    """

    structure: Structure
    needed: list[Parameter]
    parents: dict[Parameter, Parents]


def draw_draft(op: int, most_links: int, random: Random, depths: tuple[int, ...] = DEPTHS) -> Draft:
    """A draft whose question takes exactly `op` operations; `op` must fit, see `most_operations`."""
    while True:
        widths = list(_draw_shape(op, most_links, depths, random))
        least, most = _least_links(widths), _most_links(widths, most_links)
        least = max(least, min(most, _links_for(op)))
        links = least + int(min(random.random(), random.random()) * (most - least + 1))
        structure = draw_structure(widths, links, random)
        needed = _Needed(structure, random)
        if needed.choose(op):
            parents = _connect(needed, op, random)
            if parents is not None:
                _distract(structure, needed.sequence, parents, random)
                return Draft(structure, needed.sequence, parents)


def most_operations(most_links: int) -> int:
    """The largest `op` that is drawn without much ado with so many links."""
    return 2 * most_links - 6


def _links_for(op: int) -> int:
    """So many links are enough for `op` operations: the first parameters have few that they can depend on."""
    return (op + 4) // 2


def _least_links(widths: list[int]) -> int:
    return sum(max(pair) for pair in pairwise(widths))


def _most_links(widths: list[int], most_links: int) -> int:
    return min(most_links, sum(one * other for one, other in pairwise(widths)))


def _draw_shape(op: int, most_links: int, depths: tuple[int, ...], random: Random) -> tuple[int, ...]:
    shapes, weights = _shapes(op, most_links, depths)
    return random.choices(shapes, cum_weights=weights)[0]


@lru_cache(maxsize=256)
def _shapes(op: int, most_links: int, depths: tuple[int, ...]) -> tuple[list[tuple[int, ...]], list[float]]:
    """The widths of layers that hold enough links, with cumulative weights: large for many operations."""
    size = (op - 1) / (most_links - 1)
    shapes, weights, total = [], [], 0.0
    for depth in depths:
        for widths in product(_WIDTHS, repeat=depth):
            listed = list(widths)
            if _least_links(listed) <= most_links and _most_links(listed, most_links) >= _links_for(op):
                fullness = (depth - 2 + (sum(widths) / depth - 2)) / 4
                total += 1 / (0.05 + (fullness - size) ** 2) / len(_WIDTHS) ** depth
                shapes.append(widths)
                weights.append(total)
    return shapes, weights


class _Needed:
    """Chooses what the question needs, and in which order it is worked out."""

    def __init__(self, structure: Structure, random: Random) -> None:
        self.structure = structure
        self.random = random
        self.products = structure.sums
        self.instances: dict[Parameter, None] = {}
        self.abstracts: dict[Parameter, None] = {}
        self.sequence: list[Parameter] = []
        self.used: set[Parameter] = set()
        self.cost = 0

    def choose(self, op: int) -> bool:
        """Fill `sequence`, at a cost of at most `op`; False where no order can be found."""
        share = _LEANEST + (1 - _LEANEST) * self.random.random()
        goal = max(min(op, 3 + op // 4), round(op * share))
        self._choose_abstracts(goal)
        for link in shuffled(self.structure.instances(), self.random):
            if self.cost == goal:
                break
            if link not in self.instances:
                self.instances[link] = None
                self.cost += 1
        return self._arrange()

    def _choose_abstracts(self, goal: int) -> None:
        """Abstract parameters, with all that they are sums of, as long as they fit."""
        eagerness = self.random.random()
        for candidate in shuffled(list(self.products), self.random):
            if candidate in self.abstracts or self.random.random() > eagerness:
                continue
            closure = self._closure(candidate)
            links = [p for p in closure if p[1] >= 0 and p not in self.instances]
            sums = [p for p in closure if p[1] < 0 and p not in self.abstracts]
            cost = len(links) + sum([operations(sum(map(len, self.products[p]))) for p in sums])
            if self.cost + cost <= goal:
                self.cost += cost
                self.instances.update(dict.fromkeys(links))
                self.abstracts.update(dict.fromkeys(sums))

    def _closure(self, abstract: Parameter) -> dict[Parameter, None]:
        """An abstract parameter and everything that its definition leads to, down to links."""
        found = {abstract: None}
        todo = [abstract]
        while todo:
            for factors in self.products[todo.pop()]:
                for factor in factors:
                    if factor not in found:
                        found[factor] = None
                        if factor[1] < 0:
                            todo.append(factor)
        return found

    def _arrange(self) -> bool:
        """Put everything in an order in which all that is not yet used can be used by the last link.

        Where the question is abstract, the last link is one that it counts and no other sum does, and only the
        sums that lead from there to the question come after it.
        """
        self.used = self._factors(self.abstracts)
        questions = [p for p in (*self.abstracts, *self.instances) if p not in self.used]
        if not questions:
            return False
        question = last = self._pick(questions)
        after: list[Parameter] = []
        if is_abstract(question):
            after = [p for p in self._closure(question) if is_abstract(p)]
            elsewhere = self._factors([a for a in self.abstracts if a not in after])
            under = self._factors(after) - elsewhere
            ends = [link for link in self.instances if link in under]
            if not ends or not elsewhere.isdisjoint(after):
                return False
            last = self._pick(ends)
        early = shuffled([link for link in self.instances if link != last], self.random)
        self._place(early, [a for a in self.abstracts if a not in after])
        self.sequence.append(last)
        self._place([], after)
        return True

    def _factors(self, abstracts: Iterable[Parameter]) -> set[Parameter]:
        """All that the sums of some abstract parameters name."""
        return {factor for a in abstracts for factors in self.products[a] for factor in factors}

    def _pick(self, parameters: list[Parameter]) -> Parameter:
        return parameters[int(self.random.random() * len(parameters))]

    def _place(self, links: list[Parameter], abstracts: list[Parameter]) -> None:
        """Append the links in order, and each abstract parameter as soon as all its factors are there."""
        placed = set(self.sequence)
        waiting = {a: self._factors([a]) - placed for a in abstracts}
        ready = [a for a, factors in waiting.items() if not factors]
        for link in [None, *links]:
            if link is not None:
                self.sequence.append(link)
                ready += self._freed(waiting, link)
            while ready:
                abstract = ready.pop()
                self.sequence.append(abstract)
                ready += self._freed(waiting, abstract)

    @staticmethod
    def _freed(waiting: dict[Parameter, set[Parameter]], placed: Parameter) -> list[Parameter]:
        """Those that waited for nothing but what was just placed."""
        freed = []
        for abstract, factors in waiting.items():
            if placed in factors:
                factors.discard(placed)
                if not factors:
                    freed.append(abstract)
        return freed


def _connect(needed: _Needed, op: int, random: Random) -> dict[Parameter, Parents] | None:
    """Parents for the needed links, such that everything is used and takes `op` operations; None if stuck."""
    sequence, budget = needed.sequence, op - needed.cost
    parents = {p: Parents() for p in sequence if p[1] >= 0}
    later = [sequence[-1]] if sequence[-1][1] >= 0 else []
    for parameter in reversed(sequence[:-1]):
        if parameter not in needed.used:
            room = MOST_PARENTS if budget else 2
            users = [user for user in later if len(parents[user].terms) < room]
            if not users:
                return None
            user = users[int(random.random() * len(users))]
            terms = parents[user].terms
            terms.append(parameter)
            budget -= len(terms) > 2
        if parameter[1] >= 0:
            later.append(parameter)
    return parents if _spend(sequence, parents, budget, random) else None


def _spend(sequence: list[Parameter], parents: dict[Parameter, Parents], budget: int, random: Random) -> bool:
    """Give every link at least one parent, and then more until the budget is spent; False if that fails."""
    place = {parameter: number for number, parameter in enumerate(sequence)}
    for link, found in parents.items():
        wanted = min(2 if random.random() < 0.5 else 1, place[link] + 1)
        while found.count < wanted:
            _add_parent(found, sequence[: place[link]], random)
    growing = [link for link, found in parents.items() if found.count < min(MOST_PARENTS, place[link] + 1)]
    while budget:
        if not growing:
            return False
        link = growing[int(random.random() * len(growing))]
        found = parents[link]
        _add_parent(found, sequence[: place[link]], random)
        budget -= found.count > 2
        if found.count == min(MOST_PARENTS, place[link] + 1):
            growing.remove(link)
    return True


def _add_parent(found: Parents, earlier: list[Parameter], random: Random) -> None:
    """One more parent: a number every other time, else an earlier parameter."""
    free = [parameter for parameter in earlier if parameter not in found.terms]
    if not found.number and (not free or random.random() < 0.5):
        found.number = True
    else:
        found.terms.append(free[int(random.random() * len(free))])


def _distract(
    structure: Structure, needed: list[Parameter], parents: dict[Parameter, Parents], random: Random
) -> None:
    """Parents for all other links: anything that comes before them, abstract parameters of theirs too."""
    placed = list(needed)
    for link in shuffled([link for link in structure.instances() if link not in parents], random):
        found = parents[link] = Parents()
        wanted = 1 + (random.random() < 0.5)
        while wanted < MOST_PARENTS and random.random() < 0.3:
            wanted += 1
        while found.count < min(wanted, len(placed) + 1):
            _add_parent(found, placed, random)
        placed.append(link)
        owner = link[0]
        direct = (owner, category(structure.layers[owner] + 1))
        if direct not in placed and all((owner, child) in parents for child in structure.children[owner]):
            placed.append(direct)

"""Which of several numberings is the canonical one: colour refinement and individualisation (McKay 1981).

Things get colours from what is said of them, written with the colours of those it mentions. Ties are broken by
singling out each member of the first tied class in turn, and the smallest certificate wins. Branches whose
refined colours are not the smallest are dropped, and so is a branch that leads to a certificate already seen:
then a symmetry maps it onto one explored. So symmetries cost a power of the number of things, not a factorial;
twins, which can be exchanged with nothing else changed, next to nothing where the caller can tell them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Certificate = Any
"""What is left of a puzzle when things are called by their colours: hashable, comparable with its like."""

Refine = Callable[[list[int]], tuple[list[int], Certificate]]
"""Splits colours (0, 1, ... without gaps) until they are stable -> (colours, certificate).

A new colour never leaves the place of the old one, so that things singled out stay where they were put.
"""


Twins = Callable[[int, int], bool]
"""Can two things be exchanged, and nothing changes?"""


def smallest_certificate(colours: list[int], refine: Refine, twins: Twins | None = None) -> Certificate:
    """The certificate of the canonical numbering; `colours` are those that things have to begin with."""
    return _search(refine, twins or _no_twins, *refine(colours))[0]


def _no_twins(one: int, other: int) -> bool:
    return False


def _search(
    refine: Refine, twins: Twins, colours: list[int], certificate: Certificate
) -> tuple[Certificate, set[Certificate]]:
    """The smallest certificate under stable `colours`, and all that were seen on the way."""
    tied = _first_tied(colours)
    if not tied:
        return certificate, {certificate}
    first = tied[0]
    branches = [_single_out(refine, colours, t) for t in tied if t == first or not twins(first, t)]
    smallest = min(signature for _, signature in branches)
    best: Certificate | None = None
    seen: set[Certificate] = set()
    for branch, signature in branches:
        if signature != smallest or (seen and _any_leaf(refine, branch, signature) in seen):
            continue
        found, leaves = _search(refine, twins, branch, signature)
        seen |= leaves
        best = found if best is None or found < best else best
    assert best is not None
    return best, seen


def _any_leaf(refine: Refine, colours: list[int], certificate: Certificate) -> Certificate:
    """The certificate at the end of one path, the first of the smallest at each fork."""
    while tied := _first_tied(colours):
        branches = [_single_out(refine, colours, thing) for thing in tied]
        colours, certificate = min(branches, key=lambda branch: branch[1])
    return certificate


def _first_tied(colours: list[int]) -> list[int]:
    """The things of the smallest colour that several share; empty when all differ."""
    count = len(colours)
    if len(set(colours)) == count:
        return []
    colour = min(colour for colour in colours if colours.count(colour) > 1)
    return [thing for thing in range(count) if colours[thing] == colour]


def _single_out(refine: Refine, colours: list[int], thing: int) -> tuple[list[int], Certificate]:
    """Refined colours after `thing` comes before all others of the same colour."""
    split = [2 * colour + 1 for colour in colours]
    split[thing] -= 1
    order = sorted(set(split))
    return refine([order.index(colour) for colour in split])

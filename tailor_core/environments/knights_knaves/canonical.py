"""The canonical hash: equal exactly for puzzles that differ by renaming and re-ordering alone.

Names and role words do not enter. People may be listed in any order, and so may the operands of "and", "or"
and "<=>". What is left is a graph isomorphism question, answered exactly by colour refinement and
individualisation (McKay 1981): people get colours from the statements they make, written with the colours of
those they mention; ties are broken by singling out each member of the first tied class in turn, and the
smallest certificate wins. Branches whose refined colours are not the smallest are dropped, and so is a
branch that leads to a certificate already seen: then a symmetry of the puzzle maps it onto one explored.
So interchangeable people cost a square of their number, not a factorial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tailor_core.environments.knights_knaves.statements import Statement

Certificate = tuple[str, ...]
"""Per person in canonical order: the colour, then the statement written with colours."""

_FIRST = 0x100
"""Colour c is written with the characters _FIRST + 2c (knight) and _FIRST + 2c + 1 (knave)."""
_SPEAKER = (chr(_FIRST - 2), chr(_FIRST - 1))
_COMMUTATIVE = frozenset(("and", "or", "<=>"))


def canonical_hash(statements: Sequence[Statement]) -> str:
    """32 hex digits for the statements of a puzzle, person by person."""
    certificate, _ = _search(statements, *_refine(statements, [0] * len(statements)))
    return hashlib.sha256("\n".join(certificate).encode()).hexdigest()[:32]


def _search(
    statements: Sequence[Statement], colours: list[int], certificate: Certificate
) -> tuple[Certificate, set[Certificate]]:
    """The smallest certificate under stable `colours`, and all that were seen on the way."""
    tied = _first_tied(colours)
    if not tied:
        return certificate, {certificate}
    branches = [_single_out(statements, colours, person) for person in tied]
    smallest = min(signature for _, signature in branches)
    best: Certificate | None = None
    seen: set[Certificate] = set()
    for branch, signature in branches:
        if signature != smallest or (seen and _any_leaf(statements, branch, signature) in seen):
            continue
        found, leaves = _search(statements, branch, signature)
        seen |= leaves
        best = found if best is None or found < best else best
    assert best is not None
    return best, seen


def _any_leaf(statements: Sequence[Statement], colours: list[int], certificate: Certificate) -> Certificate:
    """The certificate at the end of one path, the first of the smallest at each fork."""
    while tied := _first_tied(colours):
        branches = [_single_out(statements, colours, person) for person in tied]
        colours, certificate = min(branches, key=lambda branch: branch[1])
    return certificate


def _first_tied(colours: list[int]) -> list[int]:
    """The people of the smallest colour that several share; empty when all differ."""
    count = len(colours)
    if len(set(colours)) == count:
        return []
    colour = min(colour for colour in colours if colours.count(colour) > 1)
    return [person for person in range(count) if colours[person] == colour]


def _single_out(
    statements: Sequence[Statement], colours: list[int], person: int
) -> tuple[list[int], Certificate]:
    """Refined colours after `person` comes before all others of the same colour."""
    split = [2 * colour + 1 for colour in colours]
    split[person] -= 1
    order = sorted(set(split))
    return _refine(statements, [order.index(colour) for colour in split])


def _refine(statements: Sequence[Statement], colours: list[int]) -> tuple[list[int], Certificate]:
    """Split colours (0, 1, ... without gaps) by statements until stable; and the sorted statements then.

    A new colour never leaves the place of the old one, so people singled out stay where they were put.
    """
    known = len(set(colours))
    while True:
        marks = [(chr(_FIRST + 2 * colour), chr(_FIRST + 2 * colour + 1)) for colour in colours]
        written = []
        for person, statement in enumerate(statements):
            own = marks[person]
            marks[person] = _SPEAKER
            written.append(own[0] + _write(statement, marks))
            marks[person] = own
        order = sorted(set(written))
        if len(order) == known:
            return colours, tuple(sorted(written))
        known = len(order)
        rank = {text: place for place, text in enumerate(order)}
        colours = [rank[text] for text in written]


def _write(statement: Statement, marks: list[tuple[str, str]]) -> str:
    operator = statement[0]
    if operator == "telling-truth":
        return marks[statement[1]][0]
    if operator == "lying":
        return marks[statement[1]][1]
    parts = [_write(part, marks) for part in statement[1:]]
    if operator in _COMMUTATIVE:
        parts.sort()
    return f"({operator}{''.join(parts)})"

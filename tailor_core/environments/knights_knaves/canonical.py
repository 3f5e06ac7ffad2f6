"""The canonical hash: equal exactly for puzzles that differ by renaming and re-ordering alone.

Names and role words do not enter. People may be listed in any order, and so may the operands of "and", "or"
and "<=>". What is left is a graph isomorphism question, which `isomorphism` answers exactly: people get
colours from the statements they make, written with the colours of those they mention.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from tailor_core.environments.isomorphism import smallest_certificate
from tailor_core.environments.knights_knaves.statements import Statement

Certificate = tuple[str, ...]
"""Per person in canonical order: the colour, then the statement written with colours."""

_FIRST = 0x100
"""Colour c is written with the characters _FIRST + 2c (knight) and _FIRST + 2c + 1 (knave)."""
_SPEAKER = (chr(_FIRST - 2), chr(_FIRST - 1))
_COMMUTATIVE = frozenset(("and", "or", "<=>"))


def canonical_hash(statements: Sequence[Statement]) -> str:
    """32 hex digits for the statements of a puzzle, person by person."""
    certificate = smallest_certificate([0] * len(statements), partial(_refine, statements))
    return hashlib.sha256("\n".join(certificate).encode()).hexdigest()[:32]


def _refine(statements: Sequence[Statement], colours: list[int]) -> tuple[list[int], Certificate]:
    """Split colours by statements until stable; and the sorted statements then. See `isomorphism.Refine`."""
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

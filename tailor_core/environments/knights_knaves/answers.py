"""Reading an answer: who does the text say is what?

Two forms are read, those of the published data sets: numbered clauses "(1) Zoey is a knight" with any
spacing between them, and clauses joined by commas and "and", with or without a final period. Letter case
(ASCII only) and ASCII white space do not matter; everything else does. A clause must equal one of the 2n
clauses of the puzzle, so look-alike letters, negations, other role words and extra text are simply not
clauses. All work is linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tailor_core.environments.base import AnswerCheck
from tailor_core.environments.knights_knaves.statements import with_article

Clauses = dict[bytes, tuple[int, bool]]
"""Clause in lower case, single spaces -> person, knight?"""


@lru_cache(maxsize=4096)
def clauses_of(names: tuple[str, ...], knight: str, knave: str) -> Clauses:
    """The clauses that an answer to a puzzle can have."""
    clauses: Clauses = {}
    for person, name in enumerate(names):
        clauses[_plain(f"{name} is {with_article(knight)}")] = (person, True)
        clauses[_plain(f"{name} is {with_article(knave)}")] = (person, False)
    return clauses


def check_answer(
    text: str, names: Sequence[str], solution: Sequence[bool], knight: str, knave: str
) -> AnswerCheck:
    """Compare an answer with the solution; parsed only when every person has exactly one role."""
    people = len(names)
    claimed = _read(_plain(text), clauses_of(tuple(names), knight, knave), people)
    if isinstance(claimed, str):
        return AnswerCheck(correct=False, matched=0.0, reason=claimed, parsed=False)
    matches = sum(map(bool.__eq__, claimed, solution))
    if matches == people:
        return AnswerCheck(correct=True, matched=1.0, reason="all roles are right", parsed=True)
    reason = f"{matches} of {people} roles are right"
    return AnswerCheck(correct=False, matched=matches / people, reason=reason, parsed=True)


def _plain(text: str) -> bytes:
    """UTF-8 with ASCII letters in lower case and runs of ASCII white space as one space."""
    return b" ".join(text.encode("utf-8", "surrogatepass").lower().split())


def _read(text: bytes, clauses: Clauses, people: int) -> list[bool] | str:
    """The claimed roles, person by person; or the reason why there are none."""
    parts = _numbered(text) if text.startswith(b"(") else _joined(text)
    if isinstance(parts, str):
        return parts
    roles: list[bool | None] = [None] * people
    for part in parts:
        clause = clauses.get(part)
        if clause is None:
            return "a part of the answer does not say of one person which role they have"
        person, role = clause
        if roles[person] is not None:
            return "the answer names a person twice"
        roles[person] = role
    found = [role for role in roles if role is not None]
    return found if len(found) == people else "the answer leaves a person out"


def _numbered(text: bytes) -> list[bytes] | str:
    """The clauses of "(1) ... (2) ...", which may end in a comma or period each."""
    clauses = []
    for number, item in enumerate(text.split(b"(")[1:], 1):
        label, _, clause = item.partition(b")")
        if label.strip() != b"%d" % number:
            return "the numbers of the answer are not (1), (2), and so on"
        clause = clause.strip()
        clauses.append(clause[:-1].rstrip() if clause.endswith((b",", b".")) else clause)
    return clauses


def _joined(text: bytes) -> list[bytes] | str:
    """The clauses of "..., ..., and ..."."""
    text = text[:-1].rstrip() if text.endswith(b".") else text
    clauses = []
    for place, part in enumerate(text.split(b",")):
        part = part.strip()
        if place and part.startswith(b"and "):
            part = part[4:]
        clauses.extend(part.split(b" and "))
    return clauses

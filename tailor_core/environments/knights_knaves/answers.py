"""Reading an answer: who does the text say is what?

Two forms are read, those of the published data sets: numbered clauses "(1) Zoey is a knight" with any
spacing between them, and clauses joined by commas and "and", with or without a final period. Letter case
(ASCII only) and ASCII white space do not matter; everything else does. A clause must equal one of the 2n
clauses of the puzzle, so look-alike letters, negations, other role words and extra text are simply not
clauses. There is no searching back and forth, so all work is linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tailor_core.environments.base import AnswerCheck
from tailor_core.environments.knights_knaves.statements import MAX_PEOPLE, with_article

_LOWER = bytes(range(256)).lower().translate(bytes.maketrans(b"\t\n\r\v\f", b"     "))
_NUMBERS = tuple(b"%d" % number for number in range(1, MAX_PEOPLE + 1))

# A clause is worth one bit for its person, and _RIGHT besides where it is right. So the sum over n clauses
# has all n person bits exactly when every person is named once, and says how many clauses are right.
_RIGHT = 1 << 40


@lru_cache(maxsize=8192)
def _worth_of(
    names: tuple[str, ...], solution: tuple[bool, ...], knight: str, knave: str
) -> dict[bytes, int]:
    """The clauses that an answer can have, in lower case with single spaces, and what each is worth."""
    worth = {}
    for person, (name, truthful) in enumerate(zip(names, solution, strict=True)):
        for role, right in ((knight, truthful), (knave, not truthful)):
            worth[_plain(f"{name} is {with_article(role)}")] = (1 << person) + _RIGHT * right
    return worth


def check_answer(
    text: str, names: Sequence[str], solution: Sequence[bool], knight: str, knave: str
) -> AnswerCheck:
    """Compare an answer with the solution; parsed only when every person has exactly one role."""
    worth = _worth_of(tuple(names), tuple(solution), knight, knave)
    plain = _plain(text)
    clauses = _numbered(plain) if plain.startswith(b"(") else _joined(plain)
    try:
        total = sum(map(worth.__getitem__, clauses))
    except KeyError:
        return _unread("a part of the answer does not say of one person which role they have")
    people = len(names)
    if len(clauses) < people:
        return _unread("the answer leaves a person out")
    if len(clauses) > people or total % _RIGHT != (1 << people) - 1:
        return _unread("the answer names a person twice")
    return _read(total // _RIGHT, people)


@lru_cache(maxsize=512)
def _read(matches: int, people: int) -> AnswerCheck:
    if matches == people:
        return AnswerCheck(correct=True, matched=1.0, reason="all roles are right", parsed=True)
    reason = f"{matches} of {people} roles are right"
    return AnswerCheck(correct=False, matched=matches / people, reason=reason, parsed=True)


@lru_cache(maxsize=16)
def _unread(reason: str) -> AnswerCheck:
    return AnswerCheck(correct=False, matched=0.0, reason=reason, parsed=False)


def _plain(text: str) -> bytes:
    """UTF-8 with ASCII letters in lower case and runs of ASCII white space as one space."""
    plain = text.encode("utf-8", "surrogatepass").translate(_LOWER).strip()
    return b" ".join(plain.split()) if b"  " in plain else plain


def _numbered(text: bytes) -> Sequence[bytes]:
    """The clauses of "(1) ... (2) ...", which may end in a comma or period each; [b""] if misnumbered."""
    text = _tight_commas(text[:-1].rstrip() if text.endswith((b".", b",")) else text)
    items = text.replace(b") ", b")").replace(b" (", b"(").replace(b",(", b"(").replace(b".(", b"(")
    numbered = items[1:].split(b"(", len(_NUMBERS))
    numbers, _, clauses = zip(*[item.partition(b")") for item in numbered], strict=True)
    return clauses if numbers == _NUMBERS[: len(numbers)] else [b""]


def _joined(text: bytes) -> list[bytes]:
    """The clauses of "..., ..., and ..."."""
    text = _tight_commas(text[:-1].rstrip() if text.endswith(b".") else text)
    return text.replace(b", ", b",").replace(b",and ", b",").replace(b" and ", b",").split(b",")


def _tight_commas(text: bytes) -> bytes:
    return text.replace(b" ,", b",") if b" ," in text else text

"""Reading an answer: who does the text say is what?

Two forms are read, those of the published data sets: numbered clauses "(1) Zoey is a knight" with any
spacing between them, and clauses joined by commas and "and", with or without a final period. Letter case
(ASCII only) and ASCII white space do not matter; everything else does. A clause must equal one of the 2n
clauses of the puzzle, so look-alike letters, negations, other role words and extra text are simply not
clauses. There is no searching back and forth, so all work is linear in the length of the text.

Substrings are sought with `find` or `replace`: `in` takes five times as long on bytes, because it first tries
what it is given as a number, and fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tailor_core.environments.base import AnswerCheck
from tailor_core.environments.knights_knaves.statements import MAX_PEOPLE, with_article

_LOWER = bytes(range(256)).lower().translate(bytes.maketrans(b"\t\n\r\v\f", b"     "))
_NUMBERS = tuple(b"%d" % number for number in range(1, MAX_PEOPLE + 1))

# A clause is worth one bit for its person, and _RIGHT besides where it is right. So the sum over n clauses
# has all n person bits exactly when every person is named once, and says how many clauses are right. The sum
# of n person bits stays below _RIGHT, and the whole sum in the 30 bits of a short int.
_RIGHT = 1 << 25
_WORTH = [(1 << person, (1 << person) + _RIGHT) for person in range(MAX_PEOPLE)]


@lru_cache(maxsize=8192)
def _key_of(
    names: tuple[str, ...], solution: tuple[bool, ...], knight: str, knave: str
) -> tuple[dict[bytes, int], dict[int, AnswerCheck]]:
    """What each clause that an answer can have is worth, and what each sum of n clauses comes to.

    The clauses are in lower case with single spaces; a sum that is not there does not name every person once.
    """
    worth = {}
    for person, (name, truthful) in enumerate(zip(names, solution, strict=True)):
        for role, right in ((knight, truthful), (knave, not truthful)):
            worth[_clause(name, role)] = _WORTH[person][right]
    return worth, _verdicts(len(names))


@lru_cache(maxsize=8192)
def _clause(name: str, role: str) -> bytes:
    """One object for all puzzles: they share names, and what they share stays in the processor's cache."""
    return _plain(f"{name} is {with_article(role)}")


@lru_cache(maxsize=MAX_PEOPLE)
def _verdicts(people: int) -> dict[int, AnswerCheck]:
    everyone = (1 << people) - 1
    verdicts = {
        everyone + _RIGHT * matches: AnswerCheck(
            correct=False,
            matched=matches / people,
            reason=f"{matches} of {people} roles are right",
            parsed=True,
        )
        for matches in range(people)
    }
    verdicts[everyone + _RIGHT * people] = AnswerCheck(
        correct=True, matched=1.0, reason="all roles are right", parsed=True
    )
    return verdicts


def check_answer(
    text: str, names: Sequence[str], solution: Sequence[bool], knight: str, knave: str
) -> AnswerCheck:
    """Compare an answer with the solution; parsed only when every person has exactly one role."""
    worth, verdicts = _key_of(tuple(names), tuple(solution), knight, knave)
    plain = _plain(text)
    clauses = _numbered(plain) if plain.startswith(b"(") else _joined(plain)
    try:
        total = sum(map(worth.__getitem__, clauses))
    except KeyError:
        return _unread("a part of the answer does not say of one person which role they have")
    if len(clauses) == len(names) and total in verdicts:
        return verdicts[total]
    return _unread(
        "the answer leaves a person out" if len(clauses) < len(names) else "the answer names a person twice"
    )


def _unread(reason: str) -> AnswerCheck:
    return AnswerCheck(correct=False, matched=0.0, reason=reason, parsed=False)


def _plain(text: str) -> bytes:
    """UTF-8 with ASCII letters in lower case and runs of ASCII white space as one space."""
    plain = text.encode("utf-8", "surrogatepass").translate(_LOWER).strip()
    return plain if plain.find(b"  ") < 0 else b" ".join(plain.split())


def _numbered(text: bytes) -> Sequence[bytes]:
    """The clauses of "(1) ... (2) ...", which may end in a comma or period each; [b""] if misnumbered."""
    text = (text[:-1].rstrip() if text.endswith((b".", b",")) else text).replace(b" ,", b",")
    items = text.replace(b") ", b")").replace(b" (", b"(").replace(b",(", b"(").replace(b".(", b"(")
    numbered = items[1:].split(b"(", len(_NUMBERS))
    numbers, _, clauses = zip(*[item.partition(b")") for item in numbered], strict=True)
    return clauses if numbers == _NUMBERS[: len(numbers)] else [b""]


def _joined(text: bytes) -> list[bytes]:
    """The clauses of "..., ..., and ..."."""
    text = text.removesuffix(b".").rstrip().replace(b" ,", b",")
    return text.replace(b", ", b",").replace(b",and ", b",").replace(b" and ", b",").split(b",")

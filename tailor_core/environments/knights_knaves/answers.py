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
from string import ascii_lowercase, ascii_uppercase

from tailor_core.environments.base import AnswerCheck
from tailor_core.environments.knights_knaves.statements import MAX_PEOPLE, with_article

_PLAIN = str.maketrans(ascii_uppercase + "\t\n\r\v\f", ascii_lowercase + "     ")
_NUMBERS = tuple(str(number) for number in range(1, MAX_PEOPLE + 1))

# A clause is worth one bit for its person, and _RIGHT besides where it is right. So the sum over n clauses
# has all n person bits exactly when every person is named once, and says how many clauses are right. The sum
# of n person bits stays below _RIGHT, and the whole sum in the 30 bits of a short int.
_RIGHT = 1 << 25
_WORTH = [(1 << person, (1 << person) + _RIGHT) for person in range(MAX_PEOPLE)]


@lru_cache(maxsize=8192)
def _key_of(
    knight: str, knave: str, *names_and_solution: str | bool
) -> tuple[dict[str, int], dict[int, AnswerCheck]]:
    """What each clause that an answer can have is worth, and what each sum of n clauses comes to.

    The puzzle comes flat, all names and then all truths, because the cache hashes nested tuples anew at each call.
    The clauses are in lower case with single spaces; a sum that is not there does not name every person once.
    """
    people = len(names_and_solution) // 2
    names, solution = map(str, names_and_solution[:people]), map(bool, names_and_solution[people:])
    worth = {}
    for person, (name, truthful) in enumerate(zip(names, solution, strict=True)):
        for role, right in ((knight, truthful), (knave, not truthful)):
            worth[_clause(name, role)] = _WORTH[person][right]
    return worth, _verdicts(people)


@lru_cache(maxsize=8192)
def _clause(name: str, role: str) -> str:
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
    worth, verdicts = _key_of(knight, knave, *names, *solution)
    plain = _plain(text)
    clauses = _numbered(plain) if plain.startswith("(") else _joined(plain)
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


def _plain(text: str) -> str:
    """The text with ASCII letters in lower case and runs of ASCII white space as one space."""
    simple = text.isascii() and text.isprintable()  # as most are; where not, `lower` would do too much
    plain = (text.lower() if simple else text.translate(_PLAIN)).strip(" ")
    return plain if "  " not in plain else " ".join(filter(None, plain.split(" ")))


def _numbered(text: str) -> Sequence[str]:
    """The clauses of "(1) ... (2) ...", which may end in a comma or period each; [""] if misnumbered."""
    text = (text[:-1].rstrip(" ") if text.endswith((".", ",")) else text).replace(" ,", ",")
    items = text.replace(") ", ")").replace(" (", "(").replace(",(", "(").replace(".(", "(")
    numbered = items[1:].split("(", len(_NUMBERS))
    numbers, _, clauses = zip(*[item.partition(")") for item in numbered], strict=True)
    return clauses if numbers == _NUMBERS[: len(numbers)] else [""]


def _joined(text: str) -> list[str]:
    """The clauses of "..., ..., and ..."."""
    text = text.removesuffix(".").rstrip(" ").replace(" ,", ",")
    return text.replace(", ", ",").replace(",and ", ",").replace(" and ", ",").split(",")

"""Reads claims in English back into truth tables, for the step checker.

Owns its grammar, apart from the code that words claims, so that one cannot hide the other's mistakes:

    claim   = "it is not the case that" part | "if" part "then" part | part "if and only if" part
            | part {"and" part} | part {"or" part}
    part    = clause | "(" claim ")"
    clause  = NAME "is" ["not"] ("a" | "an") ROLE ["(" ("true" | "false" | "open") ")"]

One pass over the words with an explicit stack: linear in the length of the text, at any depth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import with_article

_WORD = re.compile(r"[()]|[^\s()]+")
_NAME_WORDS = 21
"""A name has at most so many words, the verb after it counted."""

_NOT_THE_CASE = ["it", "is", "not", "the", "case", "that"]
_IF_AND_ONLY_IF = ["if", "and", "only", "if"]


_MARKS = {"true": True, "false": False, "open": None}


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim understood: its truth table, and of each clause that is weighed the table and what is said of it.

    True and False say that the clause is so, None that it is open.
    """

    table: int
    weighed: tuple[tuple[int, bool | None], ...] = ()


@dataclass(slots=True)
class _Open:
    """A claim that is being read: what joins its parts, what it is worth so far, does it wait for a part?

    `weighed` is one list for all parts of a claim.
    """

    joint: str = ""
    table: int | None = None
    waits: bool = True
    weighed: list[tuple[int, bool | None]] = field(default_factory=list)


class ClaimReader:
    """Reads claims about the people of one puzzle."""

    def __init__(self, puzzle: Puzzle) -> None:
        self.every = puzzle.every_world
        self.clauses = {
            name: {True: table, False: table ^ self.every}
            for name, table in zip(puzzle.names, puzzle.knights, strict=True)
        }
        """Name -> is a knight -> the worlds where it is so: one object each, however often it is said."""

        self.roles = {
            tuple(with_article(puzzle.knight).split()): True,
            tuple(with_article(puzzle.knave).split()): False,
        }

    def read(self, text: str) -> Claim | None:
        """A claim about the puzzle's people; None when it does not read as one."""
        words = _WORD.findall(text)
        stack, at = [_Open()], 0
        while at < len(words):
            step = self._part(words, at, stack) if stack[-1].waits else self._joint(words, at, stack)
            if step is None:
                return None
            at += step
        last = stack.pop()
        if stack or last.waits or last.joint == "if" or last.table is None:
            return None
        return Claim(last.table, tuple(last.weighed))

    def _part(self, words: list[str], at: int, stack: list[_Open]) -> int | None:
        """Take an opening or a clause at `at`; the number of words taken, None when neither is there."""
        claim = stack[-1]
        if words[at] == "(":
            stack.append(_Open(weighed=claim.weighed))
            return 1
        if claim.joint == "" and words[at] == "if":
            claim.joint = "if"
            return 1
        if claim.joint == "" and words[at : at + 6] == _NOT_THE_CASE:
            claim.joint = "not"
            return 6
        return self._clause(words, at, claim)

    def _clause(self, words: list[str], at: int, claim: _Open) -> int | None:
        """Take "N is a knight" or "N is not a knight"."""
        length = next((i for i, word in enumerate(words[at : at + _NAME_WORDS]) if word == "is"), 0)
        verb = at + length
        negated = words[verb + 1 : verb + 2] == ["not"]
        end = verb + (4 if negated else 3)
        role = self.roles.get(tuple(words[end - 2 : end]))
        tables = self.clauses.get(" ".join(words[at:verb]))
        if role is None or tables is None:
            return None
        table = tables[role != negated]
        self._take(claim, table)
        match words[end : end + 3]:
            case ["(", ("true" | "false" | "open") as mark, ")"]:
                claim.weighed.append((table, _MARKS[mark]))
                return end + 3 - at
        return end - at

    def _joint(self, words: list[str], at: int, stack: list[_Open]) -> int | None:
        """Take what may follow a part: a closing bracket or a joint."""
        claim, word = stack[-1], words[at]
        if word == ")":
            if len(stack) == 1 or claim.joint == "if" or claim.table is None:
                return None
            stack.pop()
            self._take(stack[-1], claim.table)
            return 1
        if word in ("and", "or") and claim.joint in ("", word):
            claim.joint, claim.waits = word, True
            return 1
        if word == "then" and claim.joint == "if":
            claim.joint, claim.waits = "then", True
            return 1
        if claim.joint == "" and words[at : at + 4] == _IF_AND_ONLY_IF:
            claim.joint, claim.waits = "iff", True
            return 4
        return None

    def _take(self, claim: _Open, part: int) -> None:
        """Join a part's table to the claim."""
        claim.waits = False
        if claim.joint == "not":
            claim.table = part ^ self.every
        elif claim.table is None:
            claim.table = part
        elif claim.joint == "and":
            claim.table &= part
        elif claim.joint == "or":
            claim.table |= part
        elif claim.joint == "then":
            claim.table = (claim.table ^ self.every) | part
        else:
            claim.table ^= part ^ self.every

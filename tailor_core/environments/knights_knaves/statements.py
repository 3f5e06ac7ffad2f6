"""What people on the island say: statements, their truth tables, and their plain English.

A statement is a nested tuple in the peers' grammar (mem-kk-logic, Logic-RL):
`("telling-truth", i)`, `("lying", i)`, `("not", s)`, `("and", s, ...)`, `("or", s, ...)`, `("->", a, b)`,
`("<=>", a, b)`; `i` counts people from 0.

Its truth table over n people is one integer of 2^n bits: bit w is set when the statement is true in world w,
and person i is a knight in world w when bit i of w is set. So solving takes a handful of bit operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

Statement = tuple[Any, ...]

LEAVES = ("telling-truth", "lying")
MAX_PEOPLE = 20
"""A truth table of 20 people has a million bits; beyond that a puzzle is refused."""


@lru_cache(maxsize=64)
def all_worlds(people: int) -> int:
    """The table of the constant true: 2^n set bits."""
    return (1 << (1 << people)) - 1


@lru_cache(maxsize=1024)
def knight_table(person: int, people: int) -> int:
    """The table of "person is a knight"."""
    half = 1 << person
    table, bits = ((1 << half) - 1) << half, 2 * half
    while bits < 1 << people:
        table |= table << bits
        bits *= 2
    return table


def truth_table(statement: Statement, people: int) -> int:
    """The worlds in which `statement` is true, as an integer of 2^people bits."""
    kind = statement[0]
    if kind == "telling-truth":
        return knight_table(statement[1], people)
    every = all_worlds(people)
    if kind == "lying":
        return knight_table(statement[1], people) ^ every
    if kind == "not":
        return truth_table(statement[1], people) ^ every
    if kind == "and":
        table = every
        for part in statement[1:]:
            table &= truth_table(part, people)
        return table
    if kind == "or":
        table = 0
        for part in statement[1:]:
            table |= truth_table(part, people)
        return table
    left, right = truth_table(statement[1], people), truth_table(statement[2], people)
    if kind == "->":
        return (left ^ every) | right
    if kind == "<=>":
        return left ^ right ^ every
    raise ValueError(f"statement kind {kind!r} is not one of telling-truth, lying, not, and, or, ->, <=>")


def people_mentioned(statement: Statement) -> list[int]:
    """Who the statement is about, in order of first mention."""
    found: dict[int, None] = {}
    stack = [statement]
    while stack:
        part = stack.pop()
        if part[0] in LEAVES:
            found.setdefault(part[1])
        else:
            stack.extend(reversed(part[1:]))
    return list(found)


def leaves(statement: Statement) -> Iterator[Statement]:
    """The leaves from left to right, repeated ones too."""
    if statement[0] in LEAVES:
        yield statement
    else:
        for part in statement[1:]:
            yield from leaves(part)


def depth(statement: Statement) -> int:
    """Levels of the statement: 1 for a leaf."""
    if statement[0] in LEAVES:
        return 1
    return 1 + max([depth(part) for part in statement[1:]])


def width(statement: Statement) -> int:
    """The largest number of operands of any operator in the statement; 1 where there is none."""
    if statement[0] in LEAVES:
        return 1
    return max(len(statement) - 1, *[width(part) for part in statement[1:]])


def with_article(role: str) -> str:
    """`a knight`, `an altruist`."""
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


def phrase(
    statement: Statement,
    names: Sequence[str],
    knight: str = "knight",
    knave: str = "knave",
    facts: Mapping[int, bool] | None = None,
) -> str:
    """The statement in plain English, without a closing period.

    A negated leaf reads "A is not a knight"; operators inside operators stand in brackets. With `facts` (person
    -> is a knight) each clause is weighed: "A is not a knight (false)", "(open)" where A has no role yet.
    """
    return _phrase(statement, names, with_article(knight), with_article(knave), facts)


def _phrase(
    statement: Statement, names: Sequence[str], knight: str, knave: str, facts: Mapping[int, bool] | None
) -> str:
    kind = statement[0]
    negated = kind == "not" and statement[1][0] in LEAVES
    if kind in LEAVES or negated:
        leaf, person = statement[1] if negated else statement
        calls_knight = leaf == "telling-truth"
        clause = f"{names[person]} is {'not ' if negated else ''}{knight if calls_knight else knave}"
        if facts is None:
            return clause
        role = facts.get(person)
        truth = "open" if role is None else "true" if role == (calls_knight != negated) else "false"
        return f"{clause} ({truth})"
    if kind == "not":
        return f"it is not the case that {_inside(statement[1], names, knight, knave, facts)}"
    parts = [_inside(part, names, knight, knave, facts) for part in statement[1:]]
    if kind in ("and", "or"):
        return f" {kind} ".join(parts)
    if kind == "->":
        return f"if {parts[0]} then {parts[1]}"
    return f"{parts[0]} if and only if {parts[1]}"


def _inside(
    part: Statement, names: Sequence[str], knight: str, knave: str, facts: Mapping[int, bool] | None
) -> str:
    """A part of a larger statement: bare when it reads as one clause, else in brackets."""
    text = _phrase(part, names, knight, knave, facts)
    simple = part[0] in LEAVES or (part[0] == "not" and part[1][0] in LEAVES)
    return text if simple else f"({text})"

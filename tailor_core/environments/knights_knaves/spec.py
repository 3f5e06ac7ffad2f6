"""Specs from outside: checked field by field, then a `Puzzle`.

Nothing here recurses, so that no nesting can exhaust the stack; what comes out is nested at most
`MAX_DEPTH` deep and safe for every recursive function of this package.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import LEAVES, MAX_PEOPLE, Statement
from tailor_core.environments.knights_knaves.words import MOST_WORDS, TEMPLATES
from tailor_core.environments.rows import shown
from tailor_core.errors import InputError

MAX_DEPTH = 64
MAX_PARTS = 20_000
_MAX_TEXT = 1_000_000

_ARITY = {"not": (1, 1), "and": (2, None), "or": (2, None), "->": (2, 2), "<=>": (2, 2)}
_RESERVED = frozenset(("and", "or", "is", "not", "if", "then"))


def read_spec(spec: Mapping[str, Any], where: str = "metadata.spec", *, roles: str = "roles") -> Puzzle:
    """The puzzle of a spec that holds at least `names` and `statements`; InputError names the field.

    roles: what the row calls the field that is `roles` here
    """
    knight, knave = _roles(spec.get("roles"), f"{where}.{roles}")
    names = _names(spec.get("names"), f"{where}.names")
    statements = _statements(spec.get("statements"), len(names), f"{where}.statements")
    return Puzzle(names, statements, knight, knave)


def read_templates(spec: Mapping[str, Any], people: int, where: str = "metadata.spec") -> list[int]:
    """The report templates of a spec, one a person; empty where it gives none."""
    templates = spec.get("templates")
    if templates is None or templates == []:
        return []
    good = (
        isinstance(templates, Sequence)
        and len(templates) == people
        and all(type(template) is int and 0 <= template < len(TEMPLATES) for template in templates)
    )
    if not good:
        raise InputError(
            f"{where}.templates = {shown(templates)}, but must be one number from 0 to {len(TEMPLATES) - 1} "
            "for each person, or be left out"
        )
    return list(templates)


def read_solution(spec: Mapping[str, Any], puzzle: Puzzle, where: str = "metadata.spec") -> list[bool]:
    """The only solution; InputError when there is none, are several, or the spec says otherwise."""
    if puzzle.solution is None:
        raise InputError(
            f"{where}.statements have {puzzle.n_solutions} solutions, but a problem that can be scored has "
            "exactly one; change a statement"
        )
    claimed = spec.get("solution")
    if claimed is None:
        return list(puzzle.solution)
    if not isinstance(claimed, Sequence) or [type(role) for role in claimed] != [bool] * puzzle.people:
        raise InputError(
            f"{where}.solution = {shown(claimed)}, but must be one true (knight) or false (knave) for each "
            "person, or be left out"
        )
    if tuple(claimed) != puzzle.solution:
        raise InputError(
            f"{where}.solution = {shown(claimed)} does not fit the statements, whose solution is "
            f"{list(puzzle.solution)}; mend it or leave it out"
        )
    return list(puzzle.solution)


def _names(names: Any, where: str) -> tuple[str, ...]:
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise InputError(f"{where} = {shown(names)}, but must be a list of the people's names")
    if len(names) > MAX_PEOPLE:
        raise InputError(
            f"{where} holds {len(names)} people, but at most {MAX_PEOPLE} are accepted, because a puzzle of "
            "n people has 2^n worlds"
        )
    for place, name in enumerate(names):
        if not isinstance(name, str) or not _speakable(name):
            raise InputError(
                f"{where}[{place}] = {shown(name)}, but must be a name of at most {MOST_WORDS} words of letters, "
                f"digits, ' and -, without the words {', '.join(sorted(_RESERVED))}"
            )
    if len({_fold(name) for name in names}) < len(names):
        raise InputError(f"{where} = {shown(names)} names a person twice; give each a name of their own")
    return tuple(names)


def _speakable(name: str) -> bool:
    """Can the name stand in a sentence and be found there again?"""
    words = name.split(" ")
    return (
        len(name) <= 40
        and len(words) <= MOST_WORDS
        and all(word and _fold(word) not in _RESERVED for word in words)
        and all(character.isalnum() or character in "'-_ " for character in name)
    )


def _fold(text: str) -> str:
    """Lower case for ASCII letters only, as answers are compared."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _roles(roles: Any, where: str) -> tuple[str, str]:
    if roles is None:
        return "knight", "knave"
    found = [roles.get("knight"), roles.get("knave")] if isinstance(roles, Mapping) else []
    words = [word for word in found if isinstance(word, str) and word.isalpha() and len(word) <= 40]
    if len({_fold(word) for word in words}) != 2:
        raise InputError(
            f'{where} = {shown(roles)}, but must be {{"knight": word, "knave": word}} with two different '
            "words of letters, or be left out"
        )
    return words[0], words[1]


def _statements(statements: Any, people: int, where: str) -> tuple[Statement, ...]:
    if isinstance(statements, str):
        statements = _literal(statements, where)
    if not isinstance(statements, (list, tuple)) or len(statements) != people:
        raise InputError(
            f"{where} = {shown(statements)}, but must be a list of {people} statements, one for each name"
        )
    reader = _StatementReader(people)
    return tuple(reader.read(statement, f"{where}[{place}]") for place, statement in enumerate(statements))


def _literal(text: str, where: str) -> Any:
    """The nested tuples that mem-kk-logic writes as text; parsed as literals, never evaluated."""
    if len(text) > _MAX_TEXT:
        raise InputError(f"{where} is a text of {len(text)} characters, but {_MAX_TEXT} is the most")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise InputError(f"{where} = {shown(text)} is not the text of nested tuples; mend it") from None


class _StatementReader:
    """Turns nested lists into nested tuples, and counts the parts of a whole puzzle."""

    def __init__(self, people: int) -> None:
        self._people = people
        self._parts = 0

    def read(self, value: Any, where: str) -> Statement:
        """The statement that `value` is; InputError when it is none."""
        root: list[Any] = []
        unread = [(value, root, 1)]
        nodes = []
        while unread:
            part, parent, level = unread.pop()
            self._parts += 1
            if level > MAX_DEPTH or self._parts > MAX_PARTS:
                raise InputError(
                    f"{where} is too large; a statement has at most {MAX_DEPTH} levels, and all statements "
                    f"of a puzzle together at most {MAX_PARTS} parts"
                )
            operands = self._operands(part, where)
            node = [part[0]] if operands else [part[0], part[1]]
            parent.append(node)
            nodes.append(node)
            unread.extend((operand, node, level + 1) for operand in reversed(operands))
        return _freeze(nodes)

    def _operands(self, part: Any, where: str) -> Sequence[Any]:
        """The sub-statements of a well-formed part; none for a leaf."""
        if not isinstance(part, (list, tuple)) or not part or not isinstance(part[0], str):
            raise InputError(f'{where} holds {shown(part)}, but a statement is a list such as ["lying", 0]')
        operator, count = part[0], len(part) - 1
        if operator in LEAVES:
            if count != 1 or type(part[1]) is not int or not 0 <= part[1] < self._people:
                raise InputError(
                    f'{where} holds {shown(part)}, but must be ["{operator}", i] with a person i from 0 to '
                    f"{self._people - 1}"
                )
            return ()
        if operator not in _ARITY:
            known = ", ".join((*LEAVES, *_ARITY))
            raise InputError(f"{where} holds the operator {shown(operator)}, but must be one of {known}")
        least, most = _ARITY[operator]
        if count < least or (most is not None and count > most):
            wanted = f"{least}" if least == most else f"{least} or more"
            raise InputError(f'{where}: "{operator}" has {count} operands, but takes {wanted}')
        return part[1:]


def _freeze(nodes: list[list[Any]]) -> Statement:
    """The first of `nodes` as nested tuples; every node comes before its parts."""
    frozen: dict[int, Statement] = {}
    for node in reversed(nodes):
        frozen[id(node)] = tuple([frozen[id(part)] if type(part) is list else part for part in node])
    return frozen[id(nodes[0])]

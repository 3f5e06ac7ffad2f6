"""Changing a puzzle on purpose, to see whether a model reasons or remembers (Xie et al. 2024).

| kind        | what changes                                     | solution            | canonical hash |
|-------------|--------------------------------------------------|---------------------|----------------|
| `statement` | one person says something else                   | another, unique too | another        |
| `leaf`      | one leaf of one statement                        | another, unique too | another        |
| `names`     | every name                                       | same, person by person | same        |
| `order`     | the order of the people                          | moves with them     | same           |
| `roles`     | the role words                                   | same, person by person | same        |
| `flip`      | the role words trade places: knaves tell the truth | same, person by person | same      |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Literal, get_args

from tailor_core.environments.knights_knaves.canonical import canonical_hash
from tailor_core.environments.knights_knaves.generator import problem_of
from tailor_core.environments.knights_knaves.options import usual_parts
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import sampler
from tailor_core.environments.knights_knaves.spec import read_solution, read_spec, read_templates
from tailor_core.environments.knights_knaves.statements import (
    LEAVES,
    Statement,
    all_worlds,
    depth,
    leaves,
    width,
)
from tailor_core.environments.knights_knaves.words import COMMON_NAMES, ROLE_WORDS, UNCOMMON_NAMES
from tailor_core.environments.rows import UNASSIGNED
from tailor_core.errors import InputError
from tailor_core.records import Problem, content_id

Perturbation = Literal["statement", "leaf", "names", "order", "roles", "flip"]

_STATEMENT_DRAWS = 2000

_MOST_PARTS = 1_000
"""Another statement is drawn of about so many leaves at most: some are ten times as large, and must be read again."""


def perturb(problem: Problem, kind: Perturbation, *, seed: int) -> Problem | None:
    """The problem changed in one way; None where no change of that kind keeps what the kind promises.

    The same arguments give the same problem. Its metadata name the original (`perturbed_from`) and the kind.
    Where the canonical hash changes, the problem belongs to no split any more (`unassigned`).
    """
    if kind not in get_args(Perturbation):
        raise InputError(f"kind = {kind!r}, but must be one of {', '.join(get_args(Perturbation))}")
    puzzle = read_spec(problem.spec)
    templates = read_templates(problem.spec, puzzle.people) or [0] * puzzle.people
    read_solution(problem.spec, puzzle)
    changed = _CHANGES[kind](puzzle, templates, Random(content_id([problem.id, kind, seed])))
    if changed is None:
        return None
    other, templates = changed
    assert other.solution is not None
    digest = canonical_hash(other.statements)
    return problem_of(
        other,
        templates,
        other.solution,
        problem.split if digest == problem.canonical_hash else UNASSIGNED,
        digest,
        extra={"perturbed_from": problem.id, "perturbation": kind},
    )


Changed = tuple[Puzzle, list[int]]


def _statement(puzzle: Puzzle, templates: list[int], random: Random) -> Changed | None:
    """Another statement, drawn from the shapes that the puzzle has, for a person drawn at random.

    It has fewer levels than a puzzle from outside whose levels would make it of absurd size.
    """
    deep = max(2, *map(depth, puzzle.statements))
    wide = max(2, *map(width, puzzle.statements))
    while deep > 2 and usual_parts(deep, wide) > _MOST_PARTS:
        deep -= 1
    source = sampler(puzzle.people, deep, wide, _has_constant(puzzle))
    for _ in range(_STATEMENT_DRAWS):
        person = int(random.random() * puzzle.people)
        statement, _ = source.statement(person, random)
        if (other := _another_puzzle(puzzle, person, statement)) is not None:
            return other, templates
    return None


def _leaf(puzzle: Puzzle, templates: list[int], random: Random) -> Changed | None:
    """Another leaf; all that exist are tried, in random order."""
    candidates = [
        (person, statement)
        for person in range(puzzle.people)
        for statement in _leaf_changes(puzzle.statements[person], puzzle.people)
    ]
    random.shuffle(candidates)
    for person, statement in candidates:
        if (other := _another_puzzle(puzzle, person, statement)) is not None:
            return other, templates
    return None


def _leaf_changes(statement: Statement, people: int) -> Iterator[Statement]:
    if statement[0] in LEAVES:
        leaves = ((kind, person) for kind in LEAVES for person in range(people))
        yield from (leaf for leaf in leaves if leaf != statement)
        return
    for place, part in enumerate(statement[1:], 1):
        for changed in _leaf_changes(part, people):
            # Operands stay distinct, as in every generated statement.
            if changed not in statement[1:]:
                yield (*statement[:place], changed, *statement[place + 1 :])


def _another_puzzle(puzzle: Puzzle, person: int, statement: Statement) -> Puzzle | None:
    """The puzzle in which `person` says `statement`; None if the solution is not another unique one.

    Nor may it bring in an "I am lying" or a constant statement where the puzzle had none.
    """
    statements = (*puzzle.statements[:person], statement, *puzzle.statements[person + 1 :])
    other = Puzzle(puzzle.names, statements, puzzle.knight, puzzle.knave)
    if other.solution is None or other.solution == puzzle.solution:
        return None
    liar = ("lying", person)
    if liar in leaves(statement) and liar not in leaves(puzzle.statements[person]):
        return None
    if _has_constant(other) and not _has_constant(puzzle):
        return None
    return other


def _has_constant(puzzle: Puzzle) -> bool:
    return any(claim in (0, all_worlds(puzzle.people)) for claim in puzzle.claims)


def _names(puzzle: Puzzle, templates: list[int], random: Random) -> Changed | None:
    pool = UNCOMMON_NAMES if puzzle.names[0] in UNCOMMON_NAMES else COMMON_NAMES
    fresh = [name for name in pool if name not in puzzle.names]
    names = tuple(random.sample(fresh, puzzle.people))
    return Puzzle(names, puzzle.statements, puzzle.knight, puzzle.knave), templates


def _order(puzzle: Puzzle, templates: list[int], random: Random) -> Changed | None:
    """People in another order; they keep names, statements and the way these are reported."""
    if puzzle.people < 2:
        return None
    order = list(range(puzzle.people))
    while order == sorted(order):
        random.shuffle(order)
    place = {person: at for at, person in enumerate(order)}
    return (
        Puzzle(
            tuple(puzzle.names[person] for person in order),
            tuple(_renumbered(puzzle.statements[person], place) for person in order),
            puzzle.knight,
            puzzle.knave,
        ),
        [templates[person] for person in order],
    )


def _renumbered(statement: Statement, place: dict[int, int]) -> Statement:
    if statement[0] in LEAVES:
        return (statement[0], place[statement[1]])
    return (statement[0], *[_renumbered(part, place) for part in statement[1:]])


def _roles(puzzle: Puzzle, templates: list[int], random: Random) -> Changed | None:
    others = [pair for pair in ROLE_WORDS if pair != (puzzle.knight, puzzle.knave)]
    knight, knave = others[int(random.random() * len(others))]
    return Puzzle(puzzle.names, puzzle.statements, knight, knave), templates


def _flip(puzzle: Puzzle, templates: list[int], random: Random) -> Changed | None:
    return Puzzle(puzzle.names, puzzle.statements, puzzle.knave, puzzle.knight), templates


_CHANGES: dict[str, Callable[[Puzzle, list[int], Random], Changed | None]] = {
    "statement": _statement,
    "leaf": _leaf,
    "names": _names,
    "order": _order,
    "roles": _roles,
    "flip": _flip,
}

"""Puzzles as problems: drawn, hashed, kept if they belong to the split and are new, named and rendered."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from random import Random
from typing import Any

from tailor_core.environments.knights_knaves.canonical import canonical_hash
from tailor_core.environments.knights_knaves.options import OOD_KINDS, KnightsKnavesOptions
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.rendering import answer_lines, render
from tailor_core.environments.knights_knaves.sampler import sampler
from tailor_core.environments.knights_knaves.statements import MAX_PEOPLE, Statement, depth, width
from tailor_core.environments.knights_knaves.words import (
    COMMON_NAMES,
    ROLE_WORDS,
    TEMPLATES,
    UNCOMMON_NAMES,
)
from tailor_core.environments.rows import question_id
from tailor_core.environments.seen import Seen
from tailor_core.environments.splits import belongs
from tailor_core.errors import RecipeError
from tailor_core.records import Problem, content_id

ENVIRONMENT = "kk"

_log = logging.getLogger(__name__)

_FRUITLESS = 20_000
"""So many draws in a row without a new puzzle mean that there is none: the draws cover every kind evenly."""

_PER_WORLD = 400
"""So many draws for one solution; the rarest split takes one in 40."""


def stream(
    options: KnightsKnavesOptions,
    *,
    count: int,
    split: str,
    seed: int,
    exclude: Set[str] = frozenset(),
    difficulty: int | None = None,
) -> Iterator[Problem]:
    """As `Environment.generate`, one at a time.

    `difficulty` is a number of people, else `options.people` take turns.
    Where a number of people runs out of different puzzles (two people have 59 in all of the usual shape),
    the others go on without it; RecipeError when all have run out.
    """
    if difficulty is not None and not 2 <= difficulty <= MAX_PEOPLE:
        raise RecipeError(
            f"difficulty = {difficulty}, but a puzzle has 2 to {MAX_PEOPLE} people; choose from these"
        )
    taken = Seen(exclude)
    people = options.people if difficulty is None else (difficulty,)
    streams = {number: _stream(options, number, split, seed, taken) for number in people}
    made = 0
    while made < count and streams:
        for number in list(streams)[: count - made]:
            if (problem := next(streams[number], None)) is not None:
                made += 1
                yield problem
                continue
            del streams[number]
            _log.warning("split %s: no more puzzles of %d people after %d", split, number, made)
    if made < count:
        raise RecipeError(
            f"the split {split!r} holds only {made} different puzzles that are not excluded "
            f"(people = {list(people)}, depth = {options.depth}, width = {options.width}), but {count} were "
            "asked for; ask for fewer, add numbers of people, or raise environment.options.depth or width"
        )


def _stream(
    options: KnightsKnavesOptions, people: int, split: str, seed: int, taken: Seen
) -> Iterator[Problem]:
    """New problems of so many people until none is found; each one's hash goes into `taken`."""
    shape = options.model_dump(mode="json", exclude={"people", "ood"})
    random = Random(content_id([ENVIRONMENT, shape, people, split, seed]))
    source = sampler(people, options.depth, options.width, options.allow_constant)
    fruitless = 0
    while fruitless < _FRUITLESS:
        # A solution is kept until it has a new puzzle of this split, so that no rejection tilts the roles.
        world = random.getrandbits(people)
        for _ in range(_PER_WORLD):
            fruitless += 1
            statements = source.puzzle_of(world, random)
            if statements is None:
                break
            if options.full_depth and max(map(depth, statements)) < options.depth:
                continue
            digest = canonical_hash(statements)
            if digest not in taken and belongs(digest, split, OOD_KINDS):
                taken.add(digest)
                fruitless = 0
                solution = [bool(world >> person & 1) for person in range(people)]
                yield problem_of(*dress(statements, options, random), solution, split, digest)
                break


def dress(
    statements: Sequence[Statement], options: KnightsKnavesOptions, random: Random
) -> tuple[Puzzle, list[int]]:
    """A puzzle with names, role words and report templates for the statements."""
    names = COMMON_NAMES if options.names == "common" else UNCOMMON_NAMES
    knight, knave = "knight", "knave"
    if options.role_words == "flipped":
        knight, knave = knave, knight
    elif options.role_words == "varied":
        knight, knave = ROLE_WORDS[int(random.random() * len(ROLE_WORDS))]
    people = len(statements)
    puzzle = Puzzle(tuple(random.sample(names, people)), tuple(statements), knight, knave)
    kinds = len(TEMPLATES) if options.reports == "varied" else 1
    return puzzle, [int(random.random() * kinds) for _ in range(people)]


def problem_of(
    puzzle: Puzzle,
    templates: Sequence[int],
    solution: Sequence[bool],
    split: str,
    digest: str,
    *,
    question: str | None = None,
    identity: str | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Problem:
    """The record of a puzzle; question and id are made from the puzzle where they are not given."""
    question = render(puzzle, templates) if question is None else question
    return Problem(
        id=question_id(ENVIRONMENT, question) if identity is None else identity,
        environment=ENVIRONMENT,
        question=question,
        answer=answer_lines(puzzle.names, solution, puzzle.knight, puzzle.knave),
        metadata={
            "difficulty": {
                "people": len(puzzle.names),
                "depth": max(map(depth, puzzle.statements)),
                "width": max(map(width, puzzle.statements)),
            },
            "split": split,
            "canonical_hash": digest,
            "spec": {
                "names": list(puzzle.names),
                "statements": [_as_list(statement) for statement in puzzle.statements],
                "solution": list(solution),
                "roles": {"knight": puzzle.knight, "knave": puzzle.knave},
                "templates": list(templates),
            },
            **(extra or {}),
        },
    )


def _as_list(statement: Statement) -> list[Any]:
    """The statement as JSON has it."""
    return [_as_list(part) if type(part) is tuple else part for part in statement]

"""Problems: numbers are drawn and joined at random, and what they come to is the target, so each has a solution."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence, Set
from random import Random

from tailor_core.environments.countdown.options import OOD_KINDS, CountdownOptions
from tailor_core.environments.countdown.spec import FEWEST, MOST, Countdown, canonical_hash, render
from tailor_core.environments.rows import question_id
from tailor_core.environments.seen import Seen
from tailor_core.environments.splits import belongs
from tailor_core.errors import RecipeError
from tailor_core.records import Problem, content_id

ENVIRONMENT = "countdown"

_log = logging.getLogger(__name__)

_FRUITLESS = 20_000
"""So many draws in a row without a new problem mean that there is none."""

_Joined = tuple[int, str, int]
"""(value, text, rank of its last sign)."""

_NUMBER = 3


def stream(
    options: CountdownOptions,
    *,
    count: int,
    split: str,
    seed: int,
    exclude: Set[str] = frozenset(),
    difficulty: int | None = None,
) -> Iterator[Problem]:
    """As `Environment.generate`, one at a time; `difficulty` is how many numbers, else `options.numbers` take turns.

    Where one of these runs out of problems the others go on without it; RecipeError when all have run out.
    """
    sizes = options.numbers if difficulty is None else (difficulty,)
    if bad := [size for size in sizes if not FEWEST <= size <= MOST]:
        raise RecipeError(
            f"difficulty = {bad[0]}, but a problem has {FEWEST} to {MOST} numbers; choose from these"
        )
    taken = Seen(exclude)
    streams = {size: _stream(options, size, split, seed, taken) for size in sizes}
    made = 0
    while made < count and streams:
        for size in list(streams)[: count - made]:
            if (problem := next(streams[size], None)) is not None:
                made += 1
                yield problem
                continue
            del streams[size]
            _log.warning("split %s: no more problems of %d numbers after %d", split, size, made)
    if made < count:
        raise RecipeError(
            f"the split {split!r} holds only {made} different problems that are not excluded (numbers = "
            f"{list(sizes)}, targets from {options.least_target} to {options.largest_target}), but {count} were "
            "asked for; ask for fewer, or raise environment.options.largest_number or largest_target"
        )


def _stream(options: CountdownOptions, size: int, split: str, seed: int, taken: Seen) -> Iterator[Problem]:
    """New problems of so many numbers until none is found; each one's hash goes into `taken`."""
    shape = options.model_dump(mode="json", exclude={"numbers", "ood"})
    random = Random(content_id([ENVIRONMENT, shape, size, split, seed], length=64))
    fruitless = 0
    while fruitless < _FRUITLESS:
        fruitless += 1
        numbers = [1 + int(random.random() * options.largest_number) for _ in range(size)]
        target, solution = _join(numbers, random)
        if not options.least_target <= target <= options.largest_target:
            continue
        game = Countdown(tuple(numbers), target)
        digest = canonical_hash(game)
        if digest not in taken and belongs(digest, split, OOD_KINDS):
            taken.add(digest)
            fruitless = 0
            yield problem_of(game, solution, split, digest)


def _join(numbers: Sequence[int], random: Random) -> tuple[int, str]:
    """(value, expression) of the numbers, two joined at a time; every result on the way is a whole number above 0."""
    pool: list[_Joined] = [(number, str(number), _NUMBER) for number in numbers]
    while len(pool) > 1:
        one = pool.pop(int(random.random() * len(pool)))
        other = pool.pop(int(random.random() * len(pool)))
        large, small = (one, other) if one[0] >= other[0] else (other, one)
        signs = "+*" + "-" * (large[0] > small[0]) + "/" * (large[0] % small[0] == 0)
        pool.append(_joined(large, signs[int(random.random() * len(signs))], small))
    return pool[0][0], pool[0][1]


def _joined(left: _Joined, sign: str, right: _Joined) -> _Joined:
    rank = 1 if sign in "+-" else 2
    value = {
        "+": left[0] + right[0],
        "-": left[0] - right[0],
        "*": left[0] * right[0],
        "/": left[0] // right[0],
    }
    first = left[1] if left[2] >= rank else f"({left[1]})"
    second = right[1] if right[2] > rank or (right[2] == rank and sign in "+*") else f"({right[1]})"
    return value[sign], f"{first} {sign} {second}", rank


def problem_of(
    game: Countdown,
    solution: str,
    split: str,
    digest: str,
    *,
    question: str | None = None,
    identity: str | None = None,
) -> Problem:
    """The record of a problem; question and id are made from it where they are not given."""
    question = render(game) if question is None else question
    return Problem(
        id=question_id(ENVIRONMENT, question) if identity is None else identity,
        environment=ENVIRONMENT,
        question=question,
        answer=solution,
        metadata={
            "difficulty": {"numbers": len(game.numbers), "target": game.target},
            "split": split,
            "canonical_hash": digest,
            "spec": {"numbers": list(game.numbers), "target": game.target, "solution": solution},
        },
    )

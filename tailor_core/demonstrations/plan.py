"""Who demonstrates what: requests spread evenly over primitives, difficulties and problems."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

from tailor_core.records import content_id


@dataclass(frozen=True, slots=True)
class Request:
    """One demonstration to write, by ids; `seed` goes to the teacher."""

    problem_id: str
    primitive_id: str
    seed: int


def plan_requests(
    problems: Mapping[int, Sequence[str]], primitives: Sequence[str], total: int, seed: int
) -> list[Request]:
    """`total` requests; `problems` is difficulty -> problem ids, neither it nor `primitives` may be empty.

    Difficulties take turns. Within one, no pair of problem and primitive comes twice before every pair has
    come once, no problem comes again before all have; a pair that comes again has another seed.
    """
    pairs = [_pairs(level, ids, primitives, seed) for level, ids in sorted(problems.items())]
    turns = (next(pairs[i % len(pairs)]) for i in count())
    return [
        Request(problem, primitive, _seed(seed, problem, primitive, again))
        for problem, primitive, again in islice(turns, total)
    ]


def _pairs(
    level: int, problems: Sequence[str], primitives: Sequence[str], seed: int
) -> Iterator[tuple[str, str, int]]:
    """All (problem, primitive, how often this pair came before), without end."""
    rng = random.Random(content_id(["requests", level, seed], length=64))
    problems, primitives = rng.sample(problems, len(problems)), rng.sample(primitives, len(primitives))
    for turn in count():
        for i, problem in enumerate(problems):
            yield problem, primitives[(i + turn) % len(primitives)], turn // len(primitives)


def _seed(seed: int, problem: str, primitive: str, again: int) -> int:
    return int(content_id(["request", seed, problem, primitive, again], length=8), 16)

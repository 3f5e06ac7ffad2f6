"""A problem with a detail or two misread, so that its answer is another: what a plausible but wrong trace is about.

Families keep their details differently, so each is told in which values of its spec one may slip. The environment says
whether what comes of it has an answer, and whether that would be right for the problem as it is.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from tailor_core.environments.base import get_environment
from tailor_core.errors import StageError
from tailor_core.records import Problem, content_id

Place = tuple[str | int, ...]
"""Keys and positions that lead to a value in a spec."""

Change = tuple[Place, Any]

_MOST_TRIES = 200


def misread(problem: Problem, seed: int) -> Problem:
    """The problem with one detail changed that changes its solution, or two where no one does, under the same id.

    The same where none of the changes that are tried does. StageError where the family's details are not known.
    """
    if problem.environment not in _SLIPS:
        raise StageError(
            f"problems of environment.name = {problem.environment!r} cannot be misread; use one of {', '.join(_SLIPS)}"
        )
    environment = get_environment(problem.environment)
    rng = random.Random(content_id(["misread", problem.id, seed], length=64))
    changes = list(_SLIPS[problem.environment](problem.spec))
    rng.shuffle(changes)
    before = cache(lambda: environment.solve(problem.spec))  # only where it decides: it may take seconds
    pairs = [(one, other) for one, other in itertools.pairwise(changes) if one[0] != other[0]]
    for slips in [*[(one,) for one in changes[:_MOST_TRIES]], *pairs[:_MOST_TRIES]]:
        spec = problem.spec
        for place, value in slips:
            spec = _with_value(spec, place, value)
        found = environment.solve(spec)
        if found.count and (found.any_answers or (found.count == 1 and found.first != before().first)):
            return replace(problem, metadata={**problem.metadata, "spec": spec})
    return problem


def _with_value(spec: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """A copy of the spec with another value in one place, and without the solution that it had."""
    changed = copy.deepcopy(spec)
    here: Any = changed
    for key in place[:-1]:
        here = here[key]
    here[place[-1]] = value
    return {key: part for key, part in changed.items() if key not in ("solution", "answer")}


def _roles(spec: dict[str, Any]) -> Iterator[Change]:
    """Somebody is called a knave instead of a knight, or the other way round; or somebody else is called so."""
    other = {"telling-truth": "lying", "lying": "telling-truth"}
    for place, leaf in _parts(spec["statements"], ("statements",)):
        if leaf[0] in other:
            speaker = place[1]
            yield (*place, 0), other[leaf[0]]
            yield from (
                ((*place, 1), person)
                for person in range(len(spec["names"]))
                if person not in (speaker, leaf[1])
            )


def _numbers(spec: dict[str, Any]) -> Iterator[Change]:
    """A number that is stated is one more or less."""
    modulus = spec["modulus"]
    for at, statement in enumerate(spec["statements"]):
        stated = [(("statements", at), statement), *_parts(statement, ("statements", at))]
        for place, part in stated:
            for position, number in enumerate(part):
                if isinstance(number, int):
                    for other in (number - 1, number + 1):
                        if other >= 1 and (not modulus or other < modulus):
                            yield (*place, position), other


def _targets(spec: dict[str, Any]) -> Iterator[Change]:
    """The target is a little more or less."""
    target = spec["target"]
    yield from ((("target",), other) for other in range(max(1, target - 20), target + 21) if other != target)


def _parts(nested: Sequence[Any], place: Place) -> Iterator[tuple[Place, Sequence[Any]]]:
    """All lists in nested lists, and where they are."""
    for at, part in enumerate(nested):
        if isinstance(part, list | tuple):
            yield (*place, at), part
            yield from _parts(part, (*place, at))


_SLIPS: dict[str, Callable[[dict[str, Any]], Iterator[Change]]] = {
    "kk": _roles,
    "igsm": _numbers,
    "countdown": _targets,
}

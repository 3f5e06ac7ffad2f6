"""Which problems an evaluation asks: splits by name or pattern, and a fixed, evenly spread sample of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from tailor_core.errors import StageError
from tailor_core.records import Problem, Split, content_id


def choose_splits(available: Sequence[Split], patterns: Sequence[str]) -> list[Split]:
    """The splits that `patterns` name, in that order, sorted within one; StageError if one does not exist."""
    chosen: dict[Split, None] = {}
    for pattern in patterns:
        fitting = sorted(split for split in set(available) if fnmatchcase(split, pattern))
        if not fitting and "*" not in pattern:
            raise StageError(
                f"evaluation.splits holds {pattern!r}, but the problems have only "
                f"{', '.join(sorted(set(available)))}; choose among these, or generate that split"
            )
        chosen.update(dict.fromkeys(fitting))
    if not chosen:
        raise StageError(
            f"evaluation.splits = {list(patterns)!r} fits none of the splits "
            f"{', '.join(sorted(set(available)))}; choose among these"
        )
    return list(chosen)


def spread_sample(
    problems: Sequence[Problem], difficulty: Mapping[str, int], limit: int, seed: int
) -> list[Problem]:
    """At most `limit` problems, as evenly over the difficulties as they allow; sorted by difficulty and id.

    Drawn by hash of seed and problem id: the order of the rows does not matter, and a larger limit only adds.
    """
    by_difficulty: dict[int, list[Problem]] = {}
    for problem in problems:
        by_difficulty.setdefault(difficulty[problem.id], []).append(problem)
    ranked = []
    for level, group in by_difficulty.items():
        drawn = sorted(group, key=lambda problem: content_id(["suite", seed, problem.id]))
        ranked.extend([(rank, level, problem) for rank, problem in enumerate(drawn)])
    ranked.sort(key=lambda entry: entry[:2])
    chosen = [problem for _, _, problem in ranked[:limit]]
    return sorted(chosen, key=lambda problem: (difficulty[problem.id], problem.id))

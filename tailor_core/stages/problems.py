"""The `problems` stage: train, validation, test and out-of-distribution splits of one environment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

import polars

from tailor_core.artifacts.tables import write_table
from tailor_core.config.problems import Count, ProblemsConfig
from tailor_core.environments.base import Environment, get_environment, read_options
from tailor_core.errors import RecipeError, StageError
from tailor_core.records import Problem
from tailor_core.stages.context import StageContext


def run(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """Write problems.parquet: Problem rows and the plain columns `split` and `difficulty` (a whole number).

    RecipeError where the options are wrong or a split cannot hold as many problems as asked for, StageError
    where the environment's problems are not what it says they are.
    """
    environment = get_environment(config.environment.name)
    problems = make_problems(environment, config, context.seed)
    difficulties = [int(problem.difficulty[environment.main_difficulty]) for problem in problems]
    write_table(context.output / "problems.parquet", _table(problems, difficulties))
    per_split: dict[str, Counter[str]] = {}
    for problem, difficulty in zip(problems, difficulties, strict=True):
        per_split.setdefault(problem.split, Counter())[str(difficulty)] += 1
    return {
        "rows": {"problems": len(problems)},
        "funnel": {"in": len(problems), "kept": len(problems), "dropped": {}},
        "metrics": {"problems": {split: dict(sorted(counts.items())) for split, counts in per_split.items()}},
    }


def make_problems(environment: Environment, config: ProblemsConfig, seed: int) -> list[Problem]:
    """All problems, split by split; no canonical hash comes twice."""
    options = read_options(environment.name, config.environment.options)
    _check_levels(environment, options, config)
    wanted: dict[str, tuple[Any, Count]] = {
        "train": (options, config.train),
        "validation": (options, config.validation),
        "test": (options, config.test),
    }
    wanted.update({split: (level, config.ood) for split, level in environment.ood_levels(options).items()})
    problems: list[Problem] = []
    for split, (level, count) in wanted.items():
        parts = count.items() if isinstance(count, dict) else [(None, count)]
        for difficulty, number in parts:
            # Splits are disjoint without `exclude`, but a user's own environment may need it.
            hashes = frozenset(problem.canonical_hash for problem in problems)
            made = environment.generate(
                level, count=number, split=split, seed=seed, exclude=hashes, difficulty=difficulty
            )
            _check(environment, made, number, split, hashes)
            problems += made
    return problems


def _check_levels(environment: Environment, options: Any, config: ProblemsConfig) -> None:
    """RecipeError where training is given a difficulty that it is never to see."""
    if not isinstance(config.train, dict) or not config.ood:
        return
    field = environment.main_difficulty
    # Families of others may have no such field, or none of that shape.
    unseen = getattr(getattr(options, "ood", None), field, ())
    unseen = unseen if isinstance(unseen, tuple | list) else ()
    if both := [number for number, count in sorted(config.train.items()) if count and number in unseen]:
        raise RecipeError(
            f"problems.train holds {both[0]}, which environment.options.ood.{field} holds too; take it out of one"
        )


def _check(
    environment: Environment, made: Sequence[Problem], count: int, split: str, taken: Set[str]
) -> None:
    """StageError where an environment, a user's own perhaps, breaks what all stages after this build upon."""
    if len(made) != count:
        raise StageError(
            f"problems: {environment.name!r} made {len(made)} problems for {split!r}, not {count}"
        )
    seen = set(taken)
    for problem in made:
        if fault := _fault(environment, problem, split, seen):
            raise StageError(
                f"problems: problem {problem.id!r}, which the environment {environment.name!r} made for the split "
                f"{split!r}, {fault}; mend its `generate`"
            )
        seen.add(problem.canonical_hash)


def _fault(environment: Environment, problem: Problem, split: str, seen: Set[str]) -> str:
    missing = {"difficulty", "split", "canonical_hash", "spec"} - problem.metadata.keys()
    if missing:
        return f"has no {' and no '.join(sorted(missing))} in its metadata"
    if (problem.environment, problem.split) != (environment.name, split):
        return f"says that it is of {problem.environment!r} and of the split {problem.split!r}"
    if problem.canonical_hash in seen:
        return "has the canonical hash of another one"
    if type(problem.difficulty.get(environment.main_difficulty)) is not int:
        return f"has no whole number {environment.main_difficulty!r} in its difficulty"
    if not problem.answer:
        return ""  # some data sets of others record none
    check = environment.check_answer(problem, problem.answer)
    return "" if check.correct else f"has an answer that its own check refuses ({check.reason})"


def _table(problems: Sequence[Problem], difficulties: Sequence[int]) -> polars.DataFrame:
    rows = [problem.to_row() for problem in problems]
    text = {
        name: [row[name] for row in rows] for name in ("id", "environment", "question", "answer", "metadata")
    }
    return polars.DataFrame(
        {**text, "split": [problem.split for problem in problems], "difficulty": difficulties},
        schema={**dict.fromkeys([*text, "split"], polars.String), "difficulty": polars.Int64},
    )

"""The `demonstrations` stage: the teacher demonstrates every accepted primitive on train problems.

Written shard by shard: a stage that was killed goes on after the last whole one. What a server answers is kept one by
one as it comes, and what the student writes batch by batch, so there only what was under way is asked again. Where
temperatures are to be tried, that is done first, on a few train problems (`balance`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tailor_core.artifacts.shards import Shards, parts
from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.demonstrations import BalanceConfig, DemonstrationsConfig
from tailor_core.demonstrations.balance import Balance, Sample, best, to_sample, wanted_samples, weigh
from tailor_core.demonstrations.plan import plan_requests
from tailor_core.demonstrations.teacher import Teacher, Wanted
from tailor_core.errors import StageError
from tailor_core.evaluation.suites import spread_sample
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext, Track
from tailor_core.stages.teachers import Asked, make_teacher, open_engine, progress, teacher_metrics

TRAIN_SPLIT = "train"

AT_ONCE = 1024
"""Demonstrations that an engine is asked for at once. Fixed: what the student writes depends on its batches."""


Pose = Callable[[Problem, int], Problem]
"""The problem that the teacher is given in the place of a problem; the number is the request's seed."""

Retell = Callable[[Problem, Primitive, Demonstration], Demonstration]
"""The demonstration of a problem, made of what the teacher wrote."""


def run(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet, sorted by id. StageError where primitives or problems are missing."""
    return demonstrate(config, context, lambda problem, _: problem, lambda _, __, written: written)


def demonstrate(
    config: DemonstrationsConfig, context: StageContext, pose: Pose, retell: Retell
) -> dict[str, Any]:
    """The same, with problems that the teacher is given otherwise, or with demonstrations made of what it wrote."""
    problems, difficulty = _train_problems(context.inputs["problems"] / "problems.parquet")
    primitives = {
        p.id: p
        for p in read_records(context.inputs["primitives"] / "primitives.parquet", Primitive)
        if p.screening["verdict"] == "accepted"
    }
    if not problems or not primitives:
        missing = "accepted primitives" if problems else "train problems"
        raise StageError(f"demonstrations: there are no {missing} to use; mend the stage that makes them")
    levels: dict[int, list[str]] = {}
    for identity in problems:
        levels.setdefault(difficulty[identity], []).append(identity)
    requests = plan_requests(levels, list(primitives), config.total, context.seed)
    wanted = [(pose(problems[r.problem_id], r.seed), primitives[r.primitive_id], r.seed) for r in requests]
    shards = Shards(context.workdir / "shards")
    train = list(problems.values())
    with open_engine(config.teacher, config.vllm, context) as engine:

        def teacher_at(temperature: float) -> Teacher:
            return make_teacher(config.teacher.model_copy(update={"temperature": temperature}), engine, train)

        weighed: list[Balance] = []
        if config.balance.temperatures:
            tried = spread_sample(train, difficulty, config.balance.problems, context.seed)
            samples = wanted_samples(tried, list(primitives.values()), config.balance.samples, context.seed)
            weighed = _try_temperatures(config.balance, teacher_at, samples, engine)
        teacher = teacher_at(best(weighed).temperature if weighed else config.teacher.temperature)
        written = _write(teacher, engine, wanted, shards, config.shard_size, context.track)
    demonstrations = [
        retell(problems[r.problem_id], primitives[r.primitive_id], one)
        for r, one in zip(requests, written, strict=True)
    ]
    demonstrations.sort(key=lambda demonstration: demonstration.id)
    write_records(context.output / "demonstrations.parquet", demonstrations)
    return _summary(demonstrations, difficulty, {**_balance_metrics(weighed), **teacher_metrics(engine)})


def _train_problems(table: Path) -> tuple[dict[str, Problem], dict[str, int]]:
    """The train problems by id, and the difficulty of every problem by id."""
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    train = {p.id: p for p in read_records(table, Problem) if p.split == TRAIN_SPLIT}
    return train, difficulty


def _try_temperatures(
    config: BalanceConfig,
    teacher_at: Callable[[float], Teacher],
    wanted: Sequence[Wanted],
    engine: Asked | None,
) -> list[Balance]:
    """The balance scores of all temperatures and thresholds; `wanted` holds the samples of a problem side by side."""
    trials: dict[float, list[list[Sample]]] = {}
    with progress(len(config.temperatures) * len(wanted), "temperatures", engine) as advance:
        for temperature in config.temperatures:
            written = teacher_at(temperature).demonstrate_all(wanted, advance)
            samples = [to_sample(problem, one) for (problem, _, _), one in zip(wanted, written, strict=True)]
            trials[temperature] = [list(part) for part in parts(samples, config.samples)]
    return weigh(trials, config.thresholds, config.enough)


def _balance_metrics(weighed: Sequence[Balance]) -> dict[str, Any]:
    """The choice of a temperature and everything it was made from, for a manifest; nothing where none was made."""
    return (
        {"balance": {**asdict(best(weighed)), "tried": [asdict(one) for one in weighed]}} if weighed else {}
    )


def _write(
    teacher: Teacher,
    engine: Asked | None,
    wanted: Sequence[Wanted],
    shards: Shards,
    size: int,
    track: Track,
) -> list[Demonstration]:
    """A demonstration of each problem with its primitive and seed, in order; without an engine `size` at a time."""
    written: list[Demonstration] = []
    with progress(len(wanted), "demonstrations", engine, track) as advance:
        for part in parts(wanted, AT_ONCE if engine else size):
            if engine:
                written += teacher.demonstrate_all(part, advance)
            else:
                made_from = [
                    teacher.name,
                    [(problem.to_row(), primitive.to_row(), seed) for problem, primitive, seed in part],
                ]
                written += shards.records(made_from, Demonstration, partial(teacher.demonstrate_all, part))
                advance(len(part))
    return written


def _summary(
    demonstrations: Sequence[Demonstration], difficulty: Mapping[str, int], teacher: Mapping[str, Any]
) -> dict[str, Any]:
    by_difficulty = Counter(difficulty[d.problem_id] for d in demonstrations)
    by_primitive = Counter(d.primitive_id for d in demonstrations)
    return {
        "rows": {"demonstrations": len(demonstrations)},
        "funnel": {"in": len(demonstrations), "kept": len(demonstrations), "dropped": {}},
        "metrics": {
            "mean_tokens": round(sum(d.tokens for d in demonstrations) / len(demonstrations), 6),
            "by_difficulty": {str(level): n for level, n in sorted(by_difficulty.items())},
            "by_primitive": dict(sorted(by_primitive.items())),
            **teacher,
        },
    }

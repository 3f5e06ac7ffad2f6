"""The `demonstrations` stage: the teacher demonstrates every accepted primitive on train problems.

Written piece by piece: a stage that was killed goes on after those that are whole. What a server answers is kept one
by one as it comes, and what the student writes batch by batch, so there only what was under way is asked again. Where
temperatures are to be tried, that is done first, on a few train problems (`balance`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.shards import parts
from tailor_core.artifacts.tables import read_records, read_table, records_of, table_of, write_records
from tailor_core.config.demonstrations import BalanceConfig, DemonstrationsConfig
from tailor_core.demonstrations.balance import Balance, Sample, best, to_sample, wanted_samples, weigh
from tailor_core.demonstrations.plan import plan_requests
from tailor_core.demonstrations.teacher import Teacher, Wanted
from tailor_core.errors import StageError
from tailor_core.evaluation.suites import spread_sample
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext, Track
from tailor_core.stages.piecework import make_table
from tailor_core.stages.teachers import Asked, make_teacher, open_engine, progress, teacher_metrics

TRAIN_SPLIT = "train"

AT_ONCE = 1024
"""Demonstrations that an engine is asked for at once. Fixed: what the student writes depends on its batches."""


Retell = Callable[[Problem, Primitive, Demonstration], Demonstration]
"""The demonstration of a problem, made of what the teacher wrote."""


def run(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet, sorted by id. StageError where primitives or problems are missing."""
    return demonstrate(config, context, Writing)


def demonstrate(
    config: DemonstrationsConfig, context: StageContext, writing: type[Writing], retell: Retell | None = None
) -> dict[str, Any]:
    """The same, with problems that the teacher is given otherwise, or with demonstrations made of what it wrote."""
    work = writing(config, context.inputs, context.seed)
    with open_engine(config.teacher, config.vllm, context) as engine:

        def teacher_at(temperature: float) -> Teacher:
            teacher = config.teacher.model_copy(update={"temperature": temperature})
            return make_teacher(teacher, engine, work.train)

        weighed: list[Balance] = []
        if config.balance.temperatures:
            tried = spread_sample(work.train, work.difficulty, config.balance.problems, context.seed)
            samples = wanted_samples(tried, work.primitives, config.balance.samples, context.seed)
            weighed = _try_temperatures(config.balance, teacher_at, samples, engine)
        if engine:
            teacher = teacher_at(best(weighed).temperature if weighed else config.teacher.temperature)
            demonstrations = _ask(teacher, engine, work.wanted, context.track)
        else:
            table = make_table(work, config, context, "demonstrations", config.shard_size)
            demonstrations = records_of(table, Demonstration, "demonstrations")
    if retell:
        demonstrations = [retell(*asked, one) for asked, one in zip(work.asked, demonstrations, strict=True)]
    demonstrations.sort(key=lambda demonstration: demonstration.id)
    write_records(context.output / "demonstrations.parquet", demonstrations)
    metrics = {**_balance_metrics(weighed), **teacher_metrics(engine)}
    return _summary(demonstrations, work.difficulty, metrics)


class Writing:
    """The demonstrations that are wanted, in the order of the plan, and as the procedural teacher writes them.

    StageError where there are no problems to train on, or no accepted primitives.
    """

    def __init__(self, config: DemonstrationsConfig, inputs: Mapping[str, Path], seed: int) -> None:
        problems, self.difficulty = _train_problems(inputs["problems"] / "problems.parquet")
        primitives = {
            p.id: p
            for p in read_records(inputs["primitives"] / "primitives.parquet", Primitive)
            if p.screening["verdict"] == "accepted"
        }
        if not problems or not primitives:
            missing = "accepted primitives" if problems else "train problems"
            raise StageError(f"demonstrations: there are no {missing} to use; mend the stage that makes them")
        levels: dict[int, list[str]] = {}
        for identity in problems:
            levels.setdefault(self.difficulty[identity], []).append(identity)
        requests = plan_requests(levels, list(primitives), config.total, seed)
        self.train, self.primitives = list(problems.values()), list(primitives.values())
        self.asked = [(problems[r.problem_id], primitives[r.primitive_id]) for r in requests]
        self.wanted: list[Wanted] = [
            (self.pose(problem, request.seed), primitive, request.seed)
            for request, (problem, primitive) in zip(requests, self.asked, strict=True)
        ]
        self._config = config

    def pose(self, problem: Problem, seed: int) -> Problem:
        """What the teacher is given in the place of a problem; the seed is that of the request."""
        return problem

    def __len__(self) -> int:
        return len(self.wanted)

    def make(self, rows: range) -> polars.DataFrame:
        teacher = make_teacher(self._config.teacher, None, self.train)
        return table_of(teacher.demonstrate_all(self.wanted[rows.start : rows.stop]), Demonstration)


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


def _ask(teacher: Teacher, engine: Asked, wanted: Sequence[Wanted], track: Track) -> list[Demonstration]:
    """A demonstration of each problem with its primitive and seed, in order."""
    written: list[Demonstration] = []
    with progress(len(wanted), "demonstrations", engine, track) as advance:
        for part in parts(wanted, AT_ONCE):
            written += teacher.demonstrate_all(part, advance)
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

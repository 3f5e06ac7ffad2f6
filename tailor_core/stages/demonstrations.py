"""The `demonstrations` stage: the teacher demonstrates every accepted primitive on train problems.

Written shard by shard: a stage that was killed goes on after the last whole one. What a chat teacher answers is kept
one by one as it comes, so there only the requests that were under way are asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tailor_core.artifacts.shards import Shards, parts
from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.demonstrations.plan import plan_requests
from tailor_core.demonstrations.teacher import Teacher, Wanted
from tailor_core.errors import StageError
from tailor_core.inference.openai_engine import OpenAIEngine
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext
from tailor_core.stages.teachers import make_teacher, open_engine, progress, teacher_metrics

TRAIN_SPLIT = "train"


def run(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Write demonstrations.parquet, sorted by id. StageError where primitives or problems are missing."""
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
    wanted = [(problems[r.problem_id], primitives[r.primitive_id], r.seed) for r in requests]
    shards = Shards(context.workdir / "shards")
    with open_engine(config.teacher, config.vllm, context) as engine:
        teacher = make_teacher(config.teacher, engine, list(problems.values()))
        demonstrations = _write(teacher, engine, wanted, shards, config.shard_size)
    demonstrations.sort(key=lambda demonstration: demonstration.id)
    write_records(context.output / "demonstrations.parquet", demonstrations)
    return _summary(demonstrations, difficulty, teacher_metrics(engine))


def _train_problems(table: Path) -> tuple[dict[str, Problem], dict[str, int]]:
    """The train problems by id, and the difficulty of every problem by id."""
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    train = {p.id: p for p in read_records(table, Problem) if p.split == TRAIN_SPLIT}
    return train, difficulty


def _write(
    teacher: Teacher, engine: OpenAIEngine | None, wanted: Sequence[Wanted], shards: Shards, size: int
) -> list[Demonstration]:
    """A demonstration of each problem with its primitive and seed, in order, `size` at a time."""
    written: list[Demonstration] = []
    with progress(len(wanted), "demonstrations", engine) as advance:
        for part in parts(wanted, size):
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

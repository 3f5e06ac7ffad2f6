"""The `demonstrations` stage: the teacher demonstrates every accepted primitive on train problems.

Written shard by shard into the workdir, each in one move: a stage that was killed goes on after the last
whole shard, and a shard that does not hold what was planned is written anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.demonstrations.plan import Request, plan_requests
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.demonstrations.teacher import Teacher
from tailor_core.errors import ArtifactError, StageError
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages.context import StageContext

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
    teacher = ProceduralTeacher(next(iter(problems.values())).environment)
    shards = _Shards(context.workdir, teacher, problems, primitives)
    demonstrations = shards.write(requests, config.shard_size)
    demonstrations.sort(key=lambda demonstration: demonstration.id)
    write_records(context.output / "demonstrations.parquet", demonstrations)
    return _summary(demonstrations, difficulty)


def _train_problems(table: Path) -> tuple[dict[str, Problem], dict[str, int]]:
    """The train problems by id, and the difficulty of every problem by id."""
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    train = {p.id: p for p in read_records(table, Problem) if p.split == TRAIN_SPLIT}
    return train, difficulty


class _Shards:
    """Demonstrations in pieces that survive a crash."""

    def __init__(
        self,
        workdir: Path,
        teacher: Teacher,
        problems: Mapping[str, Problem],
        primitives: Mapping[str, Primitive],
    ) -> None:
        self.workdir = workdir
        self.teacher = teacher
        self.problems = problems
        self.primitives = primitives

    def write(self, requests: Sequence[Request], size: int) -> list[Demonstration]:
        """All demonstrations asked for, `size` in a shard; whole shards on disk are used as they are."""
        written: list[Demonstration] = []
        with tqdm(total=len(requests), desc="demonstrations", unit="trace") as bar:
            for number, start in enumerate(range(0, len(requests), size)):
                part = requests[start : start + size]
                path = self.workdir / f"shard-{number:05d}.parquet"
                written += self._read(path, part) or self._make(path, part)
                bar.update(len(part))
        return written

    def _read(self, path: Path, requests: Sequence[Request]) -> list[Demonstration]:
        """The demonstrations of a shard; none where it is missing, damaged, or holds something else."""
        if not path.exists():
            return []
        try:
            found = read_records(path, Demonstration)
        except ArtifactError:
            return []
        held = [Request(d.problem_id, d.primitive_id, d.seed) for d in found]
        return found if held == list(requests) else []

    def _make(self, path: Path, requests: Sequence[Request]) -> list[Demonstration]:
        made = [
            self.teacher.demonstrate(self.problems[r.problem_id], self.primitives[r.primitive_id], r.seed)
            for r in requests
        ]
        partial = path.with_suffix(".partial")
        write_records(partial, made)
        partial.replace(path)
        return made


def _summary(demonstrations: Sequence[Demonstration], difficulty: Mapping[str, int]) -> dict[str, Any]:
    by_difficulty = Counter(difficulty[d.problem_id] for d in demonstrations)
    by_primitive = Counter(d.primitive_id for d in demonstrations)
    return {
        "rows": {"demonstrations": len(demonstrations)},
        "funnel": {"in": len(demonstrations), "kept": len(demonstrations), "dropped": {}},
        "metrics": {
            "mean_tokens": round(sum(d.tokens for d in demonstrations) / len(demonstrations), 6),
            "by_difficulty": {str(level): n for level, n in sorted(by_difficulty.items())},
            "by_primitive": dict(sorted(by_primitive.items())),
        },
    }

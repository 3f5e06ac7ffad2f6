"""The `primitives` stage: discovers ways of reasoning in the move language of the problems' environment.

Puts together what its parts do not know of each other: discovery (`primitives`), the procedural teacher
(`demonstrations`) and the embedder (`diversity`).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.errors import StageError
from tailor_core.primitives.aim import Aim, read_aim
from tailor_core.primitives.discovery import Discovery, discover
from tailor_core.primitives.language import language_of
from tailor_core.records import Demonstration, Primitive, Problem, content_id
from tailor_core.stages.context import StageContext

TRAIN_SPLIT = "train"


def run(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: all candidates, accepted and rejected. StageError where none is accepted."""
    aim = read_aim(json.loads((context.inputs["probe"] / "summary.json").read_text(encoding="utf-8")))
    problems = _probe_problems(context.inputs["problems"] / "problems.parquet", config, aim, context.seed)
    environment = problems[0].environment
    teacher = ProceduralTeacher(environment)
    seed = int(content_id(["screening", context.seed], length=8), 16)
    language = language_of(environment).within(config.dimensions)
    at_most = 2 * config.rounds * config.candidates_per_round * len(problems)  # in its own words, and retold
    with tqdm(total=at_most, desc="primitives", unit="trace") as bar:

        def demonstrate(problem: Problem, primitive: Primitive, seed: int) -> Demonstration:
            bar.update()
            return teacher.demonstrate(problem, primitive, seed)

        found = discover(language, problems, demonstrate, HashedEmbedder().embed, aim, config, seed)
    if not found.accepted:
        reason = found.primitives[0].screening["reason"]
        raise StageError(
            f"primitives: none of {len(found.primitives)} candidates was accepted (the first because "
            f"{reason}); lower primitives.tau_quality or raise primitives.max_tokens"
        )
    write_records(context.output / "primitives.parquet", found.primitives)
    return _summary(found, aim)


def _probe_problems(table: Path, config: PrimitivesConfig, aim: Aim, seed: int) -> list[Problem]:
    """Train problems of all difficulties, more of those in which the student fails."""
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    pools: dict[int, list[Problem]] = {}
    for problem in read_records(table, Problem):
        if problem.split == TRAIN_SPLIT:
            pools.setdefault(difficulty[problem.id], []).append(problem)
    if not pools:
        raise StageError("primitives: problems.parquet holds no train problems; raise problems.train")
    rng = random.Random(content_id(["probe problems", seed], length=64))
    shuffled = {level: rng.sample(pool, len(pool)) for level, pool in sorted(pools.items())}
    chosen: list[Problem] = []
    taken: Counter[int] = Counter()
    while len(chosen) < config.probe_problems:
        left = [level for level, pool in shuffled.items() if taken[level] < len(pool)]
        if not left:
            break
        level = min(left, key=lambda level: ((taken[level] + 1) / aim.emphasis(level), level))
        chosen.append(shuffled[level][taken[level]])
        taken[level] += 1
    return chosen


def _summary(found: Discovery, aim: Aim) -> dict[str, Any]:
    return {
        "rows": {"primitives": len(found.primitives)},
        "funnel": {
            "in": len(found.primitives),
            "kept": len(found.accepted),
            "dropped": _dropped(found.primitives),
        },
        "metrics": {
            "coverage_gain": [r.coverage_gain for r in found.rounds],
            "accepted_by_round": [r.accepted for r in found.rounds],
            "ended": found.ended,
            "lacks": dict(aim.lacks),
        },
    }


def _dropped(primitives: Sequence[Primitive]) -> Mapping[str, int]:
    """Rejected candidates by the rule that rejected them."""
    rules = [p.screening["rule"] for p in primitives if p.screening["verdict"] == "rejected"]
    return dict(sorted(Counter(rules).items()))

"""The `primitives` stage: discovers ways of reasoning, in the move language of a family or with a language model.

Where the student teaches itself, programs of the move language are proposed, as instructions: a student that has yet
to be taught to reason cannot be expected to plan how. It has to where the family has no such language. Either way a
candidate is judged by what the student writes when it is primed with it. Where there is a pilot, it has the last word.

Puts together what its parts do not know of each other: discovery (`primitives`), the teacher (`demonstrations`) and
the embedder (`diversity`).
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.demonstrations.teacher import Wanted
from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.environments.teaching import takes_programs
from tailor_core.errors import StageError
from tailor_core.primitives.aim import Aim, read_aim
from tailor_core.primitives.chat_proposals import ChatProposer, show_probe
from tailor_core.primitives.discovery import Discovery, discover
from tailor_core.primitives.language import language_of
from tailor_core.primitives.proposing import ProgramProposer, Proposer
from tailor_core.primitives.screening import Fault, step_fault
from tailor_core.records import Demonstration, EvaluationRow, Primitive, Problem, content_id
from tailor_core.stages.context import StageContext
from tailor_core.stages.pilot import try_learning
from tailor_core.stages.teachers import (
    Asked,
    examples_of,
    make_teacher,
    open_engine,
    progress,
    sampling_of,
    teacher_metrics,
)
from tailor_core.verification.judging import judge

TRAIN_SPLIT = "train"


def run(config: PrimitivesConfig, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: all candidates, accepted and rejected. StageError where none is accepted.

    Where there is a pilot, its answers are written to pilot.parquet (`EvaluationRow`; the `model` is named by the ids
    of the primitives that it was fine-tuned on).
    """
    aim = read_aim(json.loads((context.inputs["probe"] / "summary.json").read_text(encoding="utf-8")))
    train, difficulty = _train_problems(context.inputs["problems"] / "problems.parquet")
    problems = _probe_problems(train, difficulty, config, aim, context.seed)
    seed = int(content_id(["screening", context.seed], length=8), 16)
    with open_engine(config.teacher, config.vllm, context) as engine:
        teacher = make_teacher(config.teacher, engine, train)
        if engine is None or takes_programs(config.teacher.kind, train[0].environment):
            proposer: Proposer = _program_proposer(config, train[0].environment, aim, seed)
            versions = 2  # programs in their own words, and retold
        else:
            proposer = _chat_proposer(engine, config, context.inputs["probe"], train, seed)
            versions = 1
        fault: Fault = partial(_fault, config) if engine else step_fault
        at_most = config.rounds * config.candidates_per_round * versions * len(problems)
        with progress(at_most, "primitives", engine, context.track) as advance:

            def demonstrate(wanted: Sequence[Wanted]) -> list[Demonstration]:
                return teacher.demonstrate_all(wanted, advance)

            found = discover(proposer, problems, demonstrate, HashedEmbedder().embed, config, seed, fault)
        if not found.accepted:
            raise StageError(_none_accepted(found.primitives, config.teacher))
        if config.has_pilot:
            found, answers = try_learning(
                config.pilot, context, found, train, difficulty, teacher.demonstrate_all, fault
            )
            write_records(context.output / "pilot.parquet", answers, EvaluationRow)
    write_records(context.output / "primitives.parquet", found.primitives)
    return _summary(found, aim, teacher_metrics(engine))


def _program_proposer(config: PrimitivesConfig, environment: str, aim: Aim, seed: int) -> ProgramProposer:
    language = language_of(environment).within(config.dimensions)
    return ProgramProposer(language, aim, config.candidates_per_round, seed, config.teacher.kind)


def _chat_proposer(
    engine: Asked, config: PrimitivesConfig, probe: Path, train: Sequence[Problem], seed: int
) -> ChatProposer:
    """A language model that proposes: it sees what the student answered in the probe."""
    rows = read_records(probe / "completions.parquet", EvaluationRow)
    return ChatProposer(
        engine,
        dataclasses.replace(sampling_of(config.teacher), max_tokens=config.proposal_tokens),
        show_probe(rows, {p.id: p for p in train}, examples_of(train)[0], config.shown_traces),
        teacher=config.teacher.kind,
        count=config.candidates_per_round,
        same_wording=config.same_wording,
        seed=seed,
    )


def _none_accepted(candidates: Sequence[Primitive], teacher: TeacherConfig) -> str:
    """What to say where discovery found nothing: how far the best candidate was, and what could help."""
    tried = [p for p in candidates if "pass_rate" in p.screening] or candidates
    best = max(tried, key=lambda p: p.screening.get("pass_rate", 0.0))
    stronger = {
        "procedural": "",
        "chat": ", or ask a stronger model",
        "self": "; where the student solves next to nothing however it is primed, it cannot teach itself: set "
        "teacher.kind to 'procedural' or 'chat', or name a stronger backbone",
    }
    return (
        f"primitives: none of {len(candidates)} candidates was accepted (the best of them because "
        f"{best.screening['reason']}); lower primitives.tau_quality or raise primitives.max_tokens"
        f"{stronger[teacher.kind]}"
    )


def _fault(config: PrimitivesConfig, problem: Problem, demonstration: Demonstration) -> str:
    """Why the verifier would refuse a demonstration; empty where it would not."""
    verdict = judge(problem, demonstration, VerdictsConfig(quality=config.quality))
    return "" if verdict.reward == 1 else verdict.reason


def _train_problems(table: Path) -> tuple[list[Problem], dict[str, int]]:
    """The train problems, and the difficulty of every problem by id; StageError where there are none."""
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    train = [problem for problem in read_records(table, Problem) if problem.split == TRAIN_SPLIT]
    if not train:
        raise StageError("primitives: problems.parquet holds no train problems; raise problems.train")
    return train, difficulty


def _probe_problems(
    train: Sequence[Problem], difficulty: Mapping[str, int], config: PrimitivesConfig, aim: Aim, seed: int
) -> list[Problem]:
    """Train problems of all difficulties, more of those in which the student fails."""
    pools: dict[int, list[Problem]] = {}
    for problem in train:
        pools.setdefault(difficulty[problem.id], []).append(problem)
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


def _summary(found: Discovery, aim: Aim, teacher: Mapping[str, Any]) -> dict[str, Any]:
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
            **teacher,
        },
    }


def _dropped(primitives: Sequence[Primitive]) -> Mapping[str, int]:
    """Rejected candidates by the rule that rejected them."""
    rules = [p.screening["rule"] for p in primitives if p.screening["verdict"] == "rejected"]
    return dict(sorted(Counter(rules).items()))

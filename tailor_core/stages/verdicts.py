"""The `verdicts` stage: each demonstration's answer scored, and its reasoning checked as far as it can be.

Judged shard by shard: a stage that was killed goes on after the last whole one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tailor_core.artifacts.shards import Shards, parts
from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.errors import InputError
from tailor_core.records import Demonstration, Problem, Verdict
from tailor_core.stages.context import StageContext
from tailor_core.verification.judging import judge, rule_of_refusal


def run(config: VerdictsConfig, context: StageContext) -> dict[str, Any]:
    """Write verdicts.parquet: one `Verdict` for each demonstration, in the same order."""
    problems = {
        problem.id: problem
        for problem in read_records(context.inputs["problems"] / "problems.parquet", Problem)
    }
    demonstrations = read_records(context.inputs["demonstrations"] / "demonstrations.parquet", Demonstration)
    shards = Shards(context.workdir / "shards")
    verdicts = [
        verdict for part in parts(demonstrations) for verdict in _judge_part(part, problems, config, shards)
    ]
    refused = Counter(rule_of_refusal(verdict) for verdict in verdicts if not verdict.reward)
    write_records(context.output / "verdicts.parquet", verdicts, Verdict)
    kept = len(verdicts) - refused.total()
    return {
        "rows": {"verdicts": len(verdicts)},
        "funnel": {"in": len(demonstrations), "kept": kept, "dropped": dict(sorted(refused.items()))},
        "metrics": {"accepted_share": round(kept / len(verdicts), 6) if verdicts else 0.0},
    }


def _judge_part(
    demonstrations: Sequence[Demonstration],
    problems: Mapping[str, Problem],
    config: VerdictsConfig,
    shards: Shards,
) -> list[Verdict]:
    pairs = [(_problem_of(demonstration, problems), demonstration) for demonstration in demonstrations]
    made_from = [
        config.model_dump(mode="json"),
        [(problem.to_row(), demonstration.to_row()) for problem, demonstration in pairs],
    ]
    return shards.records(made_from, Verdict, lambda: [judge(*pair, config) for pair in pairs])


def _problem_of(demonstration: Demonstration, problems: Mapping[str, Problem]) -> Problem:
    if demonstration.problem_id not in problems:
        raise InputError(
            f"demonstration {demonstration.id!r} solves problem {demonstration.problem_id!r}, which the "
            "problems artifact does not hold; give the problems that the demonstrations were made from"
        )
    return problems[demonstration.problem_id]

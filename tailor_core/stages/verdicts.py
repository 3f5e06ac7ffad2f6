"""The `verdicts` stage: each demonstration's answer scored, and its reasoning checked as far as it can be.

Judged piece by piece: a stage that was killed goes on after those that are whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.tables import read_records, read_table, records_of, table_of, write_table
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.errors import InputError
from tailor_core.records import Demonstration, Problem, Verdict
from tailor_core.stages.context import StageContext
from tailor_core.stages.piecework import make_table
from tailor_core.verification.judging import judge, rule_of_refusal


def run(config: VerdictsConfig, context: StageContext) -> dict[str, Any]:
    """Write verdicts.parquet: one `Verdict` for each demonstration, in the same order."""
    table = make_table(Judging(config, context.inputs, context.seed), config, context, "verdicts")
    write_table(context.output / "verdicts.parquet", table)
    verdicts = records_of(table, Verdict, "verdicts")
    refused = Counter(rule_of_refusal(verdict) for verdict in verdicts if not verdict.reward)
    kept = len(verdicts) - refused.total()
    return {
        "rows": {"verdicts": len(verdicts)},
        "funnel": {"in": len(verdicts), "kept": kept, "dropped": dict(sorted(refused.items()))},
        "metrics": {"accepted_share": round(kept / len(verdicts), 6) if verdicts else 0.0},
    }


class Judging:
    """A `Verdict` on each demonstration."""

    def __init__(self, config: VerdictsConfig, inputs: Mapping[str, Path], seed: int) -> None:
        self._config = config
        self._problems_file = inputs["problems"] / "problems.parquet"
        self._file = inputs["demonstrations"] / "demonstrations.parquet"
        self._table = read_table(self._file)

    def __len__(self) -> int:
        return self._table.height

    def make(self, rows: range) -> polars.DataFrame:
        """InputError where a demonstration is of a problem that is not there."""
        part = records_of(self._table[rows.start : rows.stop], Demonstration, str(self._file))
        return table_of([judge(self._problem_of(one), one, self._config) for one in part], Verdict)

    @cached_property
    def _problems(self) -> dict[str, Problem]:
        return {problem.id: problem for problem in read_records(self._problems_file, Problem)}

    def _problem_of(self, demonstration: Demonstration) -> Problem:
        if demonstration.problem_id not in self._problems:
            raise InputError(
                f"demonstration {demonstration.id!r} solves problem {demonstration.problem_id!r}, which the "
                "problems artifact does not hold; give the problems that the demonstrations were made from"
            )
        return self._problems[demonstration.problem_id]

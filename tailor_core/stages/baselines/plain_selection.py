"""The `selection` stage of the baselines: a random choice to the budget, of the rows that a baseline is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tailor_core.config.selection import SelectionConfig
from tailor_core.diversity import curation
from tailor_core.diversity.curation import EvaluationMatch, Row, Wanted
from tailor_core.diversity.plain import choose_plainly
from tailor_core.diversity.similarity import Grid
from tailor_core.records import SelectionDecision
from tailor_core.stages.context import StageContext
from tailor_core.stages.selection import decide


def verified(config: SelectionConfig, context: StageContext) -> dict[str, Any]:
    """Of the verified rows."""
    return _decide(config, context, curation.verified(config))


def right_answers(config: SelectionConfig, context: StageContext) -> dict[str, Any]:
    """Of the rows with the right answer, whatever their reasoning: a policy's is its own."""
    return _decide(config, context, lambda row: "" if _check(row, "correct") else "not_wanted")


def stand_ins(config: SelectionConfig, context: StageContext) -> dict[str, Any]:
    """The same of a control's, which may be alike where the traces that they stand for are not."""
    return _decide(
        config, context, lambda row: "" if _check(row, "correct") else "not_wanted", distinct=False
    )


def wrong_answers(config: SelectionConfig, context: StageContext) -> dict[str, Any]:
    """Of the rows with an answer in the right form that is wrong."""
    return _decide(
        config,
        context,
        lambda row: "" if _check(row, "parsed") and not _check(row, "correct") else "not_wanted",
    )


def _check(row: Row, check: str) -> bool:
    return row.verdict is not None and bool(row.verdict.checks[check])


def _decide(
    config: SelectionConfig, context: StageContext, wanted: Wanted, *, distinct: bool = True
) -> dict[str, Any]:
    def choose(
        rows: Sequence[Row],
        _: Grid,  # an embedding decides nothing here
        contaminated: Mapping[str, EvaluationMatch],
        config: SelectionConfig,
    ) -> list[SelectionDecision]:
        return choose_plainly(rows, contaminated, config, wanted, context.seed, distinct=distinct)

    return decide(config, context, choose)

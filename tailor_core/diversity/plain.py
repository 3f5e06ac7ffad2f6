"""A choice without diversity, for baselines: wanted rows, uncontaminated, each once, at random to the budget.

What a row is kept for is all that differs between baselines. Near and semantic duplicates stay: to take them out, and
to choose for diversity, is part of Tailor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor_core.config.selection import SelectionConfig
from tailor_core.diversity.curation import EvaluationMatch, Row, Wanted, drop, keep_within, screen
from tailor_core.diversity.dedup import drop_exact
from tailor_core.records import Demonstration, SelectionDecision, content_id

KEPT = "kept_at_random"


def choose_plainly(
    rows: Sequence[Row],
    contaminated: Mapping[str, EvaluationMatch],
    config: SelectionConfig,
    wanted: Wanted,
    seed: int,
    *,
    by_rows: bool = False,
) -> list[SelectionDecision]:
    """One decision a row, sorted by demonstration id.

    The budget is `token_budget` where there is one, however many rows that are, else `budget` rows; `by_rows` says that
    it is those in any case.
    """
    decisions, candidates = screen(rows, contaminated, config, wanted)
    exact = drop_exact(candidates)
    decisions += [drop(duplicate) for duplicate in exact.dropped]
    drawn = {row.id: _lot(row.demonstration, seed) for row in rows}
    ranking = sorted(exact.kept, key=lambda candidate: (drawn[candidate.id], candidate.id))
    token_budget = None if by_rows else config.token_budget
    places = len(ranking) if token_budget is not None else config.budget
    decisions += keep_within(ranking[:places], token_budget, KEPT)
    decisions += [
        SelectionDecision(demonstration_id=candidate.id, kept=False, rule="over_budget")
        for candidate in ranking[places:]
    ]
    return sorted(decisions, key=lambda decision: decision.demonstration_id)


def _lot(demonstration: Demonstration, seed: int) -> str:
    """The same for all that was made of one request, so that a control keeps the rows that it is a control of."""
    request = [demonstration.problem_id, demonstration.primitive_id, demonstration.seed]
    return content_id(["plain choice", seed, request])

"""A choice without diversity, for baselines: wanted rows, uncontaminated, each once, at random to the budget.

What a row is kept for is all that differs between baselines. Near and semantic duplicates stay: to take them out, and
to choose for diversity, is part of Tailor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor_core.config.selection import SelectionConfig
from tailor_core.diversity.curation import EvaluationMatch, Row, Wanted, draw, drop, screen
from tailor_core.diversity.dedup import drop_exact
from tailor_core.records import SelectionDecision


def choose_plainly(
    rows: Sequence[Row],
    contaminated: Mapping[str, EvaluationMatch],
    config: SelectionConfig,
    wanted: Wanted,
    seed: int,
    *,
    distinct: bool = True,
) -> list[SelectionDecision]:
    """One decision a row, sorted by demonstration id.

    The budget is `token_budget` where there is one, however many rows that are, else `budget` rows. Unless they are to
    be `distinct`, rows of the same words all count.
    """
    decisions, unique = screen(rows, contaminated, config, wanted)
    if distinct:
        exact = drop_exact(unique)
        decisions += [drop(duplicate) for duplicate in exact.dropped]
        unique = list(exact.kept)
    places = len(unique) if config.token_budget is not None else config.budget
    demonstrations = {row.id: row.demonstration for row in rows}
    decisions += draw(unique, demonstrations, seed, places=places, token_budget=config.token_budget)
    return sorted(decisions, key=lambda decision: decision.demonstration_id)

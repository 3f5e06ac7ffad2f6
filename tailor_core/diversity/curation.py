"""From demonstrations to decisions: the tests that a row passes in turn, each drop with its reason.

Verified, not contaminated, not too long, no exact, near or semantic duplicate of a better row, within the budget: a row
leaves at the first test that it fails. Near and semantic duplicates may come back, to fill a budget, or stay. Every row
that comes in goes out with exactly one decision, and the decisions do not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tailor_core.config.selection import SelectionConfig
from tailor_core.diversity.dedup import Candidate, Duplicate, drop_exact, drop_near, drop_semantic
from tailor_core.diversity.selection import select
from tailor_core.diversity.similarity import Grid
from tailor_core.records import Demonstration, SelectionDecision, Verdict, content_id

KEPT = "kept_diverse"
DRAWN = "kept_at_random"
FILLING = "kept_to_fill"

UNUSABLE = ("not_verified", "not_wanted", "contaminated", "too_long")
"""Rules that drop a row for what it is, whatever other rows there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A demonstration with what is known of it; no verdict counts as not verified."""

    demonstration: Demonstration
    verdict: Verdict | None
    difficulty: int

    @property
    def id(self) -> str:
        return self.demonstration.id


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationMatch:
    """The evaluation problem that a training problem meets, and how similar the two are (0..1)."""

    problem_id: str
    similarity: float


def curate(
    rows: Sequence[Row],
    grid: Grid,
    contaminated: Mapping[str, EvaluationMatch],
    config: SelectionConfig,
    *,
    seed: int = 0,
) -> list[SelectionDecision]:
    """One decision a row, sorted by demonstration id.

    `grid` [n, d] has the unit vector of each row's think block; `contaminated` is keyed by problem id; a choice at
    random follows from `seed`. In a decision `duplicate_of` is the better demonstration, or the evaluation problem of
    a contaminated row; `similarity` is Jaccard or cosine with it, and for a row over budget the cosine with the
    nearest kept one.
    """
    by_id = {row.id: (position, row) for position, row in enumerate(rows)}
    decisions, candidates = screen(rows, contaminated, config, verified(config))
    exact = drop_exact(candidates)
    unique, alike = exact.kept, {}
    if config.duplicates != "keep":
        near = drop_near(exact.kept, config.near_duplicate_threshold)
        vectors = grid[[by_id[candidate.id][0] for candidate in near.kept]]
        semantic = drop_semantic(near.kept, vectors, config.semantic_threshold)
        unique = semantic.kept
        alike = {duplicate.id: duplicate for part in (near, semantic) for duplicate in part.dropped}
    if config.choice == "random":
        demonstrations = {row.id: row.demonstration for row in rows}
        chosen = draw(unique, demonstrations, seed, places=config.budget, token_budget=config.token_budget)
    else:
        chosen = _spend(unique, by_id, grid, config)
    spare = [candidate for candidate in exact.kept if candidate.id in alike]
    filling = _fill(spare, chosen, by_id, grid, config) if config.duplicates == "fill" else {}
    decisions += [drop(duplicate) for duplicate in exact.dropped]
    decisions += chosen
    decisions += [
        replace(drop(duplicate), kept=True, rule=FILLING, rank=filling[i])
        if i in filling
        else drop(duplicate)
        for i, duplicate in alike.items()
    ]
    return sorted(decisions, key=lambda decision: decision.demonstration_id)


Wanted = Callable[[Row], str]
"""The rule by which a row is not one of those to choose from; empty where it is."""


def verified(config: SelectionConfig) -> Wanted:
    """Rows whose verdict is good enough."""
    return lambda row: "not_verified" if row.verdict is None or row.verdict.reward < config.min_reward else ""


def screen(
    rows: Sequence[Row],
    contaminated: Mapping[str, EvaluationMatch],
    config: SelectionConfig,
    wanted: Wanted,
) -> tuple[list[SelectionDecision], list[Candidate]]:
    """Decisions on the rows that cannot be trained on, and the others as candidates."""
    decisions, candidates = [], []
    for row in rows:
        match = contaminated.get(row.demonstration.problem_id)
        if rule := wanted(row):
            decisions.append(SelectionDecision(demonstration_id=row.id, kept=False, rule=rule))
        elif match is not None:
            decisions.append(
                SelectionDecision(
                    demonstration_id=row.id,
                    kept=False,
                    rule="contaminated",
                    duplicate_of=match.problem_id,
                    similarity=match.similarity,
                )
            )
        elif row.demonstration.tokens > config.max_tokens:
            decisions.append(SelectionDecision(demonstration_id=row.id, kept=False, rule="too_long"))
        else:
            candidates.append(_candidate(row.demonstration, row.verdict.reward if row.verdict else 0.0))
    return decisions, candidates


def _candidate(demonstration: Demonstration, reward: float) -> Candidate:
    return Candidate(
        id=demonstration.id,
        problem=demonstration.problem_id,
        text=f"{demonstration.think}\n{demonstration.answer_text}",
        reward=reward,
        tokens=demonstration.tokens,
    )


def drop(duplicate: Duplicate) -> SelectionDecision:
    """The decision on a duplicate."""
    return SelectionDecision(
        demonstration_id=duplicate.id,
        kept=False,
        rule=duplicate.rule,
        duplicate_of=duplicate.duplicate_of,
        similarity=duplicate.similarity,
    )


def _spend(
    candidates: Sequence[Candidate],
    by_id: Mapping[str, tuple[int, Row]],
    grid: Grid,
    config: SelectionConfig,
) -> list[SelectionDecision]:
    """Keep a diverse choice of the unique rows, ranked from 1; the others are over the budget."""
    rows = [by_id[candidate.id] for candidate in candidates]
    cells = [(row.demonstration.primitive_id, row.difficulty) for _, row in rows]
    chosen = select(cells, grid[[position for position, _ in rows]], config.budget)
    over = [
        SelectionDecision(
            demonstration_id=candidates[i].id, kept=False, rule="over_budget", similarity=similarity
        )
        for i, (_, similarity) in sorted(chosen.nearest.items())
    ]
    return keep_within([candidates[i] for i in chosen.ranking], config.token_budget, KEPT) + over


def _fill(
    spare: Sequence[Candidate],
    chosen: Sequence[SelectionDecision],
    by_id: Mapping[str, tuple[int, Row]],
    grid: Grid,
    config: SelectionConfig,
) -> dict[str, int]:
    """Near and semantic duplicates that take what the unique rows leave of the budget: id -> rank.

    A trace on another problem teaches something, however alike the two are; not to train on it where there is room for
    it would be to train on less than others do.
    """
    kept = [by_id[decision.demonstration_id][1] for decision in chosen if decision.kept]
    room = config.budget - len(kept)
    if room <= 0 or len(kept) < len(chosen):
        return {}
    rows = [by_id[candidate.id] for candidate in spare]
    cells = [(row.demonstration.primitive_id, row.difficulty) for _, row in rows]
    ranking = select(cells, grid[[position for position, _ in rows]], room).ranking
    spent = sum(row.demonstration.tokens for row in kept)
    filling: dict[str, int] = {}
    for rank, i in enumerate(ranking, len(kept) + 1):
        spent += spare[i].tokens
        if config.token_budget is not None and spent > config.token_budget:
            break
        filling[spare[i].id] = rank
    return filling


def draw(
    candidates: Sequence[Candidate],
    demonstrations: Mapping[str, Demonstration],
    seed: int,
    *,
    places: int,
    token_budget: int | None,
) -> list[SelectionDecision]:
    """Keep unique rows at random, at most so many `places`; `demonstrations` are those of the candidates, by id.

    Those of one request have one lot, so that a control keeps the rows that it is a control of.
    """

    def lot(candidate: Candidate) -> tuple[str, str]:
        row = demonstrations[candidate.id]
        return content_id(["plain choice", seed, [row.problem_id, row.primitive_id, row.seed]]), candidate.id

    ranking = sorted(candidates, key=lot)
    over = [
        SelectionDecision(demonstration_id=candidate.id, kept=False, rule="over_budget")
        for candidate in ranking[places:]
    ]
    return keep_within(ranking[:places], token_budget, DRAWN) + over


def keep_within(ranking: Sequence[Candidate], token_budget: int | None, rule: str) -> list[SelectionDecision]:
    """Keep rows by `rule`, ranked from 1, up to the first that would exceed the budget; from there, none."""
    decisions: list[SelectionDecision] = []
    spent = 0
    for rank, candidate in enumerate(ranking, 1):
        spent += candidate.tokens
        if token_budget is None or spent <= token_budget:
            decisions.append(
                SelectionDecision(demonstration_id=candidate.id, kept=True, rule=rule, rank=rank)
            )
        else:
            decisions.append(
                SelectionDecision(demonstration_id=candidate.id, kept=False, rule="over_token_budget")
            )
    return decisions

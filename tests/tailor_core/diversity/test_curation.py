"""Curation: one decision a row, in the order of the tests, whatever the order of the rows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.config.selection import SelectionConfig
from tailor_core.diversity.curation import EvaluationMatch, Row, curate
from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.diversity.similarity import on_grid
from tailor_core.records import Demonstration, SelectionDecision, Verdict

MOVES = [
    "Suppose Zoey were a knight.",
    "That is a contradiction.",
    "So Ella must be a knave.",
    "Ella accuses Zoey, so one of them lies.",
    "All claims fit.",
    "In both cases Ella must be a knave.",
    "Undo.",
]


def make_row(
    i: int, think: str, *, problem: str = "x", primitive: str = "p", reward: float = 1.0, difficulty: int = 2
) -> Row:
    demonstration = Demonstration(
        id=f"d{i:02d}", problem_id=problem, primitive_id=primitive, teacher="procedural", think=think,
        answer_text=f"{'Bob' if 'Bob' in think else 'Zoey'} is a knight.", tokens=len(think.split()), seed=i,
    )  # fmt: skip
    verdict = Verdict(demonstration_id=demonstration.id, reward=reward, checks={}, reason="")
    return Row(demonstration=demonstration, verdict=verdict, difficulty=difficulty)


def decide(
    rows: Sequence[Row], contaminated: dict[str, EvaluationMatch] | None = None, **settings: object
) -> list[SelectionDecision]:
    grid = on_grid(HashedEmbedder(64).embed([row.demonstration.think for row in rows]))
    return curate(rows, grid, contaminated or {}, SelectionConfig.model_validate(settings))


def test_each_rule_drops_the_row_that_it_is_for() -> None:
    trace = " ".join(MOVES[:5])
    long = " ".join(MOVES * 3)
    rows = [
        make_row(0, trace),
        make_row(1, trace.upper(), reward=0.0),
        make_row(2, trace, problem="eval"),
        make_row(3, trace + " "),
        make_row(4, trace.replace("Zoey", "Bob").replace("Ella", "Ann"), problem="y"),
        make_row(5, long, problem="z"),
        make_row(6, long.removesuffix("Undo.") + "Take that back.", problem="w"),
        make_row(7, "Who talks about Zoey? Ella does. Everything fits now.", problem="v"),
        replace(make_row(8, "No verdict."), verdict=None),
    ]
    decisions = decide(
        rows, {"eval": EvaluationMatch(problem_id="t1", similarity=1.0)}, semantic_threshold=0.85, budget=2
    )
    assert [decision.rule for decision in decisions] == [
        "over_budget", "not_verified", "contaminated", "exact_duplicate", "near_duplicate",
        "kept_diverse", "semantic_duplicate", "kept_diverse", "not_verified",
    ]  # fmt: skip
    assert [decision.duplicate_of for decision in decisions] == [
        None, None, "t1", "d00", "d00", None, "d05", None, None,
    ]  # fmt: skip
    assert [decision.rank for decision in decisions if decision.kept] == [2, 1]
    by_rule = {decision.rule: decision.similarity for decision in decisions}
    assert by_rule["near_duplicate"] == 1.0
    assert 0.85 <= (by_rule["semantic_duplicate"] or 0) < 1
    assert by_rule["over_budget"] is not None


def test_a_demonstration_over_the_length_limit_is_dropped_and_one_at_it_is_kept() -> None:
    rows = [make_row(0, " ".join(MOVES[:4])), make_row(1, " ".join(MOVES * 3), problem="z")]
    limit = rows[0].demonstration.tokens
    assert [decision.rule for decision in decide(rows, max_tokens=limit)] == ["kept_diverse", "too_long"]


rows_strategy = st.lists(
    st.tuples(
        st.lists(st.sampled_from(MOVES), max_size=6),
        st.sampled_from(["x", "y", "eval"]),
        st.sampled_from("pq"),
        st.sampled_from([0.0, 1.0]),
        st.integers(2, 3),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(rows_strategy, st.integers(1, 6), st.integers(0, 99))
def test_every_row_gets_one_decision_that_the_order_of_rows_does_not_change(
    parts: list[tuple[list[str], str, str, float, int]], budget: int, seed: int
) -> None:
    rows = [
        make_row(
            i, " ".join(moves), problem=problem, primitive=primitive, reward=reward, difficulty=difficulty
        )
        for i, (moves, problem, primitive, reward, difficulty) in enumerate(parts)
    ]
    match = {"eval": EvaluationMatch(problem_id="t1", similarity=1.0)}
    decisions = decide(rows, match, budget=budget)
    assert [decision.demonstration_id for decision in decisions] == [row.id for row in rows]
    assert decide(random.Random(seed).sample(rows, len(rows)), match, budget=budget) == decisions
    kept = [decision for decision in decisions if decision.kept]
    assert len(kept) <= budget
    assert sorted(decision.rank or 0 for decision in kept) == list(range(1, len(kept) + 1))
    assert all(decision.kept == (decision.rule == "kept_diverse") for decision in decisions)
    # Curating what was kept keeps all of it.
    survivors = [row for row, decision in zip(rows, decisions, strict=True) if decision.kept]
    assert all(decision.kept for decision in decide(survivors, match, budget=budget))


def test_a_budget_is_shared_evenly_by_primitives_of_uneven_supply() -> None:
    rows = [
        make_row(
            i,
            f"Step number{i} for group{i % 9}: {MOVES[i % 7]}",
            problem=f"x{i}",
            primitive="p" if i % 10 else "q",
        )
        for i in range(60)
    ]
    decisions = decide(rows, near_duplicate_threshold=1.0, semantic_threshold=1.0, budget=12)
    taken = Counter(row.demonstration.primitive_id for row, d in zip(rows, decisions, strict=True) if d.kept)
    assert taken == {"p": 6, "q": 6}


def test_nothing_in_gives_nothing_out() -> None:
    assert decide([]) == []


def test_near_and_semantic_duplicates_take_what_unique_rows_leave_of_the_budget() -> None:
    unique = [make_row(i, f"Step number{i}: {MOVES[i]}", problem=f"x{i}") for i in range(5)]
    alike = [make_row(10 + i, f"Step number{i}: {MOVES[i]}", problem=f"y{i}") for i in range(4)]
    same = [make_row(20, unique[0].demonstration.think, problem="x0"), make_row(21, "No.", reward=0.0)]
    rows = [*unique, *alike, *same]
    thresholds = {"near_duplicate_threshold": 1.0, "semantic_threshold": 1.0}

    def kept(**changes: object) -> list[str]:
        decisions = {d.demonstration_id: d for d in decide(rows, **thresholds, **changes)}
        assert len(decisions) == len(rows)
        taken = sorted((d for d in decisions.values() if d.kept), key=lambda d: d.rank or 0)
        assert [d.rank for d in taken] == list(range(1, len(taken) + 1))
        for decision in decisions.values():
            copy = decision.demonstration_id in {row.id for row in alike}
            assert (decision.duplicate_of is not None) == (copy or decision.demonstration_id == "d20")
            assert decision.kept is False or (decision.rule == "kept_to_fill") == copy
        return [d.demonstration_id for d in taken]

    assert set(kept()) == {row.id for row in unique}
    assert set(kept(duplicates="fill")) == {row.id for row in [*unique, *alike]}
    assert set(kept(duplicates="fill")[:5]) == {row.id for row in unique}, "unique rows come first"
    assert len(kept(duplicates="fill", budget=7)) == 7
    assert kept(duplicates="fill", budget=5) == kept(budget=5)
    tokens = {row.id: row.demonstration.tokens for row in rows}
    whole = sum(tokens[row.id] for row in unique)
    some = kept(duplicates="fill", token_budget=whole + 2 * min(tokens[row.id] for row in alike) + 1)
    assert 5 < len(some) < 9
    assert set(kept(duplicates="fill", token_budget=whole - 1)) < {row.id for row in unique}, (
        "it was the budget that ended it"
    )


@pytest.mark.parametrize("choice", ["diverse", "random"])
def test_near_and_semantic_duplicates_that_are_kept_are_chosen_from_like_any_others(choice: str) -> None:
    alike = [make_row(i, f"Step number{i % 2}: {MOVES[i % 2]}", problem=f"x{i}") for i in range(12)]
    same = [make_row(20, alike[0].demonstration.think, problem="x0"), make_row(21, "No.", reward=0.0)]
    decisions = decide([*alike, *same], duplicates="keep", choice=choice, budget=9)
    assert Counter(decision.rule for decision in decisions if decision.kept).total() == 9
    assert len({decision.rule for decision in decisions if decision.kept}) == 1
    assert Counter(decision.rule for decision in decisions if not decision.kept) == {
        "over_budget": 3, "exact_duplicate": 1, "not_verified": 1,
    }  # fmt: skip


def test_a_choice_at_random_is_of_the_same_unique_rows_and_follows_from_the_seed() -> None:
    rows = [
        make_row(i, f"Step number{i}: {MOVES[i % 7]}", problem=f"x{i}", primitive="p" if i % 10 else "q")
        for i in range(60)
    ]
    rows += [make_row(60, rows[5].demonstration.think, problem="x5"), make_row(61, "Wrong.", reward=0.0)]
    config = SelectionConfig(
        choice="random", near_duplicate_threshold=1.0, semantic_threshold=1.0, budget=20, token_budget=100
    )

    def kept(seed: int, **changes: object) -> set[str]:
        grid = on_grid(HashedEmbedder(64).embed([row.demonstration.think for row in rows]))
        decisions = curate(rows, grid, {}, config.model_copy(update=changes), seed=seed)
        assert [decision.demonstration_id for decision in decisions] == [row.id for row in rows]
        assert {decision.rule for decision in decisions if decision.kept} == {"kept_at_random"}
        assert Counter(decision.rule for decision in decisions if not decision.kept).keys() <= {
            "not_verified", "exact_duplicate", "over_budget", "over_token_budget",
        }  # fmt: skip
        return {decision.demonstration_id for decision in decisions if decision.kept}

    assert kept(1) == kept(1) != kept(2)
    assert not kept(1) & {"d60", "d61"}
    assert sum(row.demonstration.tokens for row in rows if row.id in kept(1)) <= 100 < 20 * 8
    assert len(kept(1, token_budget=None)) == 20
    primitives = [row.demonstration.primitive_id for row in rows]
    many = [kept(seed, token_budget=None) for seed in range(30)]
    share = sum(primitives[int(i[1:])] == "q" for ids in many for i in ids) / 600
    assert 0.05 < share < 0.16, (
        "a tenth of the rows, where a diverse choice would give it what it has: 6 of 20"
    )

"""Duplicates: brute force as oracle, and the laws that a duplicate test must keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity

from tailor_core.diversity import dedup
from tailor_core.diversity.dedup import Candidate, Deduplicated, drop_exact, drop_near, drop_semantic
from tailor_core.diversity.shingles import shingles
from tailor_core.diversity.similarity import on_grid

WORDS = [
    "suppose",
    "then",
    "so",
    "knight",
    "knave",
    "true",
    "false",
    "contradiction",
    "check",
    "Zoey",
    "Ella",
    "says",
]
texts = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)


@st.composite
def candidate_sets(draw: st.DrawFn) -> list[Candidate]:
    rows = draw(
        st.lists(
            st.tuples(texts, st.sampled_from("pq"), st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 4)),
            max_size=12,
        )
    )
    return [
        Candidate(id=f"d{i:02d}", problem=problem, text=text, reward=reward, tokens=tokens)
        for i, (text, problem, reward, tokens) in enumerate(rows)
    ]


def unit(seed: int, n: int, d: int) -> np.ndarray:
    rows = np.random.default_rng(seed).integers(-2, 3, size=(n, d)).astype(float)
    rows[~rows.any(axis=1), 0] = 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def semantic(rows: Sequence[Candidate]) -> Deduplicated:
    """With vectors that belong to the ids, so that an order of rows means nothing."""
    all_vectors = unit(7, 100, 4)
    return drop_semantic(rows, on_grid(all_vectors[[int(row.id[1:]) for row in rows]]), 0.8)


TESTS: list[Callable[[Sequence[Candidate]], Deduplicated]] = [
    drop_exact,
    lambda rows: drop_near(rows, 0.6),
    semantic,
]


@pytest.mark.parametrize("drop", TESTS, ids=["exact", "near", "semantic"])
@settings(max_examples=60, deadline=None)
@given(rows=candidate_sets(), seed=st.integers(0, 99))
def test_the_laws_of_a_duplicate_test(
    drop: Callable[[Sequence[Candidate]], Deduplicated], rows: list[Candidate], seed: int
) -> None:
    result = drop(rows)
    # Rows in = kept + dropped, each once.
    assert sorted([*(r.id for r in result.kept), *(r.id for r in result.dropped)]) == [r.id for r in rows]
    # The order of the input means nothing.
    shuffled = random.Random(seed).sample(rows, len(rows))
    again = drop(shuffled)
    assert again.kept == result.kept
    assert set(again.dropped) == set(result.dropped)
    # Nothing is left to drop.
    assert drop(result.kept) == Deduplicated(kept=result.kept, dropped=())
    # Each dropped row names a kept row that is preferred to it.
    kept = {row.id: row for row in result.kept}
    by_id = {row.id: row for row in rows}
    for dropped in result.dropped:
        assert kept[dropped.duplicate_of].preference < by_id[dropped.id].preference
        assert 0 <= dropped.similarity <= 1
        assert dropped.similarity == round(dropped.similarity, 6)


def row(i: str, text: str, *, problem: str = "p", reward: float = 1.0, tokens: int = 5) -> Candidate:
    return Candidate(id=i, problem=problem, text=text, reward=reward, tokens=tokens)


def test_exact_duplicates_ignore_case_spacing_and_unicode_form_but_not_the_problem() -> None:
    rows = [
        row("a", "So  Zo\u00eb is\na KNIGHT."),
        row("b", "so zoe\u0308 is a knight."),
        row("c", "so zoe\u0308 is a knight.", problem="q"),
        row("d", "so zoe\u0308 is a knave."),
    ]
    result = drop_exact(rows)
    assert [kept.id for kept in result.kept] == ["a", "c", "d"]
    assert [(d.id, d.rule, d.duplicate_of, d.similarity) for d in result.dropped] == [
        ("b", "exact_duplicate", "a", 1.0)
    ]


def test_the_better_of_two_duplicates_stays_by_reward_then_tokens_then_id() -> None:
    rows = [
        row("a", "x", reward=0.5, tokens=1),
        row("c", "x", tokens=2),
        row("b", "x", tokens=2),
        row("d", "x", tokens=9),
    ]
    assert [kept.id for kept in drop_exact(rows).kept] == ["b"]


def test_a_trace_retold_about_other_people_is_a_near_duplicate_and_another_trace_is_not() -> None:
    trace = (
        "I need to place Zoey and Ella. Suppose Zoey were a knight. So Ella must be a knave. All claims fit."
    )
    retold = trace.replace("Zoey", "Bob").replace("Ella", "Ann")
    other = "I need to place Bob and Ann. Ann said that Bob is a knave, which is false: Ann must be a knave."
    result = drop_near([row("a", trace), row("b", retold, problem="q"), row("c", other)], 0.9)
    assert [kept.id for kept in result.kept] == ["a", "c"]
    assert result.dropped[0].duplicate_of == "a"
    assert result.dropped[0].similarity == 1.0


@settings(max_examples=100, deadline=None)
@given(candidate_sets(), st.sampled_from([0.3, 0.5, 0.55, 0.6, 0.8, 1.0]))
def test_prefix_filtering_finds_just_what_comparing_all_pairs_finds(
    rows: list[Candidate], threshold: float
) -> None:
    kept: list[Candidate] = []
    dropped = {}
    for candidate in sorted(rows, key=lambda r: r.preference):
        own = shingles(candidate.text)
        others = [(shingles(other.text), other.id) for other in kept]
        found = [(len(own & other) / len(own | other), i) for other, i in others]
        best = max((similarity for similarity, _ in found), default=0.0)
        if best >= threshold:
            dropped[candidate.id] = (next(i for s, i in found if s == best), round(best, 6))
        else:
            kept.append(candidate)
    result = drop_near(rows, threshold)
    assert list(result.kept) == kept
    assert {d.id: (d.duplicate_of, d.similarity) for d in result.dropped} == dropped


@pytest.mark.parametrize("block", [1, 3, 1024])
def test_semantic_duplicates_are_those_of_a_plain_loop_over_sklearns_cosines(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedup, "BLOCK_ROWS", block)
    vectors = unit(3, 80, 5)
    rows = [row(f"{i:02d}", "", reward=float(i % 3), tokens=i % 7) for i in range(80)]
    similarity = np.round(cosine_similarity(vectors.astype(np.float64)), 6)
    order = sorted(range(80), key=lambda i: rows[i].preference)
    kept: list[int] = []
    dropped = {}
    for i in order:
        best = max(kept, key=lambda k: similarity[i, k], default=None)
        if best is not None and similarity[i, best] >= 0.9:
            dropped[rows[i].id] = similarity[i, best]
        else:
            kept.append(i)
    result = drop_semantic(rows, on_grid(vectors), 0.9)
    assert [r.id for r in result.kept] == [rows[i].id for i in kept]
    assert {d.id: d.similarity for d in result.dropped} == pytest.approx(dropped, abs=2e-6)
    assert dropped


def test_hostile_texts_are_compared_like_any_other() -> None:
    hostile = [
        "",
        " ",
        "\ud800",
        "\x00",
        "\U0001f642" * 1000,
        "a " * 50_000,
        "a" * 500_000,
        "A is a knight. " * 5000,
    ]
    rows = [row(f"{i}", text) for i, text in enumerate(hostile)]
    assert {r.id for r in drop_exact(rows).kept} == {"0", *(str(i) for i in range(2, 8))}
    assert len(drop_near(rows, 0.9).kept) + len(drop_near(rows, 0.9).dropped) == len(rows)

"""Training rows: what TRL reads, in order of rank, with ids of content."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tailor_core.data.sft import render, render_kept
from tailor_core.errors import InputError
from tailor_core.records import Demonstration, Problem, SelectionDecision, SFTExample

PROBLEM = Problem(
    id="x", environment="kk", question="Who is who?", answer="Zoey is a knight.",
    metadata={"split": "train", "canonical_hash": "h", "difficulty": {"people": 2}, "spec": {}},
)  # fmt: skip
DEMONSTRATION = Demonstration(
    id="d", problem_id="x", primitive_id="p", teacher="procedural", think="Suppose not. \u00e9\U0001f642",
    answer_text="Zoey is a knight.", tokens=9, seed=1,
)  # fmt: skip


def test_a_row_is_the_question_and_the_whole_completion_as_messages() -> None:
    row = render(PROBLEM, DEMONSTRATION)
    assert row.prompt == [{"role": "user", "content": "Who is who?"}]
    assert row.completion == [
        {
            "role": "assistant",
            "content": "<think> Suppose not. \u00e9\U0001f642</think>\n<answer>Zoey is a knight.</answer>",
        }
    ]
    assert (row.demonstration_id, row.problem_id, row.primitive_id) == ("d", "x", "p")
    assert SFTExample.from_row(row.to_row()) == row


def test_the_id_changes_with_the_content_and_only_with_it() -> None:
    assert render(PROBLEM, DEMONSTRATION).id == render(PROBLEM, replace(DEMONSTRATION, seed=2)).id
    assert render(PROBLEM, DEMONSTRATION).id != render(PROBLEM, replace(DEMONSTRATION, think="Other.")).id
    assert render(PROBLEM, DEMONSTRATION).id != render(replace(PROBLEM, question="?"), DEMONSTRATION).id


def decision(i: str, rank: int | None) -> SelectionDecision:
    return SelectionDecision(demonstration_id=i, kept=rank is not None, rule="kept_diverse", rank=rank)


def test_only_kept_rows_are_rendered_in_order_of_rank() -> None:
    demonstrations = {i: replace(DEMONSTRATION, id=i) for i in "abc"}
    decisions = [decision("a", 2), decision("b", None), decision("c", 1)]
    rows = render_kept({"x": PROBLEM}, demonstrations, decisions)
    assert [row.demonstration_id for row in rows] == ["c", "a"]


def test_a_decision_on_rows_that_are_not_there_is_one_clear_sentence() -> None:
    with pytest.raises(InputError, match="keeps demonstration 'z', which is not in the demonstrations"):
        render_kept({"x": PROBLEM}, {}, [decision("z", 1)])
    with pytest.raises(InputError, match="answers problem 'x', which is not in the problems"):
        render_kept({}, {"d": DEMONSTRATION}, [decision("d", 1)])

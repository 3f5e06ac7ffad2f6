"""Reasoning states of traces worked out by hand, and of text that is no trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.study.states import StateBook, moves_of, states_of

TRACE = (
    "Suppose Chloe were a knight. Noah said that Chloe is not a knave, which is true: Noah must be a knight. "
    "Emily said that Chloe is a knight, which is true: Emily must be a knight."
)
HOSTILE = (
    "",
    " \n\t",
    "<script>alert(1)</script>",
    r"\input{/etc/passwd} $x_{1}$ & % # ~ ^",
    "\x00\ud800\u202e . . . ?! ;;;",
    "N N N N. R+ S P-",
    "<think>" * 500,
    "ＡＢＣ　１２３。",
)


def test_what_a_sentence_does_is_left_when_who_it_is_about_is_masked() -> None:
    claim = "N said that S , which is true : P+"
    assert moves_of(TRACE) == ["suppose P+", claim, claim]
    assert states_of(moves_of(TRACE)) == {
        ("<", "suppose P+", claim),
        ("suppose P+", claim, claim),
        (claim, claim, ">"),
    }


def test_other_people_reason_alike() -> None:
    renamed = TRACE.replace("Chloe", "Zoey").replace("Noah", "Liam").replace("Emily", "Ava")
    assert moves_of(renamed) == moves_of(TRACE)


def test_a_name_of_three_words_is_a_name() -> None:
    short, long = "Define Birch Cabin as N; so N = 3.", "Define Large Birch Cabin as N; so N = 3."
    assert moves_of(f"Of {short} {short}") == moves_of(f"Of {long} {long}")


def test_states_are_numbered_once_and_for_all() -> None:
    book = StateBook()
    moves = moves_of(TRACE)
    first = book.states(moves)
    assert first.tolist() == [0, 1, 2]
    assert book.states(moves[:2]).tolist() == [0, 3], "the same opening, another end"
    assert book.states(moves).tolist() == first.tolist()
    assert len(book.sentences(moves)) == 2
    assert len(book) == 6


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_has_states(text: str) -> None:
    moves = moves_of(text)
    states = states_of(moves)
    assert len(states) <= len(moves)
    assert bool(states) == bool(moves)
    assert len(StateBook().states(moves)) == len(states)


@given(st.text(max_size=200))
def test_states_are_runs_of_three(text: str) -> None:
    moves = moves_of(text)
    assert all(len(state) == 3 for state in states_of(moves))

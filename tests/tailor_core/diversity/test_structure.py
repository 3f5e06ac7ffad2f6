"""Masking and skeletons: names, roles and statements go, moves stay."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.diversity.structure import masked_sentences, skeleton


def skeletons(text: str) -> list[str]:
    return [skeleton(sentence) for sentence in masked_sentences(text)]


def test_people_are_numbered_by_first_appearance_and_roles_by_meaning() -> None:
    text = "Next I look at Zoey. Ella says that Zoey is a sinner. Then Ella is a saint."
    assert [" ".join(sentence) for sentence in masked_sentences(text)] == [
        "next i look at N1",
        "N2 says that N1 is a R-",
        "then N2 is a R+",
    ]


def test_renaming_people_and_role_words_changes_nothing() -> None:
    text = "Open: Zoey, Ella and Liam. Try Zoey: knight. Zoey true: Ella is a knave. Ella: knave."
    other = text.replace("Zoey", "Bob").replace("Ella", "Ann").replace("Liam", "Cy")
    other = other.replace("knight", "hero").replace("knave", "villain")
    assert masked_sentences(text) == masked_sentences(other)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("I need to place Zoey, Ella and Liam.", "i need to place N"),
        ("So I need to place Zoey.", "so i need to place N"),
        ("Then Zoey is a knight.", "then P+"),
        ("Then Zoey is not a knight.", "then P-"),
        ("And if Zoey is a knave instead?", "and if P- instead"),
        ("So Zoey is a knight, Ella is a knave and Liam is a knave.", "so S"),
    ],
)
def test_what_is_left_of_a_sentence_is_its_move(sentence: str, expected: str) -> None:
    assert skeletons("We meet Zoey, Ella and Liam. " + sentence)[1] == expected


@pytest.mark.parametrize(
    "statement",
    [
        "Ella is a knave",
        "Ella is not a knave",
        "Ella is a knave or Liam is a knight",
        "Ella is a knave if and only if Liam is a knight",
        "if Ella is a knave then Liam is a knight",
        "it is not the case that (Ella is a knave and Liam is a knight)",
        "(Ella is a knave or Zoey is a knight) and it is not the case that (Liam is a knave)",
    ],
)
def test_a_statement_folds_into_one_symbol_whatever_its_form(statement: str) -> None:
    text = f"We meet Zoey, Ella and Liam. Now Zoey says that {statement}, which is false."
    assert skeletons(text)[1] == "now N says that S , which is false"


def test_the_role_that_is_assumed_first_stays_visible() -> None:
    assert skeletons("Suppose Zoey is a knight.") != skeletons("Suppose Zoey is a knave.")


@given(st.text(max_size=400))
def test_any_text_is_masked_without_error_into_non_empty_tokens(text: str) -> None:
    for sentence in masked_sentences(text):
        assert sentence
        assert all(sentence)
        skeleton(sentence)


@pytest.mark.parametrize(
    "unit", ["A ", "(S ", "not ", "if ", "Zoey, ", "x", "A is a knight and ", "\u00e9\u0301 "]
)
def test_a_huge_text_takes_linear_time(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.perf_counter()
        skeletons(text)
        return time.perf_counter() - start

    assert seconds(160_000) < 12 * max(seconds(40_000), 0.01)

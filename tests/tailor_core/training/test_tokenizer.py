"""The tiny backbone's tokenizer: any text round-trips, names and roles stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tailor_core.environments.knights_knaves.curriculum import CURRICULUM
from tailor_core.training.tokenizer import train_tokenizer

SEGMENTS = CURRICULUM.segments

TEXTS = [
    "Suppose Zoey were a knight. Ella said that Zoey is a knave, which is false: Ella must be a knave.",
    "Zoey is a knave if and only if Ella is a knight. If Liam is a knight then Zoey is a knave.",
] * 50


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 400, SEGMENTS, phrases=["A whole sentence of its own."])


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_text_comes_back(text: str) -> None:
    made = train_tokenizer(TEXTS, 400, SEGMENTS)
    assert made.decode(made(text, add_special_tokens=False)["input_ids"]) == text


def test_stock_phrases_are_one_token_that_ends_with_the_role(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer.tokenize(" Zoey is a knave if and only if Ella is a knight.")
    assert tokens == ["ĠZoey", "ĠisĠaĠknave", "ĠifĠandĠonlyĠif", "ĠElla", "ĠisĠaĠknight", "."]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (
            "Suppose Zoey were a knight. So Zoey cannot be a knight and must be a knave.",
            [
                "Suppose",
                " Zoey",
                " were a knight.",
                " So",
                " Zoey",
                " cannot be a knight and must be a knave.",
            ],
        ),
        (
            "Then Ella must be an altruist. Let us say Ella is a knave.",
            ["Then", " Ella", " must be an altruist.", " Let", " us say", " Ella", " is a knave", "."],
        ),
        (
            "Zoey said that Ella is a knave (open) and Zoey is not a knight (false), which is open.",
            [
                "Zoey said that",
                " Ella",
                " is a knave (open)",
                " and",
                " Zoey",
                " is not a knight (false)",
                ", which is open.",
            ],
        ),
        (
            "Zoey said that Ella is a knave, which is true: Zoey must be a knight.",
            ["Zoey said that", " Ella", " is a knave", ", which is true:", " Zoey", " must be a knight."],
        ),
        (
            " Zoey said that Ella is a knave, which is false: Zoey is a knight, a contradiction.",
            [
                " Zoey said that",
                " Ella",
                " is a knave",
                ", which is false:",
                " Zoey",
                " is a knight",
                ", a contradiction.",
            ],
        ),
        (
            "Zoey is a knight; Zoey said that Ella is a knave, which holds.",
            ["Zoey", " is a knight", ";", " Zoey said that", " Ella", " is a knave", ", which holds."],
        ),
        (
            "(1) Zoey is a knight\n(2) Ella is a knave",
            ["(1)", " Zoey", " is a knight", "\n(2)", " Ella", " is a knave"],
        ),
        (
            "They must be a bit (12) early, which is odd.",
            ["They", " must be a bit", " (", "1", "2", ")", " early", ",", " which is odd", "."],
        ),
    ],
)
def test_a_fact_a_verdict_or_the_number_of_a_line_may_be_one_token_with_its_punctuation(
    tokenizer: PreTrainedTokenizerFast, text: str, pieces: list[str]
) -> None:
    split = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)
    assert [text[start:end] for _, (start, end) in split] == pieces


def test_each_piece_of_what_was_often_seen_is_one_token() -> None:
    facts = "So Zoey cannot be a knight and must be a knave. Then Ella must be a knight."
    verdicts = " Ella said that Zoey is a knave (true), which is true: Ella is a knave, a contradiction."
    made = train_tokenizer([facts + verdicts] * 50, 600, SEGMENTS)
    assert made.tokenize(facts + verdicts) == [
        "So",
        "ĠZoey",
        "ĠcannotĠbeĠaĠknightĠandĠmustĠbeĠaĠknave.",
        "ĠThen",
        "ĠElla",
        "ĠmustĠbeĠaĠknight.",
        "ĠEllaĠsaidĠthat",
        "ĠZoey",
        "ĠisĠaĠknaveĠ(true)",
        ",ĠwhichĠisĠtrue:",
        "ĠElla",
        "ĠisĠaĠknave",
        ",ĠaĠcontradiction.",
    ]


def test_phrases_and_tags_are_single_tokens_and_tags_survive_decoding(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    assert tokenizer.tokenize("A whole sentence of its own.") == ["A whole sentence of its own."]
    ids = tokenizer("<think>x</think><answer>y</answer>", add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<think>x</think><answer>y</answer>"


def test_the_chat_template_marks_turns(tokenizer: PreTrainedTokenizerFast) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert tokenizer.apply_chat_template(chat, tokenize=False) == "<|user|>q<|end|><|assistant|>a<|end|>"
    asked = tokenizer.apply_chat_template(chat[:1], tokenize=False, add_generation_prompt=True)
    assert asked == "<|user|>q<|end|><|assistant|>"


@pytest.mark.usefixtures("cpu_minute")
@pytest.mark.parametrize(
    "unit", ["a", " knigh", " must be a", " cannot be a knight and", "\n(1", ", which is", "A", " (true"]
)
def test_a_hostile_text_is_tokenized_in_linear_time(tokenizer: PreTrainedTokenizerFast, unit: str) -> None:
    assert len(tokenizer(unit * (300_000 // len(unit)))["input_ids"]) > 0

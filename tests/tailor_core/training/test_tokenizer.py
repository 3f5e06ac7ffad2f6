"""The tiny backbone's tokenizer: any text round-trips, names and roles stay whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tailor_core.training.tokenizer import train_tokenizer

TEXTS = [
    "Suppose Zoey were a knight. Ella said that Zoey is a knave, which is false: Ella must be a knave.",
    "Zoey is a knave if and only if Ella is a knight. If Liam is a knight then Zoey is a knave.",
] * 50


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 400, phrases=["A whole sentence of its own."])


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_text_comes_back(text: str) -> None:
    made = train_tokenizer(TEXTS, 400)
    assert made.decode(made(text, add_special_tokens=False)["input_ids"]) == text


def test_stock_phrases_are_one_token_that_ends_with_the_role(tokenizer: PreTrainedTokenizerFast) -> None:
    tokens = tokenizer.tokenize(" Zoey is a knave if and only if Ella is a knight.")
    assert tokens == ["ĠZoey", "ĠisĠaĠknave", "ĠifĠandĠonlyĠif", "ĠElla", "ĠisĠaĠknight", "."]


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


def test_a_hostile_text_is_tokenized_in_linear_time(tokenizer: PreTrainedTokenizerFast) -> None:
    assert len(tokenizer("a" * 100_000)["input_ids"]) > 0
    assert len(tokenizer(" knigh" * 20_000)["input_ids"]) > 0

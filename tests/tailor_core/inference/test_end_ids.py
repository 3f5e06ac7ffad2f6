"""A completion ends where the chat template ends a turn, also with base models, whose own end is another token."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import AutoTokenizer

from tailor_core.inference.transformers_engine import end_ids

TINY = Path(str(files("tailor_core"))) / "backbones" / "tiny"
TEMPLATES = Path(str(files("trl"))) / "chat_templates"


def model_that_ends_with(*ids: int | None) -> Any:
    eos = ids[0] if len(ids) == 1 else list(ids)
    return SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=eos))


@pytest.mark.parametrize(
    ("template", "turn_end", "others"),
    [
        ("qwen2_5", "<|im_end|>", ["<|endoftext|>", "<|im_start|>"]),
        (
            "llama3_2",
            "<|eot_id|>",
            ["<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>"],
        ),
    ],
)
def test_the_token_that_ends_a_turn_ends_a_completion(
    template: str, turn_end: str, others: list[str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.add_special_tokens(
        {"eos_token": others[0], "additional_special_tokens": [*others[1:], turn_end]}
    )
    tokenizer.chat_template = (TEMPLATES / f"{template}.jinja").read_text()
    end, turn = tokenizer.convert_tokens_to_ids([others[0], turn_end])
    assert end_ids(model_that_ends_with(end), tokenizer) == sorted([end, turn])
    assert end_ids(model_that_ends_with(end, turn, 5), tokenizer) == sorted([end, turn, 5])


def test_the_shipped_backbones_end_as_they_always_did() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    assert end_ids(model_that_ends_with(tokenizer.eos_token_id), tokenizer) == [tokenizer.eos_token_id]


def test_a_template_that_ends_turns_with_plain_text_adds_nothing() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    assert end_ids(model_that_ends_with(None), tokenizer) == [tokenizer.eos_token_id]
    tokenizer.chat_template = None
    assert end_ids(model_that_ends_with(None), tokenizer) == [tokenizer.eos_token_id]

"""Rows of pretraining: chats as the chat template writes them, of which the replies alone are learned."""

from __future__ import annotations

import random
from itertools import islice
from typing import get_args

import pytest
from transformers import PreTrainedTokenizerFast

from tailor_core.config.backbone import PretrainingConfig, Voice
from tailor_core.config.problems import EnvironmentConfig
from tailor_core.environments.knights_knaves.step_language import VOICES
from tailor_core.environments.knights_knaves.words import COMMON_NAMES
from tailor_core.errors import RecipeError
from tailor_core.stages import pretraining as stage
from tailor_core.training.pretraining import IGNORED, Turn, collate, encode_row
from tailor_core.training.tokenizer import ASSISTANT, END, USER

CONFIG = PretrainingConfig(conversations=8_000)


@pytest.fixture(scope="module")
def chats() -> list[list[Turn]]:
    rng = random.Random(0)
    problems = stage.problems_of(PretrainingConfig(), "train", 25)
    return [list(islice(stage._conversation(CONFIG, problem, rng), 9)) for problem in problems]


def written(tokenizer: PreTrainedTokenizerFast, turns: list[Turn]) -> str:
    messages = [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def test_a_row_is_what_the_chat_template_writes(
    tokenizer: PreTrainedTokenizerFast, chats: list[list[Turn]]
) -> None:
    for turns in chats:
        ids, _ = encode_row(tokenizer, turns, 100_000)
        assert tokenizer.decode(ids.tolist(), skip_special_tokens=False) == written(tokenizer, turns)


def test_replies_and_their_ends_are_learned_and_nothing_else(
    tokenizer: PreTrainedTokenizerFast, chats: list[list[Turn]]
) -> None:
    for turns in chats:
        ids, learned = encode_row(tokenizer, turns, 100_000)
        assert ids.shape == learned.shape
        replies = "".join(f"{reply}{END}" for _, reply in turns)
        asked = "".join(f"{USER}{said}{END}{ASSISTANT}" for said, _ in turns)
        assert tokenizer.decode(ids[learned].tolist()) == replies
        assert tokenizer.decode(ids[~learned].tolist()) == asked
        user = tokenizer.convert_tokens_to_ids(USER)
        assert not learned[0]
        assert learned[:-1][ids[1:] == user].all()  # the end of a reply stands before each new question


@pytest.mark.parametrize("most", [0, 150, 200, 320])
def test_a_row_holds_the_first_turns_that_fit_whole(
    tokenizer: PreTrainedTokenizerFast, chats: list[list[Turn]], most: int
) -> None:
    for turns in chats:
        ids, _ = encode_row(tokenizer, turns, most)
        assert len(ids) <= most
        lengths = [len(encode_row(tokenizer, turns[:n], 100_000)[0]) for n in range(1, len(turns) + 1)]
        assert len(ids) == max([length for length in lengths if length <= most], default=0)
        whole = tokenizer.decode(ids.tolist())
        assert written(tokenizer, turns).startswith(whole)


def test_a_batch_ignores_what_is_not_learned(
    tokenizer: PreTrainedTokenizerFast, chats: list[list[Turn]]
) -> None:
    rows = [encode_row(tokenizer, turns, most) for turns, most in zip(chats, (320, 180, 250), strict=False)]
    batch = collate(rows)
    longest = max(len(ids) for ids, _ in rows)
    assert batch["input_ids"].shape == batch["labels"].shape == (3, longest)
    for (ids, learned), read, labels in zip(rows, batch["input_ids"], batch["labels"], strict=True):
        assert read[: len(ids)].tolist() == ids.tolist()
        assert (labels[: len(ids)] != IGNORED).tolist() == learned.tolist()
        assert labels[: len(ids)][learned].tolist() == ids[learned].tolist()
        assert (labels[len(ids) :] == IGNORED).all()


def test_who_speaks_is_one_token_for_every_common_name(tokenizer: PreTrainedTokenizerFast) -> None:
    split = [name for name in COMMON_NAMES if len(tokenizer.tokenize(f" {name} said that")) != 1]
    assert split == []
    line = tokenizer.tokenize(f"- {COMMON_NAMES[0]} said that {COMMON_NAMES[1]} is a knave.")
    assert line == ["-", f"Ġ{COMMON_NAMES[0]}ĠsaidĠthat", f"Ġ{COMMON_NAMES[1]}", "ĠisĠaĠknave", "."]


def test_the_voices_of_a_recipe_are_those_of_the_trace_language() -> None:
    assert get_args(Voice) == VOICES


def test_a_family_without_exercises_is_one_sentence() -> None:
    config = PretrainingConfig(environment=EnvironmentConfig(name="mine"))
    with pytest.raises(
        RecipeError, match=r"^environment\.name = 'mine' has no exercises .*; use one of igsm, kk$"
    ):
        stage.curriculum_of(config)

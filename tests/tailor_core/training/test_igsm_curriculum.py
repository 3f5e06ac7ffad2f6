"""What `tiny-igsm` starts from: names in few tokens, and planted heads that look parameters up in a problem."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from tailor_core.config.backbone import BACKBONES
from tailor_core.environments.igsm.vocabulary import FEW_NAMES
from tailor_core.stages import pretraining as stage
from tailor_core.training.pretraining import new_model

pytestmark = pytest.mark.integration

CONFIG = BACKBONES["tiny-igsm"].model_copy(update={"conversations": 8_000})
COPY, FACT = (1, 0), (1, CONFIG.heads // CONFIG.kv_heads)
"""Layer and query head."""

OWNER, THING = FEW_NAMES.chains[0]
OWNERS = [f"{word} {OWNER}'s" for word in FEW_NAMES.words]
THINGS = [f"{word} {THING}" for word in FEW_NAMES.words]

X, Y, Z = (f"{OWNERS[0]} {THINGS[5]}", f"{OWNERS[3]} {THINGS[7]}", f"{OWNERS[1]} {THING}")
TRACE = (
    f"<|user|>The number of each {X} equals 3 more than each {Z}. The number of each {Y} equals 5 times as much as "
    f"the sum of each {X} and each {Z}. How many {THING} does Amber {OWNER} have? Calculate modulo 7.<|end|>"
    f"<|assistant|> The value of {Z} is 2. The value of {X} is 3 + {Z} = 3 + 2 = 5. It says that each {Y} equals 5 "
    f"times as much as the sum of each {X} and each {Z}. The value of {Y} is 5 * ({X} + {Z})"
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "TOKENIZER_CONVERSATIONS", 4_000)
        patch.setattr(stage, "TOKENIZER_DEMONSTRATIONS", 500)
        return stage._tokenizer(CONFIG, stage.problems_of(CONFIG, "train", 2_000))


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    made = new_model(CONFIG, tokenizer, stage.curriculum_of(CONFIG)).eval()
    made.set_attn_implementation("eager")
    return made


@pytest.mark.parametrize(
    "form", [" {}", "{}", " The value of {}", " It says that each {}", " The number of each {}"]
)
def test_an_owner_is_one_token_also_at_the_head_of_a_sentence(
    tokenizer: PreTrainedTokenizerFast, form: str
) -> None:
    assert [name for name in OWNERS if len(tokenizer.tokenize(form.format(name))) != 1] == []


@pytest.mark.parametrize("form", [" {}", " {} is", " {} equals"])
def test_a_thing_is_one_token_also_with_the_verb_of_which_it_is_the_subject(
    tokenizer: PreTrainedTokenizerFast, form: str
) -> None:
    assert [name for name in THINGS if len(tokenizer.tokenize(form.format(name))) != 1] == []


@pytest.mark.parametrize("text", [" 6", " 6.", "6"])
def test_a_residue_is_one_token(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert len(tokenizer.tokenize(text)) == 1


def seen(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, head: tuple[int, int]
) -> tuple[list[str], Tensor]:
    """The tokens of the trace, and what a head attends to, [to here, from there]."""
    ids = tokenizer(TRACE, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        attentions = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    return [tokenizer.decode([i]) for i in ids], attentions[head[0]][0, head[1]]


def places(tokens: list[str], wanted: str) -> list[int]:
    return [place for place, token in enumerate(tokens) if token == wanted]


def test_a_quotation_is_looked_up_in_the_statement_of_its_subject(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens, attention = seen(model, tokenizer, COPY)
    stated, quoted = places(tokens, f" {THINGS[7]} equals")
    assert attention[quoted, stated + 1] > 0.5


def test_a_parameter_in_a_formula_meets_the_number_that_was_found_for_it(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokens, attention = seen(model, tokenizer, FACT)
    assert tokens.count(" 5.") == 1
    mention = places(tokens, f" {THINGS[5]}")[-1]
    assert attention[mention, tokens.index(" 5.")] > 0.5


def test_larger_embeddings_leave_what_the_heads_look_at_as_it_was(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    usual = new_model(
        CONFIG.model_copy(update={"embedding_scale": 1.0}), tokenizer, stage.curriculum_of(CONFIG)
    )
    usual.eval().set_attn_implementation("eager")
    ratio = model.model.embed_tokens.weight / usual.model.embed_tokens.weight
    assert ratio[ratio.isfinite()].median().item() == pytest.approx(CONFIG.embedding_scale)
    for head in ((0, 0), COPY, FACT):
        assert torch.allclose(seen(model, tokenizer, head)[1], seen(usual, tokenizer, head)[1], atol=0.05)

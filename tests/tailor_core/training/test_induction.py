"""The planted circuits: a fresh model looks where `induction` says, and copies; an ordinary one does not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.environments.knights_knaves.curriculum import CURRICULUM
from tailor_core.environments.knights_knaves.words import COMMON_NAMES
from tailor_core.training import pretraining
from tailor_core.training.induction import (
    EVERY,
    FACT,
    LIKENESS,
    MARK,
    SPEAKER,
    plant_induction,
)

pytestmark = pytest.mark.integration

SIZES = {
    "vocab_size": 512,
    "hidden_size": 192,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": PretrainingConfig().rope_theta},
    "tie_word_embeddings": True,
}


def loss_on_repeats(planted: bool) -> tuple[float, float]:
    """Mean negative log-likelihood on random tokens, and on their exact repetition (nats)."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    if planted:
        plant_induction(model, [], [], {}, generator)
    once = torch.randint(0, 512, (8, 40), generator=generator)
    tokens = torch.cat([once, once], dim=1)
    with torch.no_grad():
        logps = torch.log_softmax(model(tokens).logits, dim=-1)[:, :-1].gather(2, tokens[:, 1:, None])[..., 0]
    return -logps[:, :38].mean().item(), -logps[:, 41:].mean().item()


def test_a_planted_model_predicts_repetitions_better_than_news() -> None:
    news, repeated = loss_on_repeats(planted=True)
    assert repeated < news - 0.3


def test_a_model_as_transformers_makes_it_does_not() -> None:
    news, repeated = loss_on_repeats(planted=False)
    assert abs(repeated - news) < 0.1


CONFIG = PretrainingConfig(conversations=8_000)
GROUP = CONFIG.heads // CONFIG.kv_heads
HEADS = {"previous": (0, 0), "speaker": (0, GROUP), "copy": (1, 0), "fact": (1, GROUP)}
"""Head -> its layer, and its number among the query heads."""

TRACE = (
    "<|user|>- {0} said that {1} is a knave.\n- {1} said that {2} is a knight.\n"
    "- {2} said that {0} is a knave and {1} is a knight.<|end|><|assistant|>"
    "Suppose {0} were a knight. {0} is a knight; {0} said that {1} is a knave, which holds. "
    "So {1} must be a knave. "
    "{2} said that {0} is a knave (false) and {1} is a knight (false), which is false: {2} must be a knave. "
    "{1} said that {2} is a knight (false), which is false: {1} is a knave. So {0} must be a knave. "
    "{0} said that {1} is a knave, which is false"
)


@pytest.fixture(params=[0, 1])
def model(tokenizer: PreTrainedTokenizerFast, request: pytest.FixtureRequest) -> LlamaForCausalLM:
    config = CONFIG.model_copy(update={"seed": request.param})
    return pretraining.new_model(config, tokenizer, CURRICULUM).eval()


@dataclass(frozen=True)
class Seen:
    """A trace as the model sees it: token ids, their text, and what a head attends to, [to here, from there]."""

    ids: list[int]
    texts: list[str]
    attention: Tensor

    def speaker(self, at: int) -> int | None:
        """The place of the latest speaker token, this one included."""
        return next((i for i in range(at, -1, -1) if self.texts[i].endswith(" said that")), None)

    def after_same(self, at: int) -> list[int]:
        """What stands after earlier occurrences of the token here."""
        return [i + 1 for i in range(at) if self.ids[i] == self.ids[at]]


def looked_at(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, head: str) -> list[Seen]:
    """Twenty traces about other people each."""
    layer, number = HEADS[head]
    model.set_attn_implementation("eager")
    rng, seen = random.Random(5), []
    for _ in range(20):
        ids = tokenizer(TRACE.format(*rng.sample(COMMON_NAMES, 3)))["input_ids"]
        with torch.no_grad():
            attentions = model(input_ids=torch.tensor([ids]), output_attentions=True).attentions
        seen.append(Seen(ids, [tokenizer.decode([i]) for i in ids], attentions[layer][0, number]))
    return seen


Wanted = Callable[[Seen, int], list[int]]
"""Where a head should look from here; nowhere in particular if there are no such places."""


def previous_token(seen: Seen, at: int) -> list[int]:
    return [at - 1] if at > 1 else []


def latest_speaker(seen: Seen, at: int) -> list[int]:
    speaker = seen.speaker(at)
    return [] if speaker is None else [speaker]


def same_said_by_same_speaker(seen: Seen, at: int) -> list[int]:
    """Inside a claim that is quoted again."""
    speaker = seen.speaker(at)
    if speaker in (None, at):
        return []
    return [
        place
        for place in seen.after_same(at)
        if (other := seen.speaker(place - 1)) is not None
        and other != speaker
        and seen.ids[other] == seen.ids[speaker]
    ]


FACTS = (" must be a", " were a", " cannot be a")


def latest_fact(seen: Seen, at: int) -> list[int]:
    facts = [p for p in seen.after_same(at) if seen.texts[p].startswith(FACTS)]
    return facts[-1:]


WANTED: dict[str, tuple[Wanted, float]] = {
    "previous": (previous_token, 0.8),
    "speaker": (latest_speaker, 0.95),
    "copy": (same_said_by_same_speaker, 0.65),
    "fact": (latest_fact, 0.85),
}
"""Head -> where it should look, and how much of its attention should be there on average."""


def share(traces: list[Seen], wanted: Wanted) -> float:
    """The attention that goes where it should, where there is such a place."""
    found = [
        trace.attention[at, places].sum().item()
        for trace in traces
        for at in range(len(trace.ids))
        if (places := wanted(trace, at))
    ]
    assert len(found) >= 20 * 4
    return sum(found) / len(found)


@pytest.mark.parametrize("head", HEADS)
def test_a_planted_head_looks_where_it_should(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, head: str
) -> None:
    wanted, least = WANTED[head]
    assert share(looked_at(model, tokenizer, head), wanted) > least
    layer, number = HEADS[head]
    size = CONFIG.hidden_size // CONFIG.heads
    with torch.no_grad():  # the same head as a model has it that nobody plants anything in
        mine = slice(number * size, (number + 1) * size)
        model.model.layers[layer].self_attn.q_proj.weight[mine].normal_(0, 0.02)
    assert share(looked_at(model, tokenizer, head), wanted) < least / 2


@pytest.mark.parametrize(("needed", "head"), [("previous", "copy"), ("previous", "fact")])
def test_the_second_layer_finds_nothing_without_what_the_first_writes(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, needed: str, head: str
) -> None:
    wanted, least = WANTED[head]
    layer, number = HEADS[needed]
    size = CONFIG.hidden_size // CONFIG.heads
    with torch.no_grad():
        mine = slice(number * size, (number + 1) * size)
        model.model.layers[layer].self_attn.o_proj.weight[:, mine] = 0
    assert share(looked_at(model, tokenizer, head), wanted) < least


def said_by(traces: list[Seen], same: bool) -> float:
    """Mean attention to a continuation that the same speaker gave, or another one, where there are both."""
    found = []
    for trace in traces:
        for at in range(len(trace.ids)):
            mine = same_said_by_same_speaker(trace, at)
            others = [place for place in trace.after_same(at) if place not in mine]
            if mine and others:
                found.append(trace.attention[at, mine if same else others].mean().item())
    assert len(found) >= 20
    return sum(found) / len(found)


def test_a_claim_is_copied_from_its_own_speaker(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    traces = looked_at(model, tokenizer, "copy")
    heard = said_by(traces, same=True) / said_by(traces, same=False)
    assert heard > 1.5
    layer, number = HEADS["speaker"]
    size = CONFIG.hidden_size // CONFIG.heads
    with torch.no_grad():
        model.model.layers[layer].self_attn.o_proj.weight[:, number * size : (number + 1) * size] = 0
    traces = looked_at(model, tokenizer, "copy")
    assert said_by(traces, same=True) / said_by(traces, same=False) < heard / 1.2


def test_all_else_starts_silent(model: LlamaForCausalLM) -> None:
    size = CONFIG.hidden_size // CONFIG.heads
    for number, layer in enumerate(model.model.layers):
        planted = [head for name, (at, head) in HEADS.items() if at == number and name != "fact"]
        heads = layer.self_attn.o_proj.weight.unflatten(1, (CONFIG.heads, size)).abs().amax(dim=(0, 2))
        assert [i for i in range(CONFIG.heads) if heads[i] > 0] == planted
        assert not layer.mlp.down_proj.weight.any()


def tokens(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    return {tokenizer.convert_tokens_to_string([text]): i for text, i in tokenizer.get_vocab().items()}


def test_speakers_and_facts_are_marked_and_nothing_else(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    embeddings = model.model.embed_tokens.weight.detach()
    assert torch.allclose(embeddings[:, EVERY], torch.tensor(MARK))
    assert embeddings[:, [SPEAKER, FACT]].max() == pytest.approx(MARK)
    marked = {
        mark: {i for i, x in enumerate(embeddings[:, mark].tolist()) if x > 1e-6} for mark in (SPEAKER, FACT)
    }
    known = tokens(tokenizer)
    assert marked[SPEAKER] == {
        i for text, i in known.items() if text.endswith(" said that") and text.split()[0].istitle()
    }
    assert {known[f" {name} said that"] for name in COMMON_NAMES} <= marked[SPEAKER]
    facts = {f" {verb} a {role}." for verb in ("must be", "were") for role in ("knight", "knave")}
    facts |= {" cannot be a knight and must be a knave.", " cannot be a knave and must be a knight."}
    assert {known[fact] for fact in facts} <= marked[FACT]
    assert all(text.startswith(FACTS) for text, i in known.items() if i in marked[FACT])


def pairs_alike(known: dict[str, int]) -> Iterator[tuple[str, str]]:
    yield from ((f" {name} said that", f" {name}") for name in COMMON_NAMES)
    for role in ("knight", "knave"):
        yield f" must be a {role}.", f" is a {role}"
        yield f" were a {role}.", f" is a {role}"
        other = "knave" if role == "knight" else "knight"
        yield f" cannot be a {other} and must be a {role}.", f" is a {role}"
        for mark in ("true", "false", "open"):
            yield f" is a {role} ({mark})", f" is a {role}"


def test_tokens_that_mean_the_same_in_part_start_alike(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> None:
    known = tokens(tokenizer)
    rest = model.model.embed_tokens.weight[:, FACT + 1 :].detach()
    cosine = torch.nn.functional.cosine_similarity
    for one, other in pairs_alike(known):
        assert cosine(rest[known[one]], rest[known[other]], dim=0).item() == pytest.approx(
            LIKENESS, abs=0.15
        ), one
    names = [known[f" {name}"] for name in COMMON_NAMES]
    assert cosine(rest[names[0]], rest[names[1:]]).abs().max() < 0.4

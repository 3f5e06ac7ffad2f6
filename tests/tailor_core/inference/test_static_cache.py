"""The preallocated cache against the model's own forward pass, and against `transformers.generate`.

On the GPU where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from scipy.stats import chisquare
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from tailor_core.inference.engine import Sampling
from tailor_core.inference.static_cache import StaticCacheSampler, supports

SIZES = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,  # far from uniform, so that a wrong mask shows
}
PROMPTS = [[5, 9, 2], [7], [1, 2, 3, 4, 5, 6, 7, 8], [3, 3]]
EOS = 11
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@pytest.fixture(autouse=True)
def on_the_device() -> Iterator[None]:
    with torch.device(DEVICE):
        yield


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator(device=DEVICE).manual_seed(seed)


def make_model(family: str, **changed: object) -> torch.nn.Module:
    torch.manual_seed(0)
    made = {
        "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True, **changed)),
        "mistral": lambda: MistralForCausalLM(MistralConfig(**SIZES, sliding_window=None)),
        "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES)),
    }[family]()
    return made.eval()


def sample(model: torch.nn.Module, sampling: Sampling, seed: int = 0, prompts=PROMPTS, eos=(EOS,)):
    return StaticCacheSampler(model, torch.float32).sample(
        prompts, sampling, eos_ids=eos, generator=seeded(seed)
    )


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2"])
def test_log_probs_of_samples_are_those_of_the_models_own_forward_pass(family: str) -> None:
    model = make_model(family)
    for temperature in (1.0, 0.7):
        groups = sample(model, Sampling(temperature=temperature, max_tokens=24, n=5))
        for prompt, group in zip(PROMPTS, groups, strict=True):
            for one in group:
                with torch.no_grad():
                    logits = model(torch.tensor([prompt + one.ids])).logits[0, len(prompt) - 1 : -1]
                expected = torch.log_softmax(logits / temperature, dim=-1)
                expected = expected.gather(1, torch.tensor(one.ids)[:, None])[:, 0]
                assert torch.allclose(torch.tensor(one.logprobs), expected, atol=1e-4)


def test_greedy_completions_are_those_of_generate() -> None:
    model = make_model("llama")
    for prompt, group in zip(PROMPTS, sample(model, Sampling(temperature=0, max_tokens=20)), strict=True):
        whole = model.generate(
            torch.tensor([prompt]), max_new_tokens=20, do_sample=False, eos_token_id=EOS, pad_token_id=0
        )
        assert group[0].ids == whole[0, len(prompt) :].tolist()


def test_first_tokens_follow_the_models_distribution() -> None:
    model = make_model("llama")
    prompt = [4, 8, 15]
    groups = sample(model, Sampling(max_tokens=1, n=4000), prompts=[prompt], eos=())
    with torch.no_grad():
        expected = torch.softmax(model(torch.tensor([prompt])).logits[0, -1], dim=-1) * 4000
    counts = torch.bincount(torch.tensor([one.ids[0] for one in groups[0]]), minlength=61).float()
    common = expected >= 5
    observed = torch.cat([counts[common], counts[~common].sum()[None]]).double()
    wanted = torch.cat([expected[common], expected[~common].sum()[None]]).double()
    wanted *= observed.sum() / wanted.sum()
    assert chisquare(observed.cpu(), wanted.cpu()).pvalue > 1e-4


def test_nucleus_sampling_stays_in_the_smallest_set_that_has_the_mass() -> None:
    model = make_model("llama")
    prompt = [4, 8, 15]
    groups = sample(model, Sampling(max_tokens=1, n=500, top_p=0.5), prompts=[prompt], eos=())
    with torch.no_grad():
        probabilities = torch.softmax(model(torch.tensor([prompt])).logits[0, -1], dim=-1)
    ordered, index = probabilities.sort(descending=True)
    size = int((ordered.cumsum(0) < 0.5).sum()) + 1
    nucleus = set(index[:size].tolist())
    assert {one.ids[0] for one in groups[0]} <= nucleus
    share = ordered[0] / ordered[:size].sum()
    first = [one for one in groups[0] if one.ids[0] == index[0]]
    assert first[0].logprobs[0] == pytest.approx(float(share.log()), abs=1e-4)


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
@pytest.mark.parametrize("top_p", [1.0, 0.5])
def test_the_smallest_and_the_largest_random_number_draw_tokens_that_have_mass(
    uniform: float, top_p: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("llama")
    monkeypatch.setattr(torch, "rand", lambda shape, dtype, **_: torch.full(shape, uniform, dtype=dtype))
    for group in sample(model, Sampling(max_tokens=40, top_p=top_p), eos=()):
        assert all(0 <= token < 61 for token in group[0].ids)
        assert all(math.isfinite(logprob) for logprob in group[0].logprobs)


def test_completions_end_at_the_end_token_or_at_the_limit() -> None:
    groups = sample(make_model("llama"), Sampling(max_tokens=30, n=16))
    for one in (one for group in groups for one in group):
        assert len(one.ids) == len(one.logprobs) <= 30
        assert one.finished == (one.ids[-1] == EOS)
        assert EOS not in one.ids[:-1]
        assert one.finished or len(one.ids) == 30
    assert any(one.finished for group in groups for one in group)


def test_the_same_seed_samples_the_same_and_another_does_not() -> None:
    model = make_model("llama")
    sampling = Sampling(max_tokens=12, n=3)
    assert sample(model, sampling, seed=1) == sample(model, sampling, seed=1)
    assert sample(model, sampling, seed=1) != sample(model, sampling, seed=2)


def test_a_prompt_alone_and_in_a_padded_batch_has_the_same_greedy_completion() -> None:
    model = make_model("llama")
    together = sample(model, Sampling(temperature=0, max_tokens=16))
    alone = [sample(model, Sampling(temperature=0, max_tokens=16), prompts=[p])[0] for p in PROMPTS]
    assert [g[0].ids for g in together] == [g[0].ids for g in alone]


def test_progress_counts_every_completion_once() -> None:
    seen: list[int] = []
    StaticCacheSampler(make_model("llama"), torch.float32).sample(
        PROMPTS, Sampling(max_tokens=9, n=4), eos_ids=[EOS], generator=seeded(), on_done=seen.append
    )
    assert sum(seen) == len(PROMPTS) * 4


def test_models_with_sliding_windows_are_not_supported() -> None:
    assert supports(make_model("llama"))
    assert not supports(MistralForCausalLM(MistralConfig(**SIZES, sliding_window=16)))


def rope(kind: str, **more: object) -> dict[str, object]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, "factor": 2.0, **more}}


LONG = rope("longrope", short_factor=[1.0] * 4, long_factor=[2.0] * 4, original_max_position_embeddings=32)


@pytest.mark.parametrize(
    ("changed", "covered"),
    [
        ({"attention_bias": True}, False),
        ({"mlp_bias": True}, False),
        (rope("linear"), True),
        (rope("dynamic", original_max_position_embeddings=8), False),
        (LONG, False),
    ],
)
def test_a_model_is_supported_only_where_it_samples_from_what_transformers_computes(
    changed: dict[str, object], covered: bool
) -> None:
    """Greedy log-probs are those of one pass over the whole text, or the model is refused."""
    model = make_model("llama", **changed)
    assert supports(model) == covered
    if covered:
        for prompt, [got] in zip(PROMPTS, sample(model, Sampling(temperature=0, max_tokens=16)), strict=True):
            logits = model(torch.tensor([[*prompt, *got.ids]])).logits[0, len(prompt) - 1 : -1]
            expected = logits.float().log_softmax(-1).gather(1, torch.tensor(got.ids)[:, None])[:, 0]
            assert got.logprobs == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize(("parts", "n"), [((2, 2), 5), ((1, 2, 1), 5), ((7, 1, 12), 1)])
def test_whoever_shares_a_batch_draws_what_one_would_with_all_of_it(parts: tuple[int, ...], n: int) -> None:
    """The last of three has few rows and ends early: it goes on counting, or the others would draw other numbers."""
    model = make_model("llama")
    prompts = PROMPTS if n > 1 else [p for p in PROMPTS for _ in range(5)]
    sampling = Sampling(max_tokens=40, n=n)
    whole = sample(model, sampling, prompts=prompts)
    assert len({len(one.ids) for group in whole for one in group}) > 5
    barrier, counts = Barrier(len(parts)), [0] * len(parts)

    def part(i: int) -> list[list[int]]:
        def share(count: int) -> tuple[list[int], int]:
            counts[i] = count
            barrier.wait(60)
            everyone = list(counts)
            barrier.wait(60)
            return everyone, i

        start = sum(parts[:i])
        sampled = StaticCacheSampler(model, torch.float32).sample(
            prompts[start : start + parts[i]], sampling, eos_ids=(EOS,),
            generator=seeded(), share=share,
        )  # fmt: skip
        return [one.ids for group in sampled for one in group]

    with ThreadPoolExecutor(len(parts)) as pool:
        found = [ids for mine in pool.map(part, range(len(parts))) for ids in mine]
    assert found == [one.ids for group in whole for one in group]

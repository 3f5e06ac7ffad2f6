"""The planted circuit: a fresh model copies from context, an ordinary one does not."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tailor_core.training.induction import plant_induction

SIZES = {
    "vocab_size": 512,
    "hidden_size": 192,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}


def loss_on_repeats(planted: bool) -> tuple[float, float]:
    """Mean negative log-likelihood on random tokens, and on their exact repetition (nats)."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    if planted:
        plant_induction(model, generator)
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

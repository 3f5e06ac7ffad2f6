"""An initialisation from which a small transformer looks things up from the first step.

Left to itself, a small Llama sits on a plateau for millions of tokens before its first induction heads form
(Olsson et al. 2022): until then it cannot copy a name. In the spirit of mimetic initialisation (Trockman & Kolter
2023) the weights start near such a circuit, and training does the rest. Two heads are set:

- layer 0, previous token: queries and keys read one constant embedding coordinate, and rotary phases make
  their product peak at distance one; the value carries a random projection of the previous token.
- layer 1, match and copy: the query projects the current token, the key reads what the first head wrote, in the
  slow rotary coordinates that distance hardly turns; the value carries the token to the output.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CONSTANT = 0.06
"""The constant coordinate of every embedding; other coordinates have a standard deviation of 0.02."""

PREVIOUS_SHARPNESS = 3.0
MATCH_SHARPNESS = 0.13
WRITE = 0.0035
COPY = 1.0
FAST_PAIRS = 5
SLOW_FROM = 7


@torch.no_grad()  # type: ignore[untyped-decorator]
def plant_induction(model: Any, generator: torch.Generator) -> None:
    """Set the two heads in a freshly initialised `LlamaForCausalLM` of at least two layers."""
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    size = first.head_dim
    width = model.config.hidden_size
    for layer in model.model.layers:  # all else starts silent, so that the circuit is heard
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    model.model.embed_tokens.weight[:, 0] = CONSTANT
    _previous_token_head(first, size, model.model.rotary_emb.inv_freq)
    token = torch.randn(size, width, generator=generator) / width**0.5
    token[:, 0] = 0  # what all tokens share identifies none
    written = torch.linalg.qr(torch.randn(width, size, generator=generator)).Q
    first.v_proj.weight[:size] = token
    first.o_proj.weight[:, :size] = written * WRITE * width**0.5
    slow = _slow_rows(size)
    second.q_proj.weight[:size][slow] = token[slow] * MATCH_SHARPNESS * width**0.5
    second.k_proj.weight[:size][slow] = written.T[slow] * MATCH_SHARPNESS * width**0.5
    copied = torch.linalg.qr(torch.randn(width, size, generator=generator)).Q
    second.v_proj.weight[:size] = copied.T
    second.o_proj.weight[:, :size] = copied * COPY


def _previous_token_head(attention: Any, size: int, frequencies: Tensor) -> None:
    """Fast rotary pairs only: q = (1, 0) and k = (cos f, sin f) a pair, so the product peaks one step back."""
    half = size // 2
    attention.q_proj.weight[:size] = 0
    attention.k_proj.weight[:size] = 0
    for pair in range(FAST_PAIRS):
        attention.q_proj.weight[pair, 0] = PREVIOUS_SHARPNESS
        attention.k_proj.weight[pair, 0] = PREVIOUS_SHARPNESS * torch.cos(frequencies[pair])
        attention.k_proj.weight[half + pair, 0] = PREVIOUS_SHARPNESS * torch.sin(frequencies[pair])


def _slow_rows(size: int) -> list[int]:
    half = size // 2
    return [*range(SLOW_FROM, half), *range(half + SLOW_FROM, size)]

"""An initialisation from which a small transformer looks things up from the first step.

Left to itself, a small Llama sits on a plateau for millions of tokens before its first induction heads form
(Olsson et al. 2022): until then it cannot copy a name. In the spirit of mimetic initialisation (Trockman & Kolter
2023) the weights start near such circuits, and training does the rest. Four heads are set. In layer 0, whose
rotary phases say where to look:

- previous: writes which token came before.
- speaker: writes which speaker token ("Zoey said that") came last, so that every word of a claim is marked with
  whose claim it is.

In layer 1, in the slow rotary coordinates that distance hardly turns:

- copy: finds the token after an earlier occurrence of the current one, said by the same speaker, and outputs it.
- fact: finds what stands after an earlier occurrence of the current token, facts ("must be a knave") before all
  else and the latest first, so that what is said about somebody meets what is known about them.

Tokens that mean the same in part ("Zoey said that" and "Zoey") start from like embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MARK = 0.06
"""A marked coordinate of an embedding; ordinary coordinates have a standard deviation of 0.02."""

EVERY, SPEAKER, FACT = 0, 1, 2
"""The coordinates that mark all tokens, speaker tokens, and facts."""

LIKENESS = 0.85
"""Cosine of the embeddings of tokens that start alike."""

PREVIOUS_SHARPNESS = 3.0
SPEAKER_SHARPNESS = 1.5
COPY_SHARPNESS = 0.16
SAME_SPEAKER_SHARPNESS = 0.09
FACT_SHARPNESS = 0.2
FACT_PREFERENCE = 2.2
WRITE = 0.0035
COPY = 1.0

NEAR_PAIRS = range(5)
"""Rotary pairs, fastest first, that tell neighbouring positions apart;"""

RECENT_PAIRS = range(3, 9)
"""that grow less alike over the length of a sentence;"""

LATE_PAIRS = range(5, 9)
"""over a few sentences;"""

SLOW_PAIRS = range(7, 16)
STILL_PAIRS = range(9, 16)
"""and that a few hundred positions hardly turn."""


@dataclass(frozen=True, slots=True)
class _Head:
    """One query head of an attention layer and the key-value head that it shares, as views of the weights."""

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor

    @staticmethod
    def of(attention: Any, number: int) -> _Head:
        size, shared = attention.head_dim, number // attention.num_key_value_groups
        mine, theirs = slice(number * size, (number + 1) * size), slice(shared * size, (shared + 1) * size)
        return _Head(
            attention.q_proj.weight[mine],
            attention.k_proj.weight[theirs],
            attention.v_proj.weight[theirs],
            attention.o_proj.weight[:, mine],
        )


@torch.no_grad()  # type: ignore[untyped-decorator]
def plant_induction(
    model: Any,
    speakers: Sequence[int],
    facts: Sequence[int],
    alike: Mapping[int, int],
    generator: torch.Generator,
) -> None:
    """Set the heads in a freshly initialised `LlamaForCausalLM`.

    `speakers` and `facts` are token ids; `alike` maps a token to the one whose embedding it starts from.

    It needs two layers, two key-value heads, two query heads to each of them, and heads of size 32 or more.
    """
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    size, width, group = first.head_dim, model.config.hidden_size, first.num_key_value_groups
    scale = width**0.5
    for layer in model.model.layers:  # all else starts silent, so that the circuits are heard
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    embeddings = model.model.embed_tokens.weight
    own, shared = list(alike), list(alike.values())
    embeddings[own] = LIKENESS * embeddings[shared] + (1 - LIKENESS**2) ** 0.5 * embeddings[own]
    embeddings[:, [SPEAKER, FACT]] = 0
    embeddings[:, EVERY] = MARK
    embeddings[list(speakers), SPEAKER] = MARK
    embeddings[list(facts), FACT] = MARK

    def identity() -> Tensor:
        """A random projection of a token, blind to the marks, which identify none."""
        projection = torch.randn(size, width, generator=generator) / scale
        projection[:, [EVERY, SPEAKER, FACT]] = 0
        return projection

    def place() -> Tensor:
        """Random orthonormal directions of the residual stream, [width, size]."""
        return torch.linalg.qr(torch.randn(width, size, generator=generator)).Q

    token, before, speaker, copied = identity(), place(), place(), place()
    frequencies = model.model.rotary_emb.inv_freq
    slow = [*SLOW_PAIRS, *[size // 2 + pair for pair in SLOW_PAIRS]]
    still = [*STILL_PAIRS, *[size // 2 + pair for pair in STILL_PAIRS]]

    previous = _Head.of(first, 0)
    _look_back(previous, EVERY, NEAR_PAIRS, 1, PREVIOUS_SHARPNESS, frequencies)
    previous.v[:] = token
    previous.o[:] = before * WRITE * scale

    last_speaker = _Head.of(first, group)
    _look_back(last_speaker, SPEAKER, RECENT_PAIRS, 0, SPEAKER_SHARPNESS, frequencies)
    last_speaker.v[:] = identity()
    last_speaker.o[:] = speaker * WRITE * scale

    copy = _Head.of(second, 0)
    copy.q[:], copy.k[:] = 0, 0
    same_speaker = speaker.T[slow] * SAME_SPEAKER_SHARPNESS * scale
    copy.q[slow] = token[slow] * COPY_SHARPNESS * scale + same_speaker
    copy.k[slow] = before.T[slow] * COPY_SHARPNESS * scale + same_speaker
    copy.v[:] = copied.T
    copy.o[:] = copied * COPY

    fact = _Head.of(second, group)
    _look_back(fact, FACT, LATE_PAIRS, 0, FACT_PREFERENCE, frequencies)
    fact.q[still] = token[still] * FACT_SHARPNESS * scale
    fact.k[still] = before.T[still] * FACT_SHARPNESS * scale
    found = place()
    fact.v[:] = found.T
    fact.o[:] = place() * COPY


def _look_back(
    head: _Head, mark: int, pairs: Sequence[int], distance: int, sharpness: float, frequencies: Tensor
) -> None:
    """Attend to marked tokens, most to one `distance` back: q = (1, 0), k = (cos df, sin df) a rotary pair."""
    half = len(head.q) // 2
    head.q[:], head.k[:] = 0, 0
    for pair in pairs:
        phase = distance * frequencies[pair]
        head.q[pair, EVERY] = sharpness
        head.k[pair, mark] = sharpness * torch.cos(phase)
        head.k[half + pair, mark] = sharpness * torch.sin(phase)

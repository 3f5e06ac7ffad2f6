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
  else and the latest first, so that what is said about somebody meets what is known about them. It starts silent
  and learns what to say of what it finds. Early in training only copying pays: a head that speaks from the start
  is a disturbance there, and within a few hundred steps no longer looks where it should.

Where a sentence is about its subject ("The value of Amber Cabin's Oak Chest is ... = 4."), the tokens of the subject
take the part of the speaker, and the fact head finds the fact whose subject is the current token with the one before.

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
COPY_SHARPNESS = 0.24
SAME_SPEAKER_SHARPNESS = 0.15
SPEAKER_ROWS = 8
"""Of the still rows, those that match the speaker; the others match the token."""
FACT_SHARPNESS = 0.2
FACT_PREFERENCE = 3.0
WRITE = 0.0035
COPY = 1.0

NEAR = (0.03, 1.0)
"""Rotary frequencies (radians a position) that tell neighbouring positions apart;"""

SENTENCE = (0.01, 0.2)
"""that grow less alike over the length of a sentence;"""

SENTENCES = (0.005, 0.04)
"""over a few sentences;"""

STILL = (0.0, 0.006)
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
    *,
    facts_of_speakers: bool = False,
) -> None:
    """Set the heads in a freshly initialised `LlamaForCausalLM`.

    `speakers` and `facts` are token ids; `alike` maps a token to the one whose embedding it starts from. With
    `facts_of_speakers` a fact is about the speakers of its words, else about the token before it.

    It needs two layers, two key-value heads, two query heads to each of them, and heads of size 32 or more.
    """
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    size, width, group = first.head_dim, model.config.hidden_size, first.num_key_value_groups
    scale = width**0.5
    for layer in model.model.layers:  # what is not planted starts silent, so that the circuits are heard
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
        return projection - projection @ written @ written.T

    def place(size: int = size) -> Tensor:
        """Random orthonormal directions of the residual stream apart from the marks, [width, size]."""
        directions = torch.randn(width, size, generator=generator)
        directions[[EVERY, SPEAKER, FACT]] = 0
        return torch.linalg.qr(directions).Q

    # What the first layer writes has places of its own, which neither embeddings nor their readers use.
    written = place(2 * size)
    before, speaker = written.split(size, dim=1)
    embeddings -= embeddings @ written @ written.T
    token, copied = identity(), place()
    frequencies = model.model.rotary_emb.inv_freq
    still = [row for pair in _pairs(frequencies, STILL) for row in (pair, size // 2 + pair)]

    previous = _Head.of(first, 0)
    _look_back(previous, EVERY, NEAR, 1, PREVIOUS_SHARPNESS, frequencies)
    previous.v[:] = token
    previous.o[:] = before * WRITE * scale

    last_speaker = _Head.of(first, group)
    _look_back(last_speaker, SPEAKER, SENTENCE, 0, SPEAKER_SHARPNESS, frequencies)
    last_speaker.v[:] = token if facts_of_speakers else identity()
    last_speaker.o[:] = speaker * WRITE * scale

    copy = _Head.of(second, 0)
    copy.q[:], copy.k[:] = 0, 0
    whose, which = still[:SPEAKER_ROWS], still[SPEAKER_ROWS:]
    copy.q[which] = token[which] * COPY_SHARPNESS * scale
    copy.k[which] = before.T[which] * COPY_SHARPNESS * scale
    copy.q[whose] = speaker.T[whose] * SAME_SPEAKER_SHARPNESS * scale
    copy.k[whose] = speaker.T[whose] * SAME_SPEAKER_SHARPNESS * scale
    copy.v[:] = copied.T
    copy.o[:] = copied * COPY

    fact = _Head.of(second, group)
    _look_back(fact, FACT, SENTENCES, 0, FACT_PREFERENCE, frequencies)
    wanted, told = (token + before.T, speaker) if facts_of_speakers else (token, before)
    fact.q[still] = wanted[still] * FACT_SHARPNESS * scale
    fact.k[still] = told.T[still] * FACT_SHARPNESS * scale
    fact.v[:] = place().T


def _look_back(
    head: _Head, mark: int, band: tuple[float, float], distance: int, sharpness: float, frequencies: Tensor
) -> None:
    """Attend to marked tokens, most to one `distance` back: q = (1, 0), k = (cos df, sin df) a rotary pair."""
    half = len(head.q) // 2
    head.q[:], head.k[:] = 0, 0
    for pair in _pairs(frequencies, band):
        phase = distance * frequencies[pair]
        head.q[pair, EVERY] = sharpness
        head.k[pair, mark] = sharpness * torch.cos(phase)
        head.k[half + pair, mark] = sharpness * torch.sin(phase)


def _pairs(frequencies: Tensor, band: tuple[float, float]) -> list[int]:
    """The rotary pairs whose frequencies lie in a band."""
    low, high = band
    return [pair for pair, frequency in enumerate(frequencies.tolist()) if low < frequency <= high]

"""What every generation engine takes and gives: chat prompts in, sampled completions with log-probs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

Messages = Sequence[dict[str, str]]
"""One chat: `[{"role": "user", "content": ...}, ...]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; `max_tokens` bounds the completion; `n` completions a prompt."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 256
    n: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One sampled completion.

    `token_ids` ends with the end-of-sequence token when `finished`; `logprobs` are those of the sampled tokens
    under the distribution they were drawn from, in nats.
    """

    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finished: bool


class Engine(Protocol):
    """Generates completions of chat prompts."""

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        """`sampling.n` completions for each prompt, in order; `on_done(k)` is called as k more are finished."""
        ...


def load_engine(model: str | Path) -> Engine:
    """The engine for a model directory or Hugging Face id, in the floating-point type that pays here."""
    from tailor_core.inference.precision import sampling_dtype
    from tailor_core.inference.transformers_engine import TransformersEngine

    return TransformersEngine(model, sampling_dtype())

"""What every generation engine takes and gives: chat prompts in, sampled completions out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tailor_core.records import content_id

Messages = Sequence[dict[str, str]]
"""One chat: `[{"role": "user", "content": ...}, ...]`."""

Finish = Literal["stop", "length", "filter"]
"""Why a completion ended: by itself, at `max_tokens`, or because the server kept it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy; `max_tokens` bounds the completion; `n` completions a prompt.

    logprobs: those of the sampled tokens are wanted; an engine that has them anyway gives them always
    schema:   JSON schema that the text is to follow. Not every engine can hold a model to it: whoever asks validates
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 256
    n: int = 1
    seed: int = 0
    logprobs: bool = False
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that a completion was counted as: of its prompt, and its own."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One sampled completion.

    `token_ids` ends with the end-of-sequence token when `finished`, and is empty where an engine does not tell;
    `logprobs` are those of the sampled tokens under the distribution they were drawn from, in nats.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    finish: Finish
    usage: Usage

    @property
    def finished(self) -> bool:
        return self.finish == "stop"


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


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to ask for; `sampling.n` is 1."""

    messages: Messages
    sampling: Sampling


class Answers(Protocol):
    """An engine of which each completion may be asked in its own way."""

    def answer(
        self, requests: Sequence[Request], on_done: Callable[[int], None] | None = None
    ) -> list[Completion]:
        """The completion of each request, in order; `on_done(k)` is called as k more are there."""
        ...


def requests_of(prompts: Sequence[Messages], sampling: Sampling) -> list[Request]:
    """The `sampling.n` requests of each prompt, for engines that draw each completion with a seed of its own.

    The seeds follow from that of `sampling` and the messages of the prompt, not from its place: no two prompts share
    their random numbers, and one more prompt changes nothing for the others.
    """
    requests = []
    for prompt in prompts:
        first = int(content_id([sampling.seed, list(prompt)], length=_SEED_DIGITS), 16)
        requests += [
            Request(prompt, dataclasses.replace(sampling, n=1, seed=first + i)) for i in range(sampling.n)
        ]
    return requests


_SEED_DIGITS = 12
"""So many hex digits are a whole number to any JSON reader."""


def grouped(completions: Sequence[Completion], n: int) -> list[list[Completion]]:
    """The completions of `requests_of`, `n` a prompt."""
    return [list(completions[start : start + n]) for start in range(0, len(completions), n)]

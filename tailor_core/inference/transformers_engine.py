"""In-process generation with a transformers model, through the preallocated cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from tailor_core.errors import InputError
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.inference.pretrained import load_model, load_tokenizer
from tailor_core.inference.static_cache import ARCHITECTURES, StaticCacheSampler, supports

ROWS = 256
"""Completions sampled at once; prompts are sorted by length, so little of a batch is padding."""


class TransformersEngine:
    """A model directory (or Hugging Face id) as an `Engine`."""

    def __init__(self, model: str | Path, dtype: torch.dtype) -> None:
        """Load `model` and its tokenizer. Raises InputError for an architecture that is not covered."""
        self.tokenizer = load_tokenizer(model)
        self.model = load_model(model, dtype).eval()
        if torch.cuda.is_available():
            self.model.to("cuda")
        if not supports(self.model):
            raise InputError(
                f"model {str(model)!r} is a {type(self.model).__name__}, expected one of {', '.join(ARCHITECTURES)} "
                "without sliding windows; choose another backbone"
            )
        self.sampler = StaticCacheSampler(self.model, dtype)

    def generate(
        self,
        prompts: Sequence[Messages],
        sampling: Sampling,
        on_done: Callable[[int], None] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine.generate`. The same prompts, sampling and machine give the same completions."""
        ids = prompt_ids(self.tokenizer, prompts)
        generator = torch.Generator(device=self.model.device).manual_seed(sampling.seed)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        at_once = max(1, ROWS // sampling.n)
        results: list[list[Completion]] = [[] for _ in ids]
        for start in range(0, len(order), at_once):
            chunk = order[start : start + at_once]
            sampled = self.sampler.sample(
                [ids[i] for i in chunk],
                sampling,
                eos_ids=end_ids(self.model, self.tokenizer),
                generator=generator,
                on_done=on_done,
            )
            for i, group in zip(chunk, sampled, strict=True):
                texts = self.tokenizer.batch_decode([one.ids for one in group], skip_special_tokens=True)
                results[i] = [
                    Completion(
                        text=text,
                        token_ids=tuple(one.ids),
                        logprobs=tuple(one.logprobs),
                        finish="stop" if one.finished else "length",
                        usage=Usage(prompt_tokens=len(ids[i]), completion_tokens=len(one.ids)),
                    )
                    for text, one in zip(texts, group, strict=True)
                ]
        return results


def prompt_ids(tokenizer: Any, prompts: Sequence[Messages]) -> list[list[int]]:
    """Token ids of chats, ready for the assistant's turn."""
    texts = [tokenizer.apply_chat_template(p, tokenize=False, add_generation_prompt=True) for p in prompts]
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return ids


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """The token ids that end a completion: those of the generation config, the tokenizer's, and the turn's.

    Base models come with a chat template that ends a turn with a token that is neither of the first two: they write
    on after it, unless they are stopped there.
    """
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    ends = (*listed, tokenizer.eos_token_id, turn_end(tokenizer))
    return sorted({i for i in ends if i is not None})


def turn_end(tokenizer: Any) -> int | None:
    """The first special token that the chat template puts after an answer; None where it puts none."""
    if tokenizer.chat_template is None:
        return None
    chat = [{"role": "user", "content": "Question"}, {"role": "assistant", "content": "Answer"}]
    after = tokenizer.apply_chat_template(chat, tokenize=False).rpartition("Answer")[2]
    special = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return next((i for i in tokenizer(after, add_special_tokens=False)["input_ids"] if i in special), None)

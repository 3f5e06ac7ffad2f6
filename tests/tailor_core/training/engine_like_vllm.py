"""A stand-in for TRL's `VLLMGeneration`, for machines without vLLM: what the trainer relies on, on the CPU.

As vLLM does, it starts with the weights on the disk and takes others only in `sync_weights`, and it draws
- colocated: from this process' generators, which it sets to 0 as it starts; a completion is a request, so that a seed
  given with the requests is the seed of each of them;
- as a server: from a generator of its own, which starts at 0 with every server; n completions of a request with a seed
  have that seed and those that follow it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoModelForCausalLM


class EngineLikeVLLM:
    def __init__(
        self, model: Any, *, mode: str, max_completion_length: int, generation_kwargs: Any, **_: Any
    ) -> None:
        self.mode = mode
        self.generation_kwargs = dict(generation_kwargs)
        self.length = max_completion_length
        self.in_training = model
        self.own = AutoModelForCausalLM.from_pretrained(model.name_or_path, dtype="float32")
        self.generator = torch.Generator().manual_seed(0)
        self.vllm_client = SimpleNamespace(
            get_server_info=lambda: {"model_config": {"logprobs_mode": "processed_logprobs"}}
        )
        if mode == "colocate":
            torch.manual_seed(0)

    def sync_weights(self) -> None:
        self.own.load_state_dict(self.in_training.state_dict())

    def generate(self, *, prompts: list[list[int]], num_generations: int, **_: Any) -> tuple[Any, ...]:
        drawn = [
            self._complete(ids, self._generator(place % num_generations)) for place, ids in enumerate(prompts)
        ]
        return prompts, [ids for ids, _ in drawn], [logprobs for _, logprobs in drawn], None

    def _generator(self, place: int) -> torch.Generator | None:
        seed = self.generation_kwargs.get("seed")
        if seed is None:
            return self.generator if self.mode == "server" else None
        return torch.Generator().manual_seed(seed + (place if self.mode == "server" else 0))

    @torch.no_grad()
    def _complete(
        self, prompt: list[int], generator: torch.Generator | None
    ) -> tuple[list[int], list[list[float]]]:
        ids, logprobs = list(prompt), []
        for _ in range(self.length):
            logits = self.own(torch.tensor([ids])).logits[0, -1].float()
            token = int(torch.multinomial(torch.softmax(logits, -1), 1, generator=generator))
            ids.append(token)
            logprobs.append([float(torch.log_softmax(logits, -1)[token])])
            if token in self.generation_kwargs["stop_token_ids"]:
                break
        return ids[len(prompt) :], logprobs

"""Rollouts for `GRPOTrainer`, sampled with a preallocated cache instead of `generate`.

Plugs into TRL's own hook: `GRPOTrainer(rollout_func=...)` hands over the prompts of one generation batch and
takes token ids and log-probs back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tailor_core.config.policy import PolicyConfig
from tailor_core.inference.engine import Messages, Sampling
from tailor_core.inference.precision import sampling_dtype
from tailor_core.inference.static_cache import StaticCacheSampler
from tailor_core.inference.transformers_engine import end_ids, prompt_ids


class StaticCacheRollouts:
    """A TRL `rollout_func`: samples with the trainer's current weights.

    Seeds follow from the recipe's seed and the optimizer step, so a resumed run draws what an undisturbed one
    would have drawn.
    """

    def __init__(self, config: PolicyConfig, seed: int) -> None:
        self.config = config
        self.seed = seed

    def __call__(self, prompts: Sequence[Messages], trainer: Any) -> dict[str, Any]:
        model = trainer.accelerator.unwrap_model(trainer.model)
        tokenizer = trainer.processing_class
        group = trainer.num_generations  # TRL repeats each prompt once a completion, side by side
        unique = list(prompts[::group])
        sampling = Sampling(
            temperature=self.config.temperature, max_tokens=self.config.max_completion_length, n=group
        )
        generator = torch.Generator(device=model.device)
        generator.manual_seed(self.seed * 1_000_003 + trainer.state.global_step)
        ids = prompt_ids(tokenizer, unique)
        sampled = StaticCacheSampler(model, sampling_dtype()).sample(
            ids, sampling, eos_ids=end_ids(model, tokenizer), generator=generator
        )
        flat = [one for group_rows in sampled for one in group_rows]
        return {
            "prompt_ids": [p for p in ids for _ in range(group)],
            "completion_ids": [one.ids for one in flat],
            "logprobs": [one.logprobs for one in flat],
        }

"""Rollouts for `GRPOTrainer`: sampled with a preallocated cache instead of `generate`, or by vLLM, seeded step by step.

The first plugs into TRL's own hook: `GRPOTrainer(rollout_func=...)` hands over the prompts of one generation batch and
takes token ids and log-probs back. The second is a callback.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

import torch
from transformers import TrainerCallback, set_seed
from trl.models.utils import unwrap_model_for_generation

from tailor_core.config.policy import PolicyConfig
from tailor_core.inference.engine import Messages, Sampling
from tailor_core.inference.precision import fast_dtype
from tailor_core.inference.static_cache import StaticCacheSampler
from tailor_core.inference.transformers_engine import end_ids, prompt_ids
from tailor_core.records import content_id
from tailor_core.training.processes import agreed, share_of_processes


class StaticCacheRollouts:
    """A TRL `rollout_func`: samples with the trainer's current weights.

    Seeds follow from the recipe's seed and the optimizer step, so a resumed run draws what an undisturbed one
    would have drawn, and several processes, each with its part of the rows, what one would.
    """

    def __init__(self, config: PolicyConfig, seed: int) -> None:
        self.config = config
        self.seed = seed

    def __call__(self, prompts: Sequence[Messages], trainer: Any) -> dict[str, Any]:
        tokenizer = trainer.processing_class
        # TRL repeats each prompt once a completion, side by side; the part of a process may end within a group.
        group = gcd(len(prompts), trainer.num_generations)
        unique = list(prompts[::group])
        sampling = Sampling(
            temperature=self.config.temperature, max_tokens=self.config.max_completion_length, n=group
        )
        ids = prompt_ids(tokenizer, unique)
        checkpointing = trainer.args.gradient_checkpointing_kwargs
        with unwrap_model_for_generation(
            trainer.model_wrapped, trainer.accelerator, gradient_checkpointing_kwargs=checkpointing
        ) as model:
            generator = torch.Generator(device=model.device)
            generator.manual_seed(self.seed * 1_000_003 + trainer.state.global_step)
            sampled = StaticCacheSampler(model, agreed(lambda: fast_dtype(model.config))).sample(
                ids,
                sampling,
                eos_ids=end_ids(model, tokenizer),
                generator=generator,
                share=share_of_processes(),
            )
        flat = [one for group_rows in sampled for one in group_rows]
        return {
            "prompt_ids": [p for p in ids for _ in range(group)],
            "completion_ids": [one.ids for one in flat],
            "logprobs": [one.logprobs for one in flat],
        }


class SeedsVLLM(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Before each step: what vLLM draws in it follows from the recipe's seed and the step.

    TRL gives an engine the weights in training before its first rollouts, after a resume too, but leaves it the random
    numbers that it starts with. A colocated engine draws from the generators of this process, and sets them to 0 as it
    starts, whatever the recipe's seed. It must not be told a seed with its requests: each completion is one of its own
    there, so that a whole group would be one completion. A server has its own generators, which no checkpoint holds,
    and is told: the n completions of a prompt get the step's seed and those that follow it.
    """

    def __init__(self, trainer: Any, seed: int) -> None:
        self.trainer = trainer
        self.seed = seed

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        rows_before = args.process_index * args.per_device_train_batch_size * args.steps_per_generation
        seed = step_seed(self.seed, state.global_step, rows_before)
        engine = self.trainer.vllm_generation
        if engine.mode == "server":
            engine.generation_kwargs["seed"] = seed
        else:
            set_seed(seed)


def step_seed(seed: int, step: int, row: int = 0) -> int:
    """A seed of 31 bits for a step from one of its rows on; what is next to one another has seeds far apart."""
    named = ["rollouts", seed, step, row] if row else ["rollouts", seed, step]
    return int(content_id(named, length=16), 16) % 2**31

"""The `[policy]` section: reinforcement learning from the warm start (TRL `GRPOTrainer`)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PolicyConfig(BaseModel):
    """GRPO settings; the names are TRL's where TRL has one.

    The objective is the KL-regularised clipped one of Shao et al. 2024 (GRPO), averaged per sequence, with
    advantages (r - mean) / (std + eps) within a group and the warm start as the reference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=100, ge=1, description="optimizer steps")
    prompts_per_step: int = Field(default=32, ge=1)
    num_generations: int = Field(default=8, ge=2, description="completions a prompt: the group of GRPO")
    num_iterations: int = Field(default=1, ge=1, description="optimizer passes over one batch of rollouts")
    max_completion_length: int = Field(default=1024, ge=8, description="tokens")
    temperature: float = Field(default=1.0, gt=0)
    beta: float = Field(default=0.001, ge=0, description="weight of the KL to the warm start")
    epsilon: float = Field(default=0.2, gt=0, description="lower clip range")
    epsilon_high: float = Field(default=0.28, gt=0, description="upper clip range")
    learning_rate: float = Field(default=1e-6, gt=0)
    lr_scheduler_type: Literal["constant_with_warmup", "linear"] = Field(
        default="constant_with_warmup", description="what comes after the warm-up: nothing, or a fall to zero"
    )
    warmup_ratio: float = Field(default=0.05, ge=0, lt=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    micro_batch_size: int = Field(default=32, ge=1, description="completions a forward pass")
    reward: Literal["binary", "logic-rl", "boxed", "partial"] = "binary"
    rollout_engine: Literal["static-cache", "transformers"] = Field(
        default="static-cache",
        description="Tailor's preallocated cache and packed passes, or stock TRL for architectures they do not cover",
    )
    save_steps: int = Field(default=20, ge=1, description="a checkpoint to resume from, every so many steps")

    @model_validator(mode="after")
    def _batches_divide(self) -> PolicyConfig:
        completions = self.prompts_per_step * self.num_generations
        if completions % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size = {self.micro_batch_size} must divide prompts_per_step x num_generations "
                f"= {completions}; choose a divisor of {completions}"
            )
        return self

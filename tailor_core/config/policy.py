"""The `[policy]` section: reinforcement learning from the warm start (TRL `GRPOTrainer`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from tailor_core.config.accelerate import AccelerateConfig, Batches, divide
from tailor_core.config.keyed import UNKEYED


class VLLMRollouts(BaseModel):
    """`[policy.vllm]`: how TRL draws rollouts with vLLM; its names, without their `vllm_`.

    There is no tensor parallelism to set: a colocated engine has the one GPU of its process. A server has as many as it
    was started with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["colocate", "server"] = Field(
        default="colocate", description="in the training process, on its GPU, or a `vllm serve` on others"
    )
    server_base_url: Annotated[str, UNKEYED] = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/?#@]+$",
        description="of the server, without a path, such as http://127.0.0.1:8000",
    )
    gpu_memory_utilization: Annotated[float, UNKEYED] = Field(
        default=0.3, gt=0, lt=1, description="the share of the GPU's memory that a colocated engine takes"
    )
    max_model_length: Annotated[int | None, UNKEYED] = Field(
        default=None,
        ge=1,
        description="tokens of prompt and completion that a colocated engine makes room for; if not said, as many as "
        "the model reads",
    )
    enable_sleep_mode: Annotated[bool, UNKEYED] = Field(
        default=False, description="a colocated engine gives its memory back while the policy is trained"
    )
    importance_sampling_correction: bool = Field(
        default=True, description="weight what vLLM sampled to the probabilities of the model that is trained"
    )
    importance_sampling_mode: Literal[
        "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"
    ] = "sequence_mask"
    importance_sampling_clip_max: float = Field(default=3.0, gt=0, description="the largest weight")


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
    gradient_checkpointing: Annotated[bool, UNKEYED] = Field(
        default=False, description="compute activations again in the backward pass: slower, in less memory"
    )
    reward: Literal["binary", "sound", "logic-rl", "boxed", "partial"] = Field(
        default="binary",
        description="what a completion earns; `sound` pays for a right answer only where every step before it was read "
        "and follows",
    )
    rollout_engine: Literal["static-cache", "transformers", "vllm"] = Field(
        default="static-cache",
        description="Tailor's preallocated cache and packed passes; stock TRL, for architectures they do not cover; or "
        "TRL with vLLM, on a GPU",
    )
    vllm: VLLMRollouts = VLLMRollouts()
    save_steps: int = Field(default=20, ge=1, description="a checkpoint to resume from, every so many steps")
    snapshots: int = Field(
        default=0,
        ge=0,
        description="models kept on the way, evenly spread over the steps: a curve to evaluate",
    )
    accelerate: Annotated[AccelerateConfig, UNKEYED] = AccelerateConfig()

    @property
    def snapshot_steps(self) -> tuple[int, ...]:
        """After which steps a model is kept: neither before the first, which is the warm start, nor after the last."""
        evenly = (round(self.steps * part / (self.snapshots + 1)) for part in range(1, self.snapshots + 1))
        return tuple(sorted({step for step in evenly if 0 < step < self.steps}))

    def batches(self, processes: int) -> Batches:
        """What each of some processes does of a step. ValueError where the completions of a step do not divide."""
        rows = self.prompts_per_step * self.num_generations
        return divide(rows, self.micro_batch_size, processes, "prompts_per_step x num_generations")

    @model_validator(mode="after")
    def _batches_divide(self) -> PolicyConfig:
        completions = self.prompts_per_step * self.num_generations
        if completions % self.micro_batch_size:
            raise ValueError(
                f"micro_batch_size = {self.micro_batch_size} must divide prompts_per_step x num_generations "
                f"= {completions}; choose a divisor of {completions}"
            )
        return self

    @field_validator("vllm")
    @classmethod
    def _decides_nothing_elsewhere(cls, value: VLLMRollouts, info: ValidationInfo) -> VLLMRollouts:
        """Other engines do not read it: whatever it says is in no key of theirs."""
        return value if info.data.get("rollout_engine") == "vllm" else VLLMRollouts()

    @model_validator(mode="after")
    def _prompts_have_room(self) -> PolicyConfig:
        length = self.vllm.max_model_length
        if length is not None and length <= self.max_completion_length:
            raise ValueError(
                f"vllm.max_model_length = {length} leaves no room for a prompt beside max_completion_length = "
                f"{self.max_completion_length}; raise it by the tokens of the longest prompt"
            )
        return self

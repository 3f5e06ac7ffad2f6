"""The `[probe]` section: how the base model shows what it can and cannot do yet."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.vllm import EngineKind, VLLMConfig


class ProbeConfig(BaseModel):
    """The base model answers a small part of the training problems, and a verifier labels the answers.

    `vllm` is the recipe's section [vllm].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: EngineKind = Field(
        default="transformers",
        description="what samples: `transformers` in this process, or `vllm`, as the section [vllm] says",
    )
    vllm: VLLMConfig = VLLMConfig()
    problems: int = Field(default=64, ge=1, description="at most so many, spread evenly over difficulties")
    samples_per_problem: int = Field(default=2, ge=1, description="completions of each problem")
    temperature: float = Field(default=1.0, ge=0, description="0 is greedy")
    max_tokens: int = Field(default=512, ge=1, description="length of a completion at most")

    @property
    def runs_vllm(self) -> bool:
        return self.engine == "vllm"

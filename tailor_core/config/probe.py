"""The `[probe]` section: how the base model shows what it can and cannot do yet."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ProbeConfig(BaseModel):
    """The base model answers a small part of the training problems, and a verifier labels the answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    split: str = Field(
        default="train", min_length=1, description="the split that the problems are taken from"
    )
    problems: int = Field(default=64, ge=1, description="at most so many, spread evenly over difficulties")
    samples_per_problem: int = Field(default=2, ge=1, description="completions of each problem")
    temperature: float = Field(default=1.0, ge=0, description="0 is greedy")
    max_tokens: int = Field(default=512, ge=1, description="length of a completion at most")

"""Whose warm-start data a run makes (`method`), and the section `[baselines]` for those that sample a model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.keyed import UNKEYED

Method = Literal[
    "tailor",
    "none",
    "rule-based",
    "4-star",
    "empty-cot",
    "dots",
    "all-wrong",
    "behavior-injection",
    "self-stitch",
    "re-distillation-a",
    "re-distillation-b",
]
"""Whose warm-start data: Tailor's, or a baseline's; `none` is RL from the base model."""


class BaselinesConfig(BaseModel):
    """How a model is sampled whose own answers are the warm-start data; the other baselines do not read it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    problems: int = Field(default=2000, ge=1, description="train problems that the model answers, at most")
    samples: int = Field(
        default=8, ge=1, description="answers to each; re-distillation-a is greedy and has one"
    )
    temperature: float = Field(default=1.0, gt=0, description="of those answers")
    max_tokens: int = Field(default=512, ge=1, description="length of an answer at most")
    first: Annotated[
        Literal["tailor", "none", "rule-based", "4-star", "behavior-injection"],
        UNKEYED,  # its policy is an input, and is in the key by content
    ] = Field(default="rule-based", description="the method whose policy re-distillation distils")

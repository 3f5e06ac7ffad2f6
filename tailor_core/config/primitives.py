"""The `[primitives]` section: how long to look for ways of reasoning, and what they must be worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.verdicts import QualityConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.config.warm_start import WarmStartConfig


class PilotConfig(BaseModel):
    """A last screen: the student is fine-tuned on primitives, each alone and then together, and answers problems.

    A program that solves every problem may still be one that the student does not learn to follow, and how a primitive
    reads does not tell; nor how many ways of reasoning a student learns from so many tokens. Costs a fine-tuning or two
    for each primitive, so it is made only where there is a `token_budget`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_budget: int = Field(
        default=0,
        ge=0,
        description="words and marks of the demonstrations in each fine-tuning; 0 makes "
        "no pilot. A small budget misleads: what is learned first is not what is learned best",
    )
    problems: int = Field(
        default=200, ge=1, description="other train problems that it then answers once each"
    )
    max_tokens: int = Field(default=512, ge=1, description="length of an answer at most")
    keep: float = Field(
        default=0.95,
        ge=0,
        le=1,
        description="from the best on, primitives stay as long as the student, fine-tuned on all that stay, is right "
        "at least this share as often as with the best alone",
    )
    training: WarmStartConfig = Field(
        default=WarmStartConfig(), description="how it is fine-tuned, apart from [warm_start]"
    )


class PrimitivesConfig(BaseModel):
    """Discovery goes in rounds until the library is full, or a round adds too little that is new.

    `teacher`, `vllm` and `quality` are the recipe's sections `[teacher]`, `[vllm]` and `[verdicts.quality]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: TeacherConfig = TeacherConfig()
    vllm: VLLMConfig = VLLMConfig()
    quality: QualityConfig = QualityConfig()
    max_primitives: int = Field(default=16, ge=1, description="the library holds at most so many")
    rounds: int = Field(default=4, ge=1, description="at most so many; the first composes, others vary")
    candidates_per_round: int = Field(default=24, ge=1, description="tried in each round, at most")
    probe_problems: int = Field(default=24, ge=1, description="train problems each candidate is tried on")
    tau_quality: float = Field(
        default=0.95, ge=0, le=1, description="share of probe problems solved soundly, at least"
    )
    tau_novelty: float = Field(
        default=0.15,
        ge=0,
        le=1,  # the novelty of the first primitive, which has nothing near
        description="cosine distance of traces, all told in one voice, to the nearest in the library, at "
        "least; on Knights & Knaves random programs are 0.46 apart (half of them 0.37 to 0.55), one habit more "
        "(restating, naming subgoals, working backward) makes 0.1 to 0.3, a fine point (another order, a slip, "
        "a summary) 0.01 to 0.1, chance in the wording 0.01 to 0.04",
    )
    dimensions: Mapping[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="dimension of the move language -> the only values it may have; nothing to a chat teacher",
    )
    same_wording: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="instructions of a chat teacher whose words agree in such a share say the same",
    )
    proposal_tokens: int = Field(
        default=2048, ge=1, description="length of a reply in which a chat teacher proposes at most"
    )
    shown_traces: int = Field(
        default=3, ge=0, description="right and wrong completions of the probe that a chat teacher sees, each"
    )
    max_tokens: float = Field(
        default=300, gt=0, description="mean words and marks of a demonstration at most"
    )
    min_coverage_gain: float = Field(
        default=0.05,
        ge=0,
        description="a round whose accepted novelty, for each place its candidates could fill, is less ends "
        "the search: the default asks that a third of them be filled at tau_novelty",
    )
    pilot: PilotConfig = PilotConfig()

    @property
    def runs_vllm(self) -> bool:
        return self.teacher.serve

    @property
    def has_pilot(self) -> bool:
        """Whether the student is fine-tuned to screen primitives."""
        return self.pilot.token_budget > 0

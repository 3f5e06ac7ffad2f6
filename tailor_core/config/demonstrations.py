"""The `[demonstrations]` section: how many demonstrations the teacher writes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.keyed import UNKEYED
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.vllm import VLLMConfig


class BalanceConfig(BaseModel):
    """Temperatures that are tried on a few train problems before the demonstrations are written.

    The one with the best balance score (`tailor_core.demonstrations.balance`) takes the place of `teacher.temperature`
    there. Nothing is tried where there are none, or where the teacher does not sample.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperatures: tuple[Annotated[float, Field(ge=0, le=2)], ...] = Field(
        default=(), description="to choose from; the first of those that are equally good is taken"
    )
    thresholds: tuple[float, ...] = Field(
        default=(0.0, 0.5, 0.9),
        min_length=1,
        description="a sample counts as selected if its reward is above it",
    )
    problems: int = Field(default=32, ge=1, description="train problems that each temperature is tried on")
    samples: int = Field(default=8, ge=1, description="demonstrations of each, with the primitives in turn")
    enough: int = Field(
        default=4,
        ge=1,
        description="n*: so many different right demonstrations of a problem are as good as more",
    )


class DemonstrationsConfig(BaseModel):
    """Demonstrations spread evenly over the accepted primitives, the difficulties and the train problems.

    `teacher` and `vllm` are the recipe's sections `[teacher]` and `[vllm]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: TeacherConfig = TeacherConfig()
    vllm: VLLMConfig = VLLMConfig()
    balance: BalanceConfig = BalanceConfig()
    total: int = Field(default=4000, ge=1, description="demonstrations to write")
    shard_size: Annotated[int, UNKEYED] = Field(
        default=1000,
        ge=1,
        description="of the procedural teacher: written in one piece; what a crash costs at most",
    )

    @property
    def runs_vllm(self) -> bool:
        return self.teacher.serve

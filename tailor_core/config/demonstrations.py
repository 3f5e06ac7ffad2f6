"""The `[demonstrations]` section: how many demonstrations the teacher writes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.keyed import UNKEYED
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.vllm import VLLMConfig


class DemonstrationsConfig(BaseModel):
    """Demonstrations spread evenly over the accepted primitives, the difficulties and the train problems.

    `teacher` and `vllm` are the recipe's sections `[teacher]` and `[vllm]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    teacher: TeacherConfig = TeacherConfig()
    vllm: VLLMConfig = VLLMConfig()
    total: int = Field(default=4000, ge=1, description="demonstrations to write")
    shard_size: Annotated[int, UNKEYED] = Field(
        default=1000, ge=1, description="written in one piece; what a crash costs at most"
    )

    @property
    def runs_vllm(self) -> bool:
        return self.teacher.serve

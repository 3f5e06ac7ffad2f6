"""The `[verdicts]` section: how strictly demonstrations are verified."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class VerdictsConfig(BaseModel):
    """A demonstration earns 1 when its answer is right and, for some teachers, every step holds; else 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sound_steps_from: tuple[str, ...] = Field(
        default=("procedural",),
        description="teachers whose traces must pass the environment's step check",
    )

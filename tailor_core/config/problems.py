"""The `[environment]` and `[problems]` sections: which family of problems, and how many for each split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.keyed import UNKEYED
from tailor_core.config.seeds import Seed

NonNegative = Annotated[int, Field(ge=0)]

Count = NonNegative | dict[int, NonNegative]
"""A number of problems, spread over the difficulties as evenly as these have enough; or one for each."""


class EnvironmentConfig(BaseModel):
    """The family of problems; `options` are checked by the environment itself when problems are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default="kk", min_length=1, description="`kk`, `igsm`, `countdown`, or a registered environment"
    )
    options: Mapping[str, Any] = Field(default_factory=dict, description="what kind of problems to generate")


class ProblemsConfig(BaseModel):
    """How many problems each split holds: `1000`, or for each difficulty as in `{3 = 400, 4 = 600}`.

    `environment` is the recipe's `[environment]` section.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: EnvironmentConfig = EnvironmentConfig()
    seed: Annotated[Seed | None, UNKEYED] = Field(  # the key has it, as the seed of the stage
        default=None,
        description="that of the problems where it is not the recipe's: for runs that differ in all but these",
    )
    train: Count = Field(default=1000, description="problems to train on")
    validation: Count = Field(default=100, description="problems to tune on")
    test: Count = Field(default=200, description="problems to report on, like the training ones")
    ood: NonNegative = Field(default=100, description="problems of each out-of-distribution split")

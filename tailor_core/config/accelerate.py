"""The `[accelerate]` section: in how many processes a model is trained, which Hugging Face accelerate launches.

It is in no stage key: whatever it says, a step sees the same rows, and its gradient is the same sum in another order.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Batches(NamedTuple):
    """How a process goes through its part of a step: rows a forward pass, and forward passes."""

    micro: int
    accumulation: int


class AccelerateConfig(BaseModel):
    """The processes of the trainings `warm_start` and `policy`: one a GPU, or on processors where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    processes: int = Field(default=1, ge=1, description="on all machines together")
    sharding: Literal["none", "fsdp", "zero2", "zero3"] = Field(
        default="none",
        description="what is divided among the processes: nothing (DDP); weights, gradients and optimizer by FSDP2 or "
        "DeepSpeed ZeRO 3; or all but the weights (ZeRO 2)",
    )
    machines: int = Field(default=1, ge=1, description="each has as many of the processes")
    main_address: str = Field(
        default="", pattern=r"^[^\s/]*$", description="of the machine of the run, as the others reach it"
    )
    main_port: int = Field(default=0, ge=0, le=65535, description="of the same; 0, on one machine, is any")

    @model_validator(mode="after")
    def _machines_can_meet(self) -> AccelerateConfig:
        if self.processes % self.machines:
            raise ValueError(
                f"processes = {self.processes} must be a multiple of machines = {self.machines}, each of which has as "
                "many; change one of them"
            )
        if self.machines > 1 and not (self.main_address and self.main_port):
            raise ValueError(
                f"machines = {self.machines} need main_address and main_port, where they meet; say both"
            )
        if self.sharding != "none" and self.processes == 1:
            raise ValueError(
                f"sharding = {self.sharding!r} divides a model among several processes, but processes = 1; raise it, "
                "or leave sharding out"
            )
        return self


def divide(rows: int, micro: int, processes: int, said: str) -> Batches:
    """How each of some processes goes through its part of a step of `rows`, at most `micro` at a time.

    said: what in the recipe gave `rows`. ValueError where the rows do not divide.
    """
    if rows % processes:
        raise ValueError(
            f"accelerate.processes = {processes} must divide {said} = {rows}, so that a step sees the same rows in "
            f"however many processes; choose a divisor of {rows}"
        )
    own = rows // processes
    fitting = max(size for size in range(1, min(micro, own) + 1) if own % size == 0)
    return Batches(fitting, own // fitting)

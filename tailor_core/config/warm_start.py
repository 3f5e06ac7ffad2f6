"""The `[warm_start]` section: supervised fine-tuning on the kept demonstrations (TRL `SFTTrainer`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tailor_core.config.accelerate import AccelerateConfig, Batches, divide
from tailor_core.config.keyed import UNKEYED


class WarmStartConfig(BaseModel):
    """SFT settings; the names are TRL's where TRL has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float = Field(default=4, gt=0, description="passes over the data")
    learning_rate: float = Field(default=1e-5, gt=0)
    warmup_ratio: float = Field(default=0.05, ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    batch_rows: int = Field(default=16, ge=1, description="(packed) rows an optimizer step")
    micro_batch_rows: int = Field(default=1, ge=1, description="(packed) rows a forward pass")
    gradient_checkpointing: Annotated[bool, UNKEYED] = Field(
        default=False, description="compute activations again in the backward pass: slower, in less memory"
    )
    packing: bool = Field(default=True, description="best-fit packing to max_length, attention kept apart")
    max_length: int = Field(default=1024, ge=32, description="tokens a row; longer examples are an error")
    save_steps: int = Field(default=100, ge=1, description="a checkpoint to resume from, every so many steps")
    logging_steps: int = Field(default=5, ge=1)
    accelerate: Annotated[AccelerateConfig, UNKEYED] = AccelerateConfig()

    def batches(self, processes: int) -> Batches:
        """What each of some processes does of a step. ValueError where the rows of a step do not divide."""
        return divide(self.batch_rows, self.micro_batch_rows, processes, "warm_start.batch_rows")

    @model_validator(mode="after")
    def _batches_divide(self) -> WarmStartConfig:
        if self.batch_rows % self.micro_batch_rows:
            raise ValueError(
                f"micro_batch_rows = {self.micro_batch_rows} must divide batch_rows = {self.batch_rows}; choose a "
                f"divisor of {self.batch_rows}"
            )
        return self

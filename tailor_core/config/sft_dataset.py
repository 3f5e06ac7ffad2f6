"""The `[sft_dataset]` section: how kept demonstrations become training rows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SFTDatasetConfig(BaseModel):
    """Nothing to set: the rows are the kept demonstrations, in order of rank, as prompt and completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

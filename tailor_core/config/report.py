"""The `[report]` section: how much the page shows. What it shows follows from the artifacts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReportConfig(BaseModel):
    """Limits that keep the page light; where one bites, the page says how much it leaves out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", description="heading of the page; empty takes the recipe's name")
    traces_per_model: int = Field(
        default=4, ge=0, description="sample traces of each model: so many right and so many wrong"
    )
    trace_characters: int = Field(default=6000, ge=100, description="longer texts are cut")
    map_points: int = Field(default=1200, ge=1, description="demonstrations drawn in the embedding map")
    rejected_primitives: int = Field(default=200, ge=0, description="rejected candidates listed")

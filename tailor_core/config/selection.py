"""The `[selection]` section: which demonstrations are verified, new and diverse enough to train on."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SelectionConfig(BaseModel):
    """Thresholds of the tests that a demonstration passes in turn, and how many rows are kept in the end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: Literal["hashed", "minilm"] = Field(
        default="hashed",
        description="`hashed` sees how a trace reasons; `minilm` what it is about (extra minilm)",
    )
    dimension: int = Field(default=256, ge=8, le=4096, description="of the hashed embedder; minilm has 384")
    min_reward: float = Field(default=1.0, description="demonstrations with a lower verdict are not verified")
    max_tokens: int = Field(
        default=4096, ge=1, description="demonstrations of more words and marks are too long"
    )
    contamination_threshold: float = Field(
        default=0.95, gt=0, le=1, description="Jaccard of question shingles that counts as one question"
    )
    near_duplicate_threshold: float = Field(
        default=0.8, gt=0, le=1, description="Jaccard of trace shingles, people masked, that counts as one"
    )
    semantic_threshold: float = Field(
        default=0.97, gt=0, le=1, description="cosine of trace embeddings that counts as a duplicate"
    )
    choice: Literal["diverse", "random"] = Field(
        default="diverse", description="of the rows that are left: far apart and balanced, or drawn at random"
    )
    duplicates: Literal["drop", "fill", "keep"] = Field(
        default="drop",
        description="near and semantic ones: drop them; keep those that fill the budget where unique rows do not; or "
        "keep them all to choose from, for where traces are alike, and how often each kind comes is to be learned",
    )
    budget: int = Field(default=2000, ge=1, description="rows to keep at most")
    token_budget: int | None = Field(
        default=None,
        ge=1,
        description="words and marks that all kept rows have together at most; a baseline's rows fill it, however many "
        "they are",
    )

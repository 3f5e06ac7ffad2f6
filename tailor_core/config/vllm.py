"""The `[vllm]` section: how Tailor runs vLLM, in process or as a server that it brings up.

Stages that ask vLLM read it, and their keys hold it; in the keys of others it is not. Where vLLM is installed is no
matter of a recipe: see `settings.find_vllm`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tailor_core.config.keyed import UNKEYED

EngineKind = Literal["transformers", "vllm"]
"""What samples from a model of the run."""


class VLLMConfig(BaseModel):
    """What vLLM is told of a model. How much memory and time it may take changes no completion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        default="auto", description="the type of weights and activations; `auto` is that of the model's files"
    )
    max_model_len: int = Field(
        default=0, ge=0, description="tokens of a prompt and its completion at most; 0 is what the model can"
    )
    tensor_parallel_size: int = Field(default=1, ge=1, description="GPUs that share a model")
    gpu_memory_utilization: Annotated[float, UNKEYED] = Field(
        default=0.9, gt=0, le=1, description="share of a GPU's memory that vLLM may take"
    )
    cpu_cache_gib: Annotated[int, UNKEYED] = Field(
        default=2, ge=1, description="GiB for keys and values where there is no GPU"
    )
    start_seconds: Annotated[float, UNKEYED] = Field(
        default=900, gt=0, description="a server that is not up after so long is given up"
    )

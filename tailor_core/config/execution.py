"""The `[execution]` section: where the stages of a run are executed. It decides no result, and is in no stage key."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Where = Literal["local", "subprocess", "work_pool"]

Product = Literal[
    "problems",
    "backbone",
    "probe",
    "primitives",
    "demonstrations",
    "verdicts",
    "selection",
    "sft_dataset",
    "warm_start",
    "policy",
    "evaluation",
    "report",
]
"""What the stages make, in order."""


class ExecutionConfig(BaseModel):
    """`local` is the process of the run, `subprocess` one below it, `work_pool` a Prefect worker's, here or elsewhere.

    Said for the stages that need a GPU (they sample from a model or train one) and for the others, and for single
    stages over that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: Where = Field(default="local", description="where stages run that need no GPU")
    gpu: Where = Field(default="local", description="where stages run that sample from a model or train one")
    stages: dict[Product, Where] = Field(
        default={}, description="where a single stage runs, whatever its kind"
    )
    cpu_python: str = Field(
        default="",
        description="the Python interpreter of the CPU stages that do not run `local`; if not said, that of "
        "the process that starts them",
    )
    gpu_python: str = Field(default="", description="the same for GPU stages, such as .venv-vllm/bin/python")
    cpu_deployment: str = Field(
        default="tailor-stage/cpu",
        pattern=r"^[^/]+/[^/]+$",
        description="the Prefect deployment of the stage runner that CPU stages in a work pool are sent to",
    )
    gpu_deployment: str = Field(
        default="tailor-stage/gpu", pattern=r"^[^/]+/[^/]+$", description="the same for GPU stages"
    )
    time_limit: float | None = Field(
        default=None, gt=0, description="seconds after which a stage that does not run `local` is ended"
    )

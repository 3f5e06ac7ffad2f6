"""The `[execution]` section: where the stages of a run are executed. It decides no result, and is in no stage key."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    fan_out: Annotated[int, Field(ge=0, strict=True)] | Annotated[str, Field(pattern=r"^[a-z]+://\S+$")] = (
        Field(
            default=0,
            description="who makes the rows of data stages (demonstrations, verdicts, embeddings): so many worker "
            "processes of this machine, or those of the Dask cluster whose scheduler is at an address such as "
            "tcp://10.0.0.5:8786; 0 is the stage itself",
        )
    )

    @model_validator(mode="after")
    def _fans_out_from_the_run(self) -> Self:
        if self.fan_out and self.cpu != "local":
            raise ValueError(
                f"fan_out = {self.fan_out!r} is for stages that run local, but cpu = {self.cpu!r}; leave execution.cpu "
                "at 'local', for it is the workers that do the work"
            )
        return self

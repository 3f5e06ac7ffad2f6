"""Where a stage of a recipe runs, and with which Python interpreter."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tailor_core.config.execution import Where
from tailor_core.config.recipe import Recipe
from tailor_core.errors import RecipeError
from tailor_core.stages.registry import StageDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a stage runs.

    python:     the interpreter; empty is that of the process that starts the stage
    deployment: of the stage runner, for a work pool
    time_limit: seconds that it may take outside this process; None is for ever
    fan_out:    who makes the rows that a local stage can share out: so many processes, or the workers of the cluster
                at an address; nobody but the stage where it is 0
    """

    where: Where = "local"
    python: str = ""
    deployment: str = ""
    time_limit: float | None = None
    fan_out: int | str = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The placement that `to_json` wrote."""
        return cls(**value)


def placement_of(definition: StageDefinition, recipe: Recipe) -> Placement:
    """Where the recipe has a stage run. A stage whose result depends on torch is one for a GPU."""
    execution = recipe.execution
    gpu = "torch" in definition.libraries_of(definition.config_in(recipe))
    kind = execution.gpu if gpu else execution.cpu
    where = next((place for name, place in execution.stages.items() if name == definition.product), kind)
    if where == "local":
        return Placement(fan_out=execution.fan_out)
    return Placement(
        where=where,
        python=execution.gpu_python if gpu else execution.cpu_python,
        deployment=execution.gpu_deployment if gpu else execution.cpu_deployment,
        time_limit=execution.time_limit,
    )


def find_interpreter(python: str) -> str:
    """The path of a Python interpreter, of this process where `python` is empty. RecipeError where there is none."""
    found = shutil.which(Path(python).expanduser()) if python else sys.executable
    if not found:
        raise RecipeError(
            f"execution: python = {python!r} is no program here; name the interpreter of an environment with Tailor, "
            "such as .venv-vllm/bin/python"
        )
    return os.path.abspath(found)  # noqa: PTH100  # a link is what makes it the environment's

"""The `backbone` stage: bring the base model into the store, so that all later stages depend on its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tailor_core.config.backbone import BackboneConfig
from tailor_core.inference.models import write_model
from tailor_core.stages.context import StageContext


def run(config: BackboneConfig, context: StageContext) -> dict[str, Any]:
    """Write a model directory that transformers loads. RecipeError where `backbone.name` leads to none."""
    write_model(config.name, context.output)
    return {"rows": {}, "metrics": {"parameters": _parameters(context.output)}}


def _parameters(directory: Path) -> int:
    from safetensors import safe_open

    total = 0
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            for key in weights.keys():  # noqa: SIM118  # not a dict
                size = 1
                for dimension in weights.get_slice(key).get_shape():
                    size *= dimension
                total += size
    return total

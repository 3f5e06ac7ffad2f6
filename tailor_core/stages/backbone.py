"""The `backbone` stage: bring the base model into the store, so that all later stages depend on its bytes."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from tailor_core.config.backbone import BACKBONES, BackboneConfig
from tailor_core.errors import RecipeError
from tailor_core.stages.context import StageContext

NOT_COPIED = ("README.md", "training_log.parquet", ".gitattributes")


def run(config: BackboneConfig, context: StageContext) -> dict[str, Any]:
    """Write a model directory that transformers loads. RecipeError where `backbone.name` leads to none."""
    directory = _local_directory(config.name)
    if directory:
        shutil.copytree(
            directory, context.output, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_COPIED)
        )
    else:
        _from_hub(config.name, context.output)
    return {"rows": {}, "metrics": {"parameters": _parameters(context.output)}}


def _local_directory(name: str) -> Path | None:
    """The directory of a shipped backbone, or `name` itself where it is one."""
    shipped = Path(str(files("tailor_core"))) / "backbones" / name
    return next((d for d in (shipped, Path(name).expanduser()) if (d / "config.json").is_file()), None)


def _from_hub(name: str, output: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        model = AutoModelForCausalLM.from_pretrained(name)
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"backbone.name = {name!r} is neither a shipped backbone ({' or '.join(BACKBONES)}), nor a model "
            "directory, nor a Hugging Face id in the local cache; check the spelling, or set HF_HUB_OFFLINE=0 to "
            "download it"
        ) from error
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


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

"""What decides a stage's result and is not in the recipe, an artifact or our code: files, by digest, and vLLM."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel

from tailor_core.config.backbone import BackboneConfig
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.config.evaluation import EvaluationConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.config.probe import ProbeConfig
from tailor_core.config.settings import vllm_version
from tailor_core.inference.models import find_model, find_weights
from tailor_core.stages.fingerprint import path_digest


def model_sources(config: BackboneConfig) -> dict[str, str]:
    """The digest of the model that `backbone.name` means now: its files, or its commit in the hub's cache."""
    if found := find_model(config.name) or find_weights(config.name):
        return {"files": path_digest(found)}
    return {"commit": _cached_commit(config.name)}


def page_sources(config: BaseModel) -> dict[str, str]:
    """The digest of the templates of the report."""
    return {"templates": path_digest(Path(str(files("tailor_core"))) / "report" / "templates")}


def engine_sources(config: ProbeConfig | EvaluationConfig) -> dict[str, str]:
    """The version of vLLM where that samples: it is that of its own environment."""
    return {"vllm": vllm_version()} if config.runs_vllm else {}


def teacher_sources(config: PrimitivesConfig | DemonstrationsConfig) -> dict[str, str]:
    """What decides how a language model as teacher answers: its prompts by package, and a server's own model.

    How the model is run is in the section [vllm]. The version of vLLM is not in the key: what was answered stays an
    answer of the model, and is not asked for again where vLLM is brought up to date.
    """
    if config.teacher.kind == "procedural":
        return {}
    model = model_sources(BackboneConfig(name=config.teacher.model)) if config.teacher.serve else {}
    return prompt_sources(config) | {f"model.{name}": digest for name, digest in model.items()}


def prompt_sources(config: PrimitivesConfig | DemonstrationsConfig) -> dict[str, str]:
    """The digests of the prompts that a language model as teacher is sent, by package."""
    both = ("primitives", "demonstrations")
    used = both if isinstance(config, PrimitivesConfig) else both[1:]
    package = Path(str(files("tailor_core")))
    return {f"{name}.prompts": path_digest(package / name / "prompts") for name in used}


def _cached_commit(name: str) -> str:
    """The commit of a Hugging Face id that the offline cache holds; `unknown` where it holds none."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    reference = cache / f"models--{name.replace('/', '--')}" / "refs" / "main"
    return reference.read_text().strip() if reference.is_file() else "unknown"

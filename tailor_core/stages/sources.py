"""What decides a stage's result and is neither in the recipe nor an artifact nor Python: files, by digest."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel

from tailor_core.config.backbone import BackboneConfig
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.stages.fingerprint import path_digest


def model_sources(config: BackboneConfig) -> dict[str, str]:
    """The digest of the model that `backbone.name` means now: its files, or its commit in the hub's cache."""
    shipped = Path(str(files("tailor_core"))) / "backbones" / config.name
    for directory in (shipped, Path(config.name).expanduser()):
        if (directory / "config.json").is_file():
            return {"files": path_digest(directory)}
    return {"commit": _cached_commit(config.name)}


def page_sources(config: BaseModel) -> dict[str, str]:
    """The digest of the templates of the report."""
    return {"templates": path_digest(Path(str(files("tailor_core"))) / "report" / "templates")}


def prompt_sources(config: PrimitivesConfig | DemonstrationsConfig) -> dict[str, str]:
    """The digests of the prompts that a language model as teacher is sent, by package; none for the procedural one."""
    if config.teacher.kind == "procedural":
        return {}
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

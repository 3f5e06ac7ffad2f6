"""A run as a command: what `tailor recover --resume` types."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def run_command(recipe: str, overrides: Iterable[str], force: Iterable[str], until: str) -> list[str]:
    """The arguments of `tailor` that run a recipe so, from whatever directory."""
    named = str(Path(recipe).absolute()) if recipe.endswith(".toml") else recipe
    options = [part for value in overrides for part in ("--set", value)]
    options += [part for stage in force for part in ("--force", stage)]
    return ["run", named, *options, *(["--until", until] if until else [])]

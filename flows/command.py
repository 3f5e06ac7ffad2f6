"""A run as a command: what `tailor recover --resume` types."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tailor_core.config.recipe import Recipe

_LONGEST_NAME = 100


def run_command(recipe: str, overrides: Iterable[str], force: Iterable[str], until: str) -> list[str]:
    """The arguments of `tailor` that run a recipe so."""
    named = str(Path(recipe).absolute()) if recipe.endswith(".toml") else recipe
    options = [*repeated("--set", overrides), *repeated("--force", force)]
    return ["run", named, *options, *(["--until", until] if until else [])]


def repeated(flag: str, values: Iterable[str]) -> list[str]:
    """The arguments of an option that is given once for each value."""
    return [part for value in values for part in (flag, value)]


def run_name(recipe: str, overrides: Iterable[str], force: Iterable[str], until: str) -> str:
    """What a run does, for people: `kk-tiny until policy, policy.beta=0.1`.

    What is of no section, such as method and seed, comes first. Where stages run is left out: it changes nothing in
    what they make.
    """
    named = Path(recipe).stem if recipe.endswith(".toml") else recipe
    told = [f"{named} until {until}" if until else named]
    changed = [value for value in overrides if not value.startswith("execution.")]
    told += sorted(changed, key=lambda value: "." in value.partition("=")[0])
    told += [f"force {stage}" for stage in force]
    return shortened(", ".join(told))


def shortened(name: str) -> str:
    """A name as Prefect's pages have room for it."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def run_tags(recipe: Recipe, overrides: Iterable[str]) -> list[str]:
    """What runs of the same kind have in common: recipe, environment, backbone, and the size where one was chosen."""
    sizes = [value for value in overrides if value.startswith("size=")]
    return [recipe.name, recipe.environment.name, Path(recipe.backbone.name).name, *sizes]


def study_command(study: str, changes: Iterable[str], parallel: int | None) -> list[str]:
    """The arguments of `tailor` that run a study so."""
    named = str(Path(study).absolute()) if study.endswith(".toml") else study
    return ["study", named, *repeated("--set", changes), *(["--parallel", str(parallel)] if parallel else [])]

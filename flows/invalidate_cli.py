"""`tailor invalidate`: have stages of a recipe made again by its next run."""

from __future__ import annotations

from typing import Annotated

import typer

from flows import RECIPES
from flows.options import Home, Overrides, RecipeName, StoreUrl
from tailor_core.config.load import load_recipe
from tailor_core.config.settings import read_settings
from tailor_core.stages.methods import check_method_stages
from tailor_core.stages.registry import STAGES


def invalidate(
    recipe: RecipeName,
    stages: Annotated[list[str], typer.Argument(metavar="STAGE...", help="whose artifacts to put aside")],
    overrides: Overrides = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be put aside")] = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put the artifacts of stages, as a recipe has them now, in quarantine: its next run makes them again.

    Nothing is deleted. What follows stays in the store, and counts again if the stages yield the same content.

    Example: tailor invalidate kk-tiny policy evaluation
    """
    from tailor_core.artifacts.store import Store
    from tailor_core.stages.invalidate import invalidate as put_aside

    settings = read_settings(home, store)
    loaded = load_recipe(recipe, RECIPES, overrides or [])
    check_method_stages(loaded.method, stages)
    opened, definitions = Store(settings.store), list(STAGES.values())
    for one in put_aside(loaded, opened, settings.locks, definitions, stages, dry_run=dry_run):
        if one.ref is None:
            print(f"{one.stage}: nothing to put aside: {one.reason}")
        else:
            to = f"moved to {one.moved_to}" if one.moved_to else "would be moved to quarantine"
            print(f"{one.stage}/{one.ref.key[:12]}: {to}")

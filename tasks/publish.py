"""What a finished run leaves for people: the page at a stable place, and the catalog for SQL."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tailor_core.catalog.ingest import update_catalog
from tailor_core.errors import TailorError
from tasks.run import Run, progress


def publish(run: Run) -> None:
    """Update the catalog and, where the run came to it, copy the report to `<home>/reports/<recipe>.html`."""
    directories = {
        stage: run.store.local(outcome.manifest.ref, run.settings.cache)
        for stage, outcome in run.outcomes.items()
    }
    _update_catalog(run, directories)
    if "report" not in directories:
        return
    target = run.settings.reports / f"{run.recipe.name}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.partial")
    shutil.copyfile(directories["report"] / "report.html", partial)
    partial.replace(target)
    run.tracker.tag("report", str(target))


def _update_catalog(run: Run, directories: dict[str, Path]) -> None:
    """The catalog can be made anew from the store at any time, so a failure costs nothing but a warning."""
    try:
        update_catalog(run.settings.catalog, directories, run.recipe.name)
    except TailorError as error:
        progress.warning("the catalog was not updated: %s", error)

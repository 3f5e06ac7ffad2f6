"""What a run leaves for people: the page at a stable place, and the catalog for SQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tailor_core.errors import TailorError
from tailor_core.lineage.merge import merge
from tasks.run import Run, progress


def publish(run: Run) -> None:
    """Where the run came to it, copy the report to `<home>/reports/<recipe>.html`."""
    if "report" not in run.outcomes:
        return
    report = run.store.local(run.outcomes["report"].manifest.ref, run.settings.cache)
    target = run.settings.reports / f"{run.recipe.name}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.partial")
    shutil.copyfile(report / "report.html", partial)
    partial.replace(target)
    run.tracker.tag("report", str(target))


@contextmanager
def catalogued(run: Run) -> Iterator[None]:
    """Bring the catalog up to date at the end, however that comes: it knows of failed attempts, too."""
    try:
        yield
    finally:
        _update_catalog(run)


def _update_catalog(run: Run) -> None:
    """The catalog can be made anew at any time, so a failure costs nothing but a warning."""
    try:
        left_out = merge(run.settings, run.store, fresh=False).left_out
    except TailorError as error:
        left_out = [str(error)]
    for reason in left_out:
        progress.warning("the catalog lacks something: %s", reason)

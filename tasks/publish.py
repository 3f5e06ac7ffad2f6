"""What a run leaves for people: the page at a stable place, the catalog for SQL, and a summary in Prefect."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from tailor_core.errors import TailorError
from tailor_core.lineage.merge import merge
from tasks.run import Run, progress


@contextmanager
def publishing(run: Run) -> Iterator[None]:
    """Leave all of it when the run ends; of a run that fails, catalog and summary."""
    try:
        yield
        _publish_report(run)
    finally:
        _update_catalog(run)
        _summarise(run)


def _publish_report(run: Run) -> None:
    """Where the run came to it, copy the report to `<home>/reports/<recipe>.html`."""
    if "report" not in run.outcomes:
        return
    report = run.store.local(run.outcomes["report"].manifest.ref, run.settings.cache)
    target = run.report_page
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.partial")
    shutil.copyfile(report / "report.html", partial)
    partial.replace(target)
    run.tracker.tag("report", str(target))


def _update_catalog(run: Run) -> None:
    """The catalog can be made anew at any time, so a failure costs nothing but a warning."""
    try:
        left_out = merge(run.settings, run.store, fresh=False).left_out
    except TailorError as error:
        left_out = [str(error)]
    for reason in left_out:
        progress.warning("the catalog lacks something: %s", reason)


def _summarise(run: Run) -> None:
    """An artifact of the flow run in Prefect: one call for all stages, since a call for each takes as long as a hit."""
    if FlowRunContext.get() is None:
        return
    key = re.sub(r"[^a-z0-9]+", "-", run.recipe.name).strip("-")
    try:
        create_markdown_artifact(_summary(run), key=f"tailor-{key}", description=run.recipe.description)
    except Exception as error:  # a server that went away must not cost a run that took hours
        progress.warning("the summary in Prefect is missing: %s: %s", type(error).__name__, error)


def _summary(run: Run) -> str:
    """Stages with digests and places, and where to ask further."""
    lines = ["| stage | | content | artifact |", "|---|---|---|---|"]
    for stage, outcome in run.outcomes.items():
        ref = outcome.manifest.ref
        word = "hit" if outcome.hit else "made"
        lines.append(f"| {stage} | {word} | `{ref.digest[:12]}` | `{run.store.uri(ref)}` |")
    if run.outcomes:
        last = list(run.outcomes.values())[-1].manifest.ref
        asked = f"tailor lineage {last.stage}@{last.digest[:12]} --home {run.settings.home}"
        lines += ["", f"- lineage: `{asked}`, or SQL on `{run.settings.catalog}`"]
    lines.append(f"- lineage events: `{run.lineage.file}`")
    lines.append(f"- MLflow: {run.tracker.link}")
    if "report" in run.outcomes:
        lines.append(f"- report: `{run.report_page}`")
    return "\n".join(lines)

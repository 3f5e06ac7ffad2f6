"""What a run leaves for people: the page at a stable place, the catalog for SQL, and a summary in Prefect."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from tailor_core.errors import TailorError
from tailor_core.lineage.merge import merge
from tailor_core.report.markdown import code, facts, link, table
from tailor_core.report.stage_page import say_headline, say_rows
from tailor_core.report.text import duration
from tailor_core.stages.execute import Outcome
from tailor_core.tracking.datasets import never_failing
from tasks.board import page_key
from tasks.pages import some_files
from tasks.run import Run, progress
from tasks.server import has_lasting_server


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
    """The page of the run, in Prefect and in MLflow; a failure costs a warning."""
    with never_failing("the summary"):
        text = _summary(run)
        run.board.show(
            lambda: text,
            what="the summary",
            key=page_key(run.recipe.name),
            about=run.recipe.description or f"{run.recipe.name}: what the run came to",
        )
        run.tracker.describe("\n".join([*_prefect(), "", text]).lstrip())


def _prefect() -> list[str]:
    url = url_for("flow-run", flow_run.id) if flow_run.id and has_lasting_server() else None
    return [link("The flow run in Prefect", url)] if url else []


def _summary(run: Run) -> str:
    """The result, the stages, and where to ask further."""
    stages = table(["stage", "", "took", "content", "rows"], map(_row, run.outcomes.values()))
    known = [("store", code(run.settings.store, 300)), ("MLflow", run.mlflow())]
    if "report" in run.outcomes:
        known.insert(0, ("report", _report(run)))
    if run.outcomes:
        last = list(run.outcomes.values())[-1].manifest.ref
        asked = f"tailor lineage {last.stage}@{last.digest[:12]} --home {run.settings.home}"
        known.append(("lineage", f"{code(asked, 300)}, or SQL on {code(run.settings.catalog, 300)}"))
    known.append(("lineage events", code(run.lineage.file, 300)))
    return "\n\n".join(filter(None, [_headline(run), stages, facts(known)]))


def _row(outcome: Outcome) -> list[str]:
    """A hit took what it took when it was made."""
    manifest = outcome.manifest
    took = duration(manifest.seconds)
    state = ["hit", f"({took})"] if outcome.hit else ["made", took]
    return [manifest.stage, *state, code(manifest.digest[:12]), say_rows(manifest)]


def _headline(run: Run) -> str:
    """What the evaluation came to; empty where the run did not come to it, or the store does not answer."""
    evaluated = run.outcomes.get("evaluation")
    with suppress(TailorError, OSError):
        if evaluated:
            with some_files(run.store, evaluated.manifest) as materials:
                return say_headline(materials)
    return ""


def _report(run: Run) -> str:
    """Where the page is: with MLflow where that has a server, and in the home."""
    url = run.tracker.keep_page(run.report_page)
    place = code(run.report_page, 300)
    return f"{link('the page', url)}, and {place}" if url else place

"""One run of a recipe: what all its stages share. Opened by the flow, known to the tasks inside it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.keyed import all_values
from tailor_core.config.load import flat
from tailor_core.config.recipe import Recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import StageError
from tailor_core.report.markdown import code, link
from tailor_core.stages.context import Track
from tailor_core.stages.execute import Outcome, StageJob
from tailor_core.stages.methods import definition_of
from tailor_core.stages.registry import STAGES
from tailor_core.stages.runs import current_run_id
from tailor_core.stages.unchanged import note_sources
from tailor_core.tracking.datasets import Dataset, ModelVersion
from tailor_core.tracking.killed_runs import RUN_TAG
from tailor_core.tracking.mlflow_runs import RunTracker, StageTracker
from tailor_core.tracking.openlineage import Attempt, LineageLog
from tailor_core.tracking.progress import PROGRESS
from tasks.board import Board, page_key
from tasks.pages import stage_page
from tasks.server import has_lasting_server

MODELS = ("warm_start", "policy")
"""The products that are trained models: each is registered with MLflow."""

progress = logging.getLogger("tailor")
"""One line as a stage starts, and one as it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A recipe being run: its store, its trackers, and what its stages came to.

    force: stages that run although the store has their artifacts
    until: the last stage to run, all where it is empty
    board: what it shows in Prefect
    task_runs: the last task run of each stage, in Prefect
    """

    recipe: Recipe
    settings: Settings
    store: Store
    tracker: RunTracker
    lineage: LineageLog
    force: frozenset[str] = frozenset()
    until: str = ""
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    board: Board = field(default_factory=Board)
    task_runs: dict[str, UUID] = field(default_factory=dict)

    def dataset(self, ref: ArtifactRef) -> Dataset:
        """An artifact as the trackers see it."""
        manifest = self.store.find(ref.stage, ref.key)
        return _dataset(ref, self.store.uri(ref), manifest)

    @property
    def refs(self) -> dict[str, ArtifactRef]:
        """The artifact of each stage so far."""
        return {stage: outcome.manifest.ref for stage, outcome in self.outcomes.items()}

    @property
    def report_page(self) -> Path:
        """Where the recipe's last report lies for people."""
        return self.settings.reports / f"{self.recipe.name}.html"

    def note(self, outcome: Outcome) -> None:
        """Remember what a stage came to."""
        self.outcomes[outcome.manifest.stage] = outcome

    def mlflow(self, run_id: str = "") -> str:
        """A run of MLflow in Markdown, that of this run by default: a link where MLflow has pages."""
        url = self.tracker.page(run_id)
        if url:
            return link("run in MLflow", url)
        return f"run {code(run_id or self.tracker.run_id or 'none')} in {code(self.tracker.place)}"


_current: ContextVar[Run] = ContextVar("run")


@contextmanager
def open_run(
    recipe: Recipe, settings: Settings, *, force: Iterable[str] = (), until: str = "", name: str = ""
) -> Iterator[Run]:
    """Everything that the tasks of one flow run need, for as long as it lasts. Its name is the recipe's by default."""
    note_sources(definition_of(stage, recipe.method).function for stage in STAGES.values())
    store = Store(settings.store)
    run_id = current_run_id() or str(uuid.uuid4())
    lineage = LineageLog(directory=settings.lineage, recipe=recipe.name, run_id=run_id)
    params = flat(recipe.model_dump(mode="json"))
    tags = {RUN_TAG: run_id, **_tags(recipe)}
    tracker = RunTracker(settings.tracking_uri, settings.home, recipe.name, params, name, tags)
    run = Run(
        recipe=recipe,
        settings=settings,
        store=store,
        tracker=tracker,
        lineage=lineage,
        force=frozenset(force),
        until=until,
    )
    token = _current.set(run)
    lineage.start()
    try:
        yield run
    except BaseException as error:
        tracker.close(failed=True)
        lineage.fail(error)
        raise
    else:
        tracker.close(failed=False)
        lineage.complete()
    finally:
        _current.reset(token)
        run.board.close()
        lineage.close()


def current_run() -> Run:
    """The run that the calling task belongs to; StageError outside one."""
    try:
        return _current.get()
    except LookupError:
        raise StageError(
            "a stage's task was called outside a run; call it inside `with open_run(...)`, as "
            "flows.pipeline does"
        ) from None


def note_task_run(stage: str, task_run: UUID) -> None:
    """Remember the task run of a stage, for what is shown of it; outside a run nothing is."""
    with suppress(LookupError):
        _current.get().task_runs[stage] = task_run


class StageAttempt:
    """One attempt at a stage, told to OpenLineage and, once it really runs, to MLflow."""

    def __init__(self, run: Run, job: StageJob) -> None:
        self._run, self._job = run, job
        self._inputs = [run.dataset(ref) for ref in job.inputs.values()]
        self._lineage: Attempt = run.lineage.attempt(job.spec.stage, job.spec.key, self._inputs)
        self._tracker: StageTracker | None = None

    def begin(self) -> Track:
        """The stage was not in the store and runs now."""
        self._lineage.start()
        spec = self._job.spec
        params = {**flat(all_values(spec.config, self._job.unkeyed)), "seed": spec.seed, "key": spec.key}
        self._tracker = self._run.tracker.stage(self._job.spec.stage, params, self._inputs)
        return self._track

    def complete(self, outcome: Outcome) -> None:
        """The stage has its artifact."""
        manifest = outcome.manifest
        output = _dataset(manifest.ref, self._run.store.uri(manifest.ref), manifest)
        run_id = self._tracker.run_id if self._tracker else ""
        model = self._register(output, manifest, run_id) if manifest.stage in MODELS else None
        self._lineage.complete(output, cached=outcome.hit, model=model)
        if self._tracker:
            metrics = _numbers(manifest.summary.get("metrics", {}))
            self._tracker.finish(output, metrics, manifest.to_text())
        else:
            self._run.tracker.cached(manifest.stage, manifest.digest)
        self._run.note(outcome)
        self._show(outcome)

    def _track(self, metrics: Mapping[str, float], step: int) -> None:
        assert self._tracker, "it has begun"
        self._tracker.track(metrics, step)
        if PROGRESS in metrics:
            stage, recipe = self._job.spec.stage, self._job.recipe
            self._run.board.advance(
                stage,
                metrics[PROGRESS],
                key=page_key(recipe, stage, "progress"),
                about=f"{recipe}: how far {stage} is",
                task_run=self._run.task_runs.get(stage),
            )

    def _show(self, outcome: Outcome) -> None:
        """Put the page of the stage on the board."""
        stage, recipe = self._job.spec.stage, self._job.recipe
        self._run.board.finish(stage)
        self._run.board.show(
            partial(self._page, outcome),
            what=f"the page of {stage}",
            key=page_key(recipe, stage),
            about=f"{recipe}: what {stage} made",
            task_run=self._run.task_runs.get(stage),
        )

    def _page(self, outcome: Outcome) -> str:
        """What the board shows; it leads to the MLflow run of the stage, or, of a hit, to that of the flow run."""
        links = [("MLflow", self._run.mlflow(self._tracker.run_id if self._tracker else ""))]
        if self._job.spec.stage == "report":
            links.append(("page", code(self._run.report_page, 300)))
        return stage_page(self._job, outcome, links)

    def _register(self, model: Dataset, manifest: Manifest, run_id: str) -> ModelVersion | None:
        return self._run.tracker.register(model, manifest.to_text(), run_id)

    def fail(self, error: BaseException) -> None:
        """The attempt ended by an exception."""
        self._lineage.fail(error)
        if self._tracker:
            self._tracker.fail(error)


@contextmanager
def attempt_at(job: StageJob) -> Iterator[StageAttempt]:
    """An attempt in the current run; what it raises is recorded and goes through."""
    attempt = StageAttempt(current_run(), job)
    try:
        yield attempt
    except BaseException as error:
        attempt.fail(error)
        raise


def _tags(recipe: Recipe) -> dict[str, str]:
    """What ran, for MLflow, and where its page in Prefect is."""
    told = {"tailor.environment": recipe.environment.name, "tailor.backbone": recipe.backbone.name}
    if flow_run.id:
        told["tailor.prefect_run"] = flow_run.id
        url = url_for("flow-run", flow_run.id) if has_lasting_server() else None
        told |= {"tailor.prefect_url": url} if url else {}
    return told


def _dataset(ref: ArtifactRef, uri: str, manifest: Manifest | None) -> Dataset:
    if manifest is None:
        return Dataset(name=ref.stage, key=ref.key, digest=ref.digest, uri=uri)
    tables = manifest.table_types
    main = f"{ref.stage}.parquet" if f"{ref.stage}.parquet" in tables else next(iter(tables), "")
    columns = tables.get(main, {})
    return Dataset(
        name=ref.stage, key=ref.key, digest=ref.digest, uri=uri, rows=manifest.rows, columns=columns
    )


def _numbers(metrics: Any) -> dict[str, float]:
    """The numbers among a stage's metrics, nested names joined by a slash."""
    return {
        name.replace(".", "/"): float(value)
        for name, value in flat(metrics).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }

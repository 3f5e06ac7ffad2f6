"""MLflow runs: an experiment a recipe, a parent run a flow run, a child run an executed stage.

The only door to mlflow, with `model_registry`. Cached stages have no run of their own: the parent's tag
`stage.<name>` says so. Whatever MLflow does, nothing here raises; what is lost is logged.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from filelock import FileLock

from tailor_core.secrets import masked
from tailor_core.tracking.datasets import Dataset, ModelVersion, never_failing
from tailor_core.tracking.model_registry import register_version

T = TypeVar("T")

_PROCESS, _HOST = "tailor.process", "tailor.host"
_LONGEST_PARAM, _LONGEST_DIGEST, _MOST_PARAMS, _LONGEST_TEXT = 500, 32, 100, 7500
_MOST_FAILURES = 3
_NOT_IN_METRIC_NAMES = re.compile(r"[^\w\-. :/]")


class RunTracker:
    """The parent run of one flow run.

    `tracking_uri` is MLflow's; `home` holds the lock for first use and a local store's artifacts; `name` and `tags` are
    the run's, the recipe by default. After three failures in a row, such as those of a server that went away, MLflow is
    left alone for the rest of the run.
    """

    def __init__(
        self,
        tracking_uri: str,
        home: Path,
        recipe: str,
        params: Mapping[str, Any],
        name: str = "",
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.client: Any = None
        self._cached: dict[str, str] = {}
        self._uri, self._lock, self._recipe = tracking_uri, home / "mlflow.lock", recipe
        self._experiment = self.run_id = ""
        self._failures = 0
        with never_failing("the MLflow run"):
            self.client, self._experiment = _open(tracking_uri, home, recipe)
            _end_killed_runs(self.client, self._experiment)
            self.run_id = self._create(name or recipe, tags)
            _log_params(self.client, self.run_id, params)

    def stage(self, stage: str, params: Mapping[str, Any], inputs: Sequence[Dataset]) -> StageTracker:
        """A child run for a stage that is about to be executed."""

        def open_run() -> str:
            run_id = self._create(stage, {"mlflow.parentRunId": self.run_id, "tailor.stage": stage})
            _log_params(self.client, run_id, params)
            _log_inputs(self.client, run_id, inputs)
            return run_id

        return StageTracker(self, stage, self.tell(f"the MLflow run of {stage}", open_run) or "")

    @property
    def place(self) -> str:
        """MLflow's address, without a password that may be in it."""
        return masked(self._uri)

    def page(self, run_id: str = "") -> str:
        """The address of a run's page, of the parent's by default; empty where MLflow has no server, or no run."""
        run = run_id or self.run_id
        if not self.place.startswith("http") or not run:
            return ""
        return f"{self.place.rstrip('/')}/#/experiments/{self._experiment}/runs/{run}"

    def describe(self, text: str) -> None:
        """Put a text in Markdown on the page of the parent run."""
        self.tag("mlflow.note.content", text[:_LONGEST_TEXT])

    def keep_page(self, file: Path) -> str:
        """Keep an HTML file with the parent run where MLflow has a server; the address that shows it, or nothing."""
        page = self.page()
        if not page:
            return ""

        def keep() -> str:
            self.client.log_artifact(self.run_id, str(file))
            return f"{page}/artifacts/{file.name}"

        return self.tell(f"the page {file.name}", keep) or ""

    def cached(self, stage: str, digest: str) -> None:
        """Note on the parent, when it ends, that a stage's artifact was there already."""
        self._cached[f"stage.{stage}"] = f"cached:{digest}"

    def tag(self, name: str, value: str) -> None:
        """Set a tag of the parent run."""
        self.tell(f"the MLflow tag {name}", lambda: self.client.set_tag(self.run_id, name, value))

    def register(self, model: Dataset, manifest: str, run_id: str = "") -> ModelVersion | None:
        """Make a model a version of the recipe's registered model, unless it is one; None where that failed.

        The product becomes the alias of that version: `models:/<recipe>@policy` is the policy that the recipe
        had last. `run_id` is of the stage that made it just now; `manifest` is its manifest's text.
        """

        def register() -> ModelVersion:
            with FileLock(self._lock):
                run = run_id or self.run_id
                return register_version(self.client, self._uri, self._recipe, model, manifest, run)

        return self.tell(f"the registered model {self._recipe}@{model.name}", register)

    def close(self, *, failed: bool) -> None:
        """End the parent run, with all that was cached noted at once: a call for each takes longer than its stage."""
        if self._cached:
            self.tell(
                "the MLflow tags of cached stages",
                lambda: _set_tags(self.client, self.run_id, self._cached),
            )
        self.end(self.run_id, "the MLflow run", failed=failed)

    def end(self, run_id: str, what: str, *, failed: bool) -> None:
        """End a run."""
        if run_id:
            status = "FAILED" if failed else "FINISHED"
            self.tell(what, lambda: self.client.set_terminated(run_id, status))

    def tell(self, what: str, action: Callable[[], T]) -> T | None:
        """What an action on MLflow gives; None where it fails, or there is no run to tell of."""
        if not self.run_id or self._failures >= _MOST_FAILURES:
            return None
        found = None
        self._failures += 1
        with never_failing(what):
            found = action()
            self._failures = 0
        return found

    def _create(self, name: str, tags: Mapping[str, str]) -> str:
        process = {_PROCESS: str(os.getpid()), _HOST: platform.node()}
        run = self.client.create_run(self._experiment, run_name=name, tags={**process, **tags})
        return str(run.info.run_id)


class StageTracker:
    """The child run of one executed stage; does nothing where MLflow did not open one."""

    def __init__(self, parent: RunTracker, stage: str, run_id: str) -> None:
        self._parent, self._stage, self.run_id = parent, stage, run_id

    def track(self, metrics: Mapping[str, float], step: int) -> None:
        """Send metrics of a training step."""
        self._tell(
            f"metrics of {self._stage}",
            lambda: _log_metrics(self._parent.client, self.run_id, metrics, step),
        )

    def finish(self, output: Dataset, metrics: Mapping[str, float], manifest: str) -> None:
        """End the run with the artifact that it made, its manifest's text and its closing metrics."""

        def describe() -> None:
            client = self._parent.client
            client.set_tag(self.run_id, "tailor.digest", output.digest)
            client.set_tag(self.run_id, "tailor.uri", output.uri)
            client.log_text(self.run_id, manifest, "manifest.json")

        self.track(metrics, 0)
        self._tell(f"the MLflow tags of {self._stage}", describe)
        if self.run_id:
            self._parent.tag(f"stage.{self._stage}", f"ran:{self.run_id}")
        self._end(failed=False)

    def fail(self, error: BaseException) -> None:
        """End the run with what the stage raised."""
        message = masked(f"{type(error).__name__}: {error}")[:_LONGEST_PARAM]
        self._tell(
            f"the MLflow tags of {self._stage}",
            lambda: self._parent.client.set_tag(self.run_id, "tailor.error", message),
        )
        self._end(failed=True)

    def _tell(self, what: str, action: Callable[[], None]) -> None:
        if self.run_id:
            self._parent.tell(what, action)

    def _end(self, *, failed: bool) -> None:
        self._parent.end(self.run_id, f"the MLflow run of {self._stage}", failed=failed)


def _open(tracking_uri: str, home: Path, recipe: str) -> tuple[Any, str]:
    """A client and the id of the recipe's experiment. First use makes a database: one process at a time."""
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    with FileLock(home / "mlflow.lock"):
        client = MlflowClient(tracking_uri)
        experiment = client.get_experiment_by_name(recipe)
        if experiment is not None:
            return client, str(experiment.experiment_id)
        local = tracking_uri.startswith("sqlite:")
        location = (home / "mlflow-artifacts" / recipe).as_uri() if local else None
        return client, str(client.create_experiment(recipe, artifact_location=location))


def _end_killed_runs(client: Any, experiment: str) -> None:
    """MLflow shows a run whose process was killed as running for ever; say what became of it."""
    running = client.search_runs(
        [experiment], f"attributes.status = 'RUNNING' and tags.`{_HOST}` = '{platform.node()}'"
    )
    for run in running:
        process = run.data.tags.get(_PROCESS, "")
        if process.isdecimal() and not _is_alive(int(process)):
            client.set_terminated(run.info.run_id, "KILLED")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _log_params(client: Any, run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    entries = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in params.items()]
    for start in range(0, len(entries), _MOST_PARAMS):
        client.log_batch(run_id, params=entries[start : start + _MOST_PARAMS])


def _log_metrics(client: Any, run_id: str, metrics: Mapping[str, float], step: int) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    entries = [
        Metric(_NOT_IN_METRIC_NAMES.sub("_", name), float(value), now, step)
        for name, value in metrics.items()
    ]
    client.log_batch(run_id, metrics=entries)


def _set_tags(client: Any, run_id: str, tags: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def _log_inputs(client: Any, run_id: str, inputs: Sequence[Dataset]) -> None:
    """MLflow takes 36 characters of digest at most; a product's own digest is in the source."""
    from mlflow.entities import Dataset as Entity
    from mlflow.entities import DatasetInput

    entities = [
        Entity(
            name=one.name,
            digest=one.digest[:_LONGEST_DIGEST],
            source_type="tailor",
            source=json.dumps({"uri": one.uri, "digest": one.digest}),
            schema=json.dumps(dict(one.columns)),
            profile=json.dumps({"rows": one.rows}),
        )
        for one in inputs
    ]
    client.log_inputs(run_id, datasets=[DatasetInput(entity) for entity in entities])

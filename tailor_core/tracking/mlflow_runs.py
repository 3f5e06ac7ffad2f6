"""MLflow runs: an experiment a recipe, a parent run a flow run, a child run an executed stage.

The only door to mlflow, with `model_registry`. Cached stages have no run of their own: the parent's tag
`stage.<name>` says so. Whatever MLflow does, nothing here raises. What a server that is away is to be told waits for
its return, for as long as the run lasts; what is lost is logged.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from filelock import FileLock

from tailor_core.secrets import masked
from tailor_core.tracking.datasets import Dataset, ModelVersion
from tailor_core.tracking.model_registry import register_version

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LOCK = "mlflow.lock"
_PROCESS, _HOST = "tailor.process", "tailor.host"
_LONGEST_PARAM, _LONGEST_DIGEST, _MOST_PARAMS, _LONGEST_TEXT = 500, 32, 100, 7500
_AWAY_SECONDS = 60.0
"""How long a server that did not answer is left alone."""

_ANSWER_SECONDS = 5.0
_MOST_REFUSALS = 3
_NOT_IN_METRIC_NAMES = re.compile(r"[^\w\-. :/]")


class RunTracker:
    """The parent run of one flow run.

    `tracking_uri` is MLflow's; `home` holds the lock for first use and a local store's artifacts; `name` and `tags` are
    the run's, the recipe by default. `client` and `run_id` are None and empty for as long as MLflow could not be told
    that the run begins.
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
        self._uri, self._home, self._recipe = tracking_uri, home, recipe
        self._experiment = self.run_id = ""
        self._mail = _Mail(tracking_uri)
        started = _now()

        def begin() -> None:
            self.client, self._experiment = _open(tracking_uri, home, recipe)
            _end_killed_runs(self.client, self._experiment)
            self.run_id = self.create(name or recipe, tags, started)

        self._mail.send("the MLflow run", begin)
        self.tell("the MLflow parameters", lambda: _log_params(self.client, self.run_id, params))

    def stage(self, stage: str, params: Mapping[str, Any], inputs: Sequence[Dataset]) -> StageTracker:
        """A child run for a stage that is about to be executed."""
        return StageTracker(self, stage, params, inputs)

    @property
    def place(self) -> str:
        """MLflow's address, without a password that may be in it."""
        return masked(_address(self._uri))

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
            with FileLock(self._home / _LOCK):
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
        self.end(lambda: self.run_id, "the end of the MLflow run", failed=failed)
        self._mail.close()

    def end(self, run_id: Callable[[], str], what: str, *, failed: bool) -> None:
        """End a run, whose id is known by then."""
        status, ended = "FAILED" if failed else "FINISHED", _now()
        self.tell(what, lambda: self.client.set_terminated(run_id(), status, ended) if run_id() else None)

    def tell(self, what: str, action: Callable[[], T]) -> T | None:
        """What an action on the run gives; None where it failed or there is no run, or until MLflow answers."""
        return self._mail.send(what, lambda: action() if self.run_id else None)

    def create(self, name: str, tags: Mapping[str, str], started: int) -> str:
        """The id of a new run of the experiment."""
        process = {_PROCESS: str(os.getpid()), _HOST: platform.node()}
        run = self.client.create_run(self._experiment, started, run_name=name, tags={**process, **tags})
        return str(run.info.run_id)


class _Mail:
    """Actions on MLflow, done in their order. While a server is away they wait, and it is asked now and then.

    Where it answers and refuses three in a row, nothing more is asked of it.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._waiting: deque[tuple[str, Callable[[], Any]]] = deque()
        self._lock = threading.RLock()
        self._away, self._away_until = False, 0.0
        self._refused = 0

    def send(self, what: str, action: Callable[[], T]) -> T | None:
        """Do it after what waits; what it gives, None where it failed or has to wait."""
        with self._lock:
            self._waiting.append((what, action))
            given = self._deliver()
            return None if self._waiting else given

    def close(self) -> None:
        """Try what waits once more, and say what is lost."""
        with self._lock:
            self._away_until = 0.0
            self._deliver()
            if self._waiting:
                lost = Counter(what for what, _ in self._waiting)
                told = [f"{what} ({times} times)" if times > 1 else what for what, times in lost.items()]
                _log.warning(
                    "MLflow at %s took no more; not recorded: %s",
                    masked(self._uri),
                    ", ".join(told),
                )

    def _deliver(self) -> Any:
        """Do all that waits; what the last of it gave."""
        given = None
        if self._away and time.monotonic() >= self._away_until and not _answers(self._uri):
            self._away_until = time.monotonic() + _AWAY_SECONDS  # an action would have waited for longer
        while self._waiting and time.monotonic() >= self._away_until and self._refused < _MOST_REFUSALS:
            what, action = self._waiting[0]
            try:
                given = action()
                self._away, self._refused = False, 0
            except Exception as error:
                if not _answers(self._uri):
                    self._leave_alone(error)
                    return None
                self._refused += 1
                given = None
                _log.warning("%s was not recorded: %s", what, masked(f"{type(error).__name__}: {error}"))
            self._waiting.popleft()
        return given

    def _leave_alone(self, error: Exception) -> None:
        if not self._away:
            told = masked(f"MLflow at {self._uri} does not answer ({error}); what it is to be told waits")
            _log.warning("%s", told)
        self._away, self._away_until = True, time.monotonic() + _AWAY_SECONDS


class StageTracker:
    """The child run of one executed stage; `run_id` is empty for as long as MLflow could not be told of it."""

    def __init__(
        self, parent: RunTracker, stage: str, params: Mapping[str, Any], inputs: Sequence[Dataset]
    ) -> None:
        self._parent, self._stage, self.run_id = parent, stage, ""
        started = _now()

        def create() -> None:
            tags = {"mlflow.parentRunId": parent.run_id, "tailor.stage": stage}
            self.run_id = parent.create(stage, tags, started)

        parent.tell(f"the MLflow run of {stage}", create)
        self._tell(f"parameters of {stage}", lambda: _log_params(parent.client, self.run_id, params))
        self._tell(f"inputs of {stage}", lambda: _log_inputs(parent.client, self.run_id, inputs))

    def track(self, metrics: Mapping[str, float], step: int) -> None:
        """Send metrics of a training step."""
        at = _now()
        self._tell(
            f"metrics of {self._stage}",
            lambda: _log_metrics(self._parent.client, self.run_id, metrics, step, at),
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
        self._tell(
            f"the MLflow tag of {self._stage}",
            lambda: self._parent.client.set_tag(
                self._parent.run_id, f"stage.{self._stage}", f"ran:{self.run_id}"
            ),
        )
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
        self._parent.tell(what, lambda: action() if self.run_id else None)

    def _end(self, *, failed: bool) -> None:
        self._parent.end(lambda: self.run_id, f"the end of the MLflow run of {self._stage}", failed=failed)


def _now() -> int:
    """Milliseconds since the epoch, as MLflow counts."""
    return int(time.time() * 1000)


def _address(uri: str) -> str:
    """MLflow's address without the name and the password that may be in it."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri


def _answers(uri: str) -> bool:
    """Whether MLflow is there: a file always is."""
    if not uri.startswith("http"):
        return True
    health = f"{_address(uri).rstrip('/')}/health"
    try:
        with urllib.request.urlopen(health, timeout=_ANSWER_SECONDS):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _open(tracking_uri: str, home: Path, recipe: str) -> tuple[Any, str]:
    """A client and the id of the recipe's experiment. First use makes a database: one process at a time."""
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    with FileLock(home / _LOCK):
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


def _log_metrics(client: Any, run_id: str, metrics: Mapping[str, float], step: int, at: int) -> None:
    from mlflow.entities import Metric

    entries = [
        Metric(_NOT_IN_METRIC_NAMES.sub("_", name), float(value), at, step) for name, value in metrics.items()
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

"""OpenLineage run events: one file of JSON lines for each flow run, and for each attempt at a stage, hits included.

The files are always written: `lineage.duckdb` is made from them. Where the environment configures an OpenLineage
client (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG` or `OPENLINEAGE__TRANSPORT__TYPE`), events go there as well.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailor_core.secrets import masked
from tailor_core.tracking.datasets import Dataset, ModelVersion, never_failing
from tailor_core.tracking.sender import Sender, open_sender

NAMESPACE = "tailor"
PRODUCER = "https://pypi.org/project/tailor"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageLog:
    """One flow run, of which events are told, and where they go. `run_id` is a UUID."""

    directory: Path
    recipe: str
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sender: Sender | None = field(default_factory=open_sender)

    @property
    def file(self) -> Path:
        return flow_run_file(self.directory, self.run_id)

    def start(self) -> None:
        """The flow run begins; its stages name it as their parent."""
        self._emit("START")

    def complete(self) -> None:
        """The flow run came to its end."""
        self._emit("COMPLETE")

    def fail(self, error: BaseException) -> None:
        """The flow run raised."""
        self._emit("FAIL", error)

    def abort(self) -> None:
        """The process of the flow run was killed."""
        self._emit("ABORT")

    def attempt(self, stage: str, key: str, inputs: Sequence[Dataset]) -> Attempt:
        """A new attempt at a stage; nothing is written yet."""
        return Attempt(log=self, stage=stage, key=key, inputs=tuple(inputs))

    def write(self, what: str, file: Path, make: Callable[[], Any]) -> None:
        """Add an event to its file and send it; what goes wrong is logged."""
        with never_failing(f"lineage of {what}"):
            event = make()
            try:
                _append(event, file)
            finally:  # and not before: the client adds to the event that it is given
                if self.sender:
                    self.sender.send(event)

    def close(self) -> None:
        """The flow run is over; events that could not be sent are still in the directory."""
        unsent = self.sender.close() if self.sender else 0
        if unsent:
            _log.warning(
                "%d OpenLineage events did not reach the server; all are in %s", unsent, self.directory
            )

    def _emit(self, kind: str, error: BaseException | None = None) -> None:
        self.write(
            self.recipe, self.file, lambda: _event(kind, self.run_id, self.recipe, "DAG", _failure(error))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt at a stage, of which events are told."""

    log: LineageLog
    stage: str
    key: str
    inputs: tuple[Dataset, ...]
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def file(self) -> Path:
        return self.log.directory / f"{self.stage}-{self.key[:12]}-{self.run_id}.jsonl"

    def start(self) -> None:
        """The stage begins to run."""
        self._emit("START", {})

    def complete(self, output: Dataset, *, cached: bool, model: ModelVersion | None = None) -> None:
        """The stage has its artifact; `cached` where it was there already; `model` where it is registered."""
        tags = {"cached": str(cached).lower()}
        if model:
            tags |= {"model": model.name, "model_version": str(model.version)}
        self._emit("COMPLETE", tags, output=output)

    def fail(self, error: BaseException) -> None:
        """The stage raised."""
        self._emit("FAIL", {}, error=error)

    def abort(self) -> None:
        """The process of the attempt was killed."""
        self._emit("ABORT", {})

    def _emit(
        self,
        kind: str,
        tags: Mapping[str, str],
        output: Dataset | None = None,
        error: BaseException | None = None,
    ) -> None:
        def make() -> Any:
            return _event(
                kind,
                self.run_id,
                f"{self.log.recipe}.{self.stage}",
                "STAGE",
                {**_child_of(self.log), **_tags({"stage_key": self.key, **tags}), **_failure(error)},
                inputs=[_input(self.log.recipe, one) for one in self.inputs],
                outputs=[_output(self.log.recipe, output)] if output else [],
            )

        self.log.write(self.stage, self.file, make)


def flow_run_file(directory: Path, run_id: str) -> Path:
    """Where the events of a flow run lie."""
    return directory / f"run-{run_id}.jsonl"


def _append(event: Any, file: Path) -> None:
    from openlineage.client.transport.file import FileConfig, FileTransport

    file.parent.mkdir(parents=True, exist_ok=True)
    FileTransport(FileConfig(log_file_path=str(file), append=True)).emit(event)


def _event(
    kind: str,
    run_id: str,
    job: str,
    job_type: str,
    facets: Mapping[str, Any],
    inputs: Sequence[Any] = (),
    outputs: Sequence[Any] = (),
) -> Any:
    from openlineage.client import event_v2 as event
    from openlineage.client import facet_v2 as facet

    described = facet.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="TAILOR", jobType=job_type
    )
    return event.RunEvent(
        eventType=getattr(event.RunState, kind),
        eventTime=datetime.now(UTC).isoformat(),
        producer=PRODUCER,
        run=event.Run(runId=run_id, facets=dict(facets)),
        job=event.Job(namespace=NAMESPACE, name=job, facets={"jobType": described}),
        inputs=list(inputs),
        outputs=list(outputs),
    )


def _child_of(log: LineageLog) -> dict[str, Any]:
    from openlineage.client.facet_v2 import parent_run

    return {
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(runId=log.run_id), job=parent_run.Job(namespace=NAMESPACE, name=log.recipe)
        )
    }


def _tags(tags: Mapping[str, str]) -> dict[str, Any]:
    from openlineage.client.facet_v2 import tags_run

    fields = [
        tags_run.TagsRunFacetFields(key=key, value=value, source="TAILOR") for key, value in tags.items()
    ]
    return {"tags": tags_run.TagsRunFacet(tags=fields)}


def _failure(error: BaseException | None) -> dict[str, Any]:
    from openlineage.client.facet_v2 import error_message_run

    if error is None:
        return {}
    return {
        "errorMessage": error_message_run.ErrorMessageRunFacet(
            message=masked(f"{type(error).__name__}: {error}"), programmingLanguage="python"
        )
    }


def _input(recipe: str, dataset: Dataset) -> Any:
    from openlineage.client import event_v2 as event
    from openlineage.client import facet_v2 as facet

    statistics = facet.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=dataset.rows)
    return event.InputDataset(
        namespace=NAMESPACE,
        name=f"{recipe}.{dataset.name}",
        facets=_facets(dataset),
        inputFacets={"inputStatistics": statistics},
    )


def _output(recipe: str, dataset: Dataset) -> Any:
    from openlineage.client import event_v2 as event
    from openlineage.client import facet_v2 as facet

    statistics = facet.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=dataset.rows
    )
    return event.OutputDataset(
        namespace=NAMESPACE,
        name=f"{recipe}.{dataset.name}",
        facets=_facets(dataset),
        outputFacets={"outputStatistics": statistics},
    )


def _facets(dataset: Dataset) -> dict[str, Any]:
    """Version (the content digest), place, and columns where it has a table."""
    from openlineage.client import facet_v2 as facet

    facets: dict[str, Any] = {
        "version": facet.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.digest),
        "dataSource": facet.datasource_dataset.DatasourceDatasetFacet(name=dataset.name, uri=dataset.uri),
    }
    if dataset.columns:
        columns = [
            facet.schema_dataset.SchemaDatasetFacetFields(name=name, type=kind)
            for name, kind in dataset.columns.items()
        ]
        facets["schema"] = facet.schema_dataset.SchemaDatasetFacet(fields=columns)
    return facets

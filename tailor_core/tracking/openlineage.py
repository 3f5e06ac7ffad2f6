"""OpenLineage run events, one file of JSON lines for each attempt at a stage, cache hits included.

The files are always written: `lineage.duckdb` is made from them. Where the environment configures an OpenLineage
client (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG` or `OPENLINEAGE__TRANSPORT__TYPE`), events go there as well.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailor_core.tracking.datasets import Dataset, ModelVersion, never_failing
from tailor_core.tracking.sender import Sender, open_sender

NAMESPACE = "tailor"
PRODUCER = "https://pypi.org/project/tailor"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageLog:
    """Where the events of one flow run go. `run_id` is a UUID."""

    directory: Path
    recipe: str
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    sender: Sender | None = field(default_factory=open_sender)

    def attempt(self, stage: str, key: str, inputs: Sequence[Dataset]) -> Attempt:
        """A new attempt at a stage; nothing is written yet."""
        return Attempt(log=self, stage=stage, key=key, inputs=tuple(inputs))

    def close(self) -> None:
        """The flow run is over; events that could not be sent are still in the directory."""
        unsent = self.sender.close() if self.sender else 0
        if unsent:
            _log.warning(
                "%d OpenLineage events did not reach the server; all are in %s", unsent, self.directory
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

    def _emit(
        self,
        kind: str,
        tags: Mapping[str, str],
        output: Dataset | None = None,
        error: BaseException | None = None,
    ) -> None:
        with never_failing(f"lineage of {self.stage}"):
            event = _event(self, kind, {"stage_key": self.key, **tags}, output, error)
            try:
                _append(event, self.file)
            finally:  # and not before: the client adds to the event that it is given
                if self.log.sender:
                    self.log.sender.send(event)


def _append(event: Any, file: Path) -> None:
    from openlineage.client.transport.file import FileConfig, FileTransport

    file.parent.mkdir(parents=True, exist_ok=True)
    FileTransport(FileConfig(log_file_path=str(file), append=True)).emit(event)


def _event(
    attempt: Attempt,
    kind: str,
    tags: Mapping[str, str],
    output: Dataset | None,
    error: BaseException | None,
) -> Any:
    from openlineage.client import event_v2 as event
    from openlineage.client import facet_v2 as facet

    recipe = attempt.log.recipe
    facets: dict[str, Any] = {
        "parent": facet.parent_run.ParentRunFacet(
            run=facet.parent_run.Run(runId=attempt.log.run_id),
            job=facet.parent_run.Job(namespace=NAMESPACE, name=recipe),
        ),
        "tags": facet.tags_run.TagsRunFacet(
            tags=[
                facet.tags_run.TagsRunFacetFields(key=key, value=value, source="TAILOR")
                for key, value in tags.items()
            ]
        ),
    }
    if error is not None:
        facets["errorMessage"] = facet.error_message_run.ErrorMessageRunFacet(
            message=f"{type(error).__name__}: {error}", programmingLanguage="python"
        )
    job_type = facet.job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="TAILOR", jobType="STAGE"
    )
    return event.RunEvent(
        eventType=getattr(event.RunState, kind),
        eventTime=datetime.now(UTC).isoformat(),
        producer=PRODUCER,
        run=event.Run(runId=attempt.run_id, facets=facets),
        job=event.Job(namespace=NAMESPACE, name=f"{recipe}.{attempt.stage}", facets={"jobType": job_type}),
        inputs=[_input(recipe, one) for one in attempt.inputs],
        outputs=[_output(recipe, output)] if output else [],
    )


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

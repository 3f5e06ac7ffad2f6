"""OpenLineage run events, one file of JSON lines for each attempt at a stage, cache hits included.

Where the environment configures an OpenLineage client (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG` or
`OPENLINEAGE__TRANSPORT__TYPE`), events go there instead.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tailor_core.tracking.datasets import Dataset, never_failing

NAMESPACE = "tailor"
PRODUCER = "https://pypi.org/project/tailor"
_CONFIGURED_BY = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT__TYPE")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageLog:
    """Where the events of one flow run go. `run_id` is a UUID."""

    directory: Path
    recipe: str
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def attempt(self, stage: str, key: str, inputs: Sequence[Dataset]) -> Attempt:
        """A new attempt at a stage; nothing is written yet."""
        return Attempt(log=self, stage=stage, key=key, inputs=tuple(inputs))


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
        self._emit("START")

    def complete(self, output: Dataset, *, cached: bool) -> None:
        """The stage has its artifact; `cached` where it was there already."""
        self._emit("COMPLETE", output=output, cached=cached)

    def fail(self, error: BaseException) -> None:
        """The stage raised."""
        self._emit("FAIL", error=error)

    def _emit(
        self,
        kind: str,
        output: Dataset | None = None,
        cached: bool = False,
        error: BaseException | None = None,
    ) -> None:
        with never_failing(f"lineage of {self.stage}"):
            event = _event(self, kind, output, cached, error)
            _client(self.file).emit(event)


def _client(file: Path) -> Any:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    if any(name in os.environ for name in _CONFIGURED_BY):
        return OpenLineageClient()
    file.parent.mkdir(parents=True, exist_ok=True)
    return OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(file), append=True)))


def _event(
    attempt: Attempt, kind: str, output: Dataset | None, cached: bool, error: BaseException | None
) -> Any:
    from openlineage.client import event_v2 as event
    from openlineage.client import facet_v2 as facet

    facets: dict[str, Any] = {
        "parent": facet.parent_run.ParentRunFacet(
            run=facet.parent_run.Run(runId=attempt.log.run_id),
            job=facet.parent_run.Job(namespace=NAMESPACE, name=attempt.log.recipe),
        ),
        "tags": facet.tags_run.TagsRunFacet(
            tags=[
                facet.tags_run.TagsRunFacetFields(key=key, value=value, source="TAILOR")
                for key, value in _tags(attempt, kind, cached).items()
            ]
        ),
    }
    if error is not None:
        facets["errorMessage"] = facet.error_message_run.ErrorMessageRunFacet(
            message=f"{type(error).__name__}: {error}", programmingLanguage="python"
        )
    return event.RunEvent(
        eventType=getattr(event.RunState, kind),
        eventTime=datetime.now(UTC).isoformat(),
        producer=PRODUCER,
        run=event.Run(runId=attempt.run_id, facets=facets),
        job=event.Job(namespace=NAMESPACE, name=f"{attempt.log.recipe}.{attempt.stage}"),
        inputs=[
            event.InputDataset(namespace=NAMESPACE, name=one.name, facets=_facets(one))
            for one in attempt.inputs
        ],
        outputs=[_output(output)] if output else [],
    )


def _tags(attempt: Attempt, kind: str, cached: bool) -> Mapping[str, str]:
    """What no standard facet says: the stage key, and whether the artifact was there already."""
    tags = {"stage_key": attempt.key}
    return tags | {"cached": str(cached).lower()} if kind == "COMPLETE" else tags


def _output(output: Dataset) -> Any:
    from openlineage.client import event_v2 as event
    from openlineage.client import facet_v2 as facet

    statistics = facet.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=output.rows
    )
    return event.OutputDataset(
        namespace=NAMESPACE,
        name=output.name,
        facets=_facets(output),
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


def newest_completed(directory: Path) -> dict[tuple[str, str], str]:
    """(recipe, stage) -> stage key of the newest event in a directory that says the stage has its artifact.

    Lines that are torn or of another form say nothing. Nothing is found where events go to a server.
    """
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    for path in sorted(directory.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                event = json.loads(line)
                if event["eventType"] != "COMPLETE":
                    continue
                recipe, _, stage = event["job"]["name"].rpartition(".")
                tags = {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]}
                told = (str(event["eventTime"]), str(tags["stage_key"]))
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            newest[recipe, stage] = max(newest.get((recipe, stage), told), told)
    return {name: key for name, (_, key) in newest.items()}

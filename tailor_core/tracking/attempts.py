"""Reading lineage back: what each file of events says of its flow run, or its attempt at a stage."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailor_core.tracking.openlineage import flow_run_file


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt at a stage.

    attempt, run: their UUIDs, `run` that of the flow run
    state:        type of the last event: START (running, or killed), COMPLETE, FAIL or ABORT
    cached:       the artifact was there already
    started, ended: UTC times in ISO 8601; the first is empty for a hit, the second while there is no end
    digest, row_count: of the artifact; empty and 0 without one
    model, model_version: the registered model that the artifact is a version of, or None
    """

    attempt: str
    run: str
    recipe: str
    stage: str
    key: str
    state: str
    cached: bool = False
    started: str | None = None
    ended: str | None = None
    digest: str = ""
    row_count: int = 0
    error: str = ""
    model: str | None = None
    model_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowRunRecord:
    """A flow run of a recipe; `state` as that of an attempt."""

    recipe: str
    state: str


def read_flow_run(directory: Path, run_id: str) -> FlowRunRecord | None:
    """What its events say of a flow run; None where there are none."""
    found = None
    for event in _events(flow_run_file(directory, run_id)):
        with suppress(KeyError, TypeError):
            found = FlowRunRecord(recipe=str(event["job"]["name"]), state=str(event["eventType"]))
    return found


def read_attempts(directory: Path) -> Iterator[AttemptRecord]:
    """The attempts that a directory of events tells of, in no particular order.

    Lines that are torn or of another form, such as those on flow runs, say nothing.
    """
    for path in sorted(directory.glob("*.jsonl")):
        attempt = None
        for event in _events(path):
            with suppress(KeyError, TypeError, ValueError, AttributeError, IndexError):
                attempt = _after(attempt, event)
        if attempt:
            yield attempt


def newest_completed(directory: Path) -> dict[tuple[str, str], str]:
    """(recipe, stage) -> stage key of the attempt that last had its artifact."""
    newest: dict[tuple[str, str], tuple[str, str]] = {}
    for one in read_attempts(directory):
        if one.state == "COMPLETE" and one.ended:
            told = (one.ended, one.key)
            newest[one.recipe, one.stage] = max(newest.get((one.recipe, one.stage), told), told)
    return {name: key for name, (_, key) in newest.items()}


def completed_by(directory: Path, runs: Container[str]) -> set[tuple[str, str]]:
    """Stage and key of every artifact that these flow runs, given by their ids, made or found."""
    return {
        (one.stage, one.key)
        for one in read_attempts(directory)
        if one.run in runs and one.state == "COMPLETE"
    }


def _events(file: Path) -> Iterator[Any]:
    """The JSON values in a file of events; none where it is not there."""
    with suppress(FileNotFoundError):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):
                yield json.loads(line)


def _after(before: AttemptRecord | None, event: Mapping[str, Any]) -> AttemptRecord:
    """What is known of an attempt once an event is read; an exception where it has another form."""
    run, facets = event["run"], event["run"]["facets"]
    recipe, _, stage = str(event["job"]["name"]).rpartition(".")
    tags = {tag["key"]: str(tag["value"]) for tag in facets["tags"]["tags"]}
    state, time = str(event["eventType"]), str(event["eventTime"])
    output = event["outputs"][0] if event.get("outputs") else None
    return AttemptRecord(
        attempt=str(run["runId"]),
        run=str(facets["parent"]["run"]["runId"]),
        recipe=recipe,
        stage=stage,
        key=tags["stage_key"],
        state=state,
        cached=tags.get("cached") == "true",
        started=time if state == "START" else before.started if before else None,
        ended=None if state == "START" else time,
        digest=str(output["facets"]["version"]["datasetVersion"]) if output else "",
        row_count=int(output["outputFacets"]["outputStatistics"]["rowCount"]) if output else 0,
        error=str(facets["errorMessage"]["message"]) if "errorMessage" in facets else "",
        model=tags.get("model"),
        model_version=int(tags["model_version"]) if "model_version" in tags else None,
    )

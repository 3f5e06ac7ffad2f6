"""Telling MLflow and lineage that a run died: they show one whose process was killed as running for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tailor_core.tracking.attempts import read_attempts, read_flow_run
from tailor_core.tracking.openlineage import Attempt, LineageLog

RUN_TAG = "tailor.run"
"""The tag of a parent run with the id that records of the home, Prefect's tags and lineage have for the same run."""

_SQLITE = "sqlite:///"


def end_killed_runs(tracking_uri: str, run_id: str, *, dry_run: bool = False) -> Iterator[str]:
    """Set what MLflow believes running of a dead run to KILLED; each run, in words.

    What MLflow raises goes through.
    """
    if tracking_uri.startswith(_SQLITE) and not Path(tracking_uri.removeprefix(_SQLITE)).exists():
        return
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri)
    for experiment in client.search_experiments():
        for parent in _search(client, experiment, f"tags.`{RUN_TAG}` = '{run_id}'"):
            children = _search(client, experiment, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
            for run in [*children, parent]:
                if run.info.status == "RUNNING":
                    if not dry_run:
                        client.set_terminated(run.info.run_id, "KILLED")
                    yield f"MLflow run {run.info.run_name}"


def abort_killed_attempts(directory: Path, run_id: str, *, dry_run: bool = False) -> Iterator[str]:
    """Add the event ABORT to what lineage believes running of a dead run; each attempt and the run, in words."""
    flow_run = read_flow_run(directory, run_id)
    if flow_run is None:
        return
    log = LineageLog(directory=directory, recipe=flow_run.recipe, run_id=run_id)
    for one in read_attempts(directory):
        if one.run == run_id and one.state == "START":
            if not dry_run:
                Attempt(log=log, stage=one.stage, key=one.key, inputs=(), run_id=one.attempt).abort()
            yield f"lineage of {one.stage}"
    if flow_run.state == "START":
        if not dry_run:
            log.abort()
        yield f"lineage of {flow_run.recipe}"
    log.close()


def _search(client: Any, experiment: Any, condition: str) -> list[Any]:
    return list(client.search_runs([experiment.experiment_id], condition))

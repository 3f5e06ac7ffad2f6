"""Telling MLflow that a run died: it shows one whose process was killed as running for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def _search(client: Any, experiment: Any, condition: str) -> list[Any]:
    return list(client.search_runs([experiment.experiment_id], condition))

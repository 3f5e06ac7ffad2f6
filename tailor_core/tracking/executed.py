"""Where MLflow has the runs in which stages were executed, by stage key."""

from __future__ import annotations

import logging
from pathlib import Path

from tailor_core.secrets import masked

_SQLITE = "sqlite:///"


def find_executed(tracking_uri: str, stage: str) -> dict[str, str]:
    """Stage key -> the page of the MLflow run that made it last; its id where MLflow is a file and has no pages.

    What MLflow raises goes through.
    """
    if tracking_uri.startswith(_SQLITE) and not Path(tracking_uri.removeprefix(_SQLITE)).exists():
        return {}  # asking would make it
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    found: dict[str, str] = {}
    token = None
    while experiments:
        runs = client.search_runs(
            experiments,
            f"tags.`tailor.stage` = '{stage}' and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        for run in runs:
            run_id, experiment = run.info.run_id, run.info.experiment_id
            page = f"{masked(tracking_uri).rstrip('/')}/#/experiments/{experiment}/runs/{run_id}"
            found[run.data.params.get("key", "")] = page if tracking_uri.startswith("http") else run_id
        token = runs.token
        if not token:
            break
    return found

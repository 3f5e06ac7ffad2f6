"""What a run leaves when it ends, where its surroundings fail."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.tracking.mlflow_runs import RunTracker
from tailor_core.tracking.openlineage import LineageLog
from tasks import board
from tasks.publish import publishing
from tasks.run import Run


def test_a_summary_that_prefect_and_mlflow_do_not_take_costs_a_warning(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(**_: Any) -> Any:
        raise ConnectionError("no server")

    flow_run = SimpleNamespace(id=uuid.uuid4())
    monkeypatch.setattr(board, "get_client", refuse)
    monkeypatch.setattr(board.FlowRunContext, "get", lambda: SimpleNamespace(flow_run=flow_run))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = RunTracker("http://someone:secret@127.0.0.1:9", settings.home, "toy", {})
    lineage = LineageLog(directory=settings.lineage, recipe="toy")
    recipe = make_recipe({"name": "toy"}, "toy")
    run = Run(recipe=recipe, settings=settings, store=store, tracker=tracker, lineage=lineage)
    with caplog.at_level("WARNING"), publishing(run):
        pass
    run.board.close()
    assert "what is shown in Prefect was not recorded: ConnectionError: no server" in caplog.text
    assert settings.catalog.exists()
    assert run.mlflow() == "run `none` in `http://127.0.0.1:9`", "no password is shown"

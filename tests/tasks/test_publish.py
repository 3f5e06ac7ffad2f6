"""What a run leaves when it ends, where its surroundings fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.tracking.openlineage import LineageLog
from tasks import publish
from tasks.run import Run


def test_a_summary_that_prefect_does_not_take_costs_a_warning(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(text: str, **_: str) -> None:
        raise ConnectionError(f"no server for {len(text) > 0}")

    monkeypatch.setattr(publish, "create_markdown_artifact", refuse)
    monkeypatch.setattr(publish.FlowRunContext, "get", lambda: "a flow run")
    tracker: Any = SimpleNamespace(link="run `1`")
    lineage = LineageLog(directory=settings.lineage, recipe="toy")
    recipe = make_recipe({"name": "toy"}, "toy")
    run = Run(recipe=recipe, settings=settings, store=store, tracker=tracker, lineage=lineage)
    with caplog.at_level("WARNING", logger="tailor"), publish.publishing(run):
        pass
    assert "the summary in Prefect is missing: ConnectionError: no server for True" in caplog.text
    assert settings.catalog.exists()

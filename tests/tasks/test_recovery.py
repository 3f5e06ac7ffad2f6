"""What `tailor recover` tells Prefect of a dead run, and what it must leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from prefect.states import AwaitingRetry, Pending, Running
from scripted_prefect import ScriptedPrefect, serving

from tailor_core.config.settings import Settings
from tasks import tags
from tasks.recovery import crash_flow_runs, recoverable, run_tag


@pytest.fixture
def api() -> Iterator[ScriptedPrefect]:
    scripted = ScriptedPrefect()
    with serving(scripted):
        yield scripted


@pytest.mark.parametrize("state", [Running(), Pending()], ids=lambda state: state.name)
def test_a_run_that_prefect_believes_alive_is_set_to_crashed(api: ScriptedPrefect, state: object) -> None:
    api.run.state, api.run.state_type = state, state.type  # type: ignore[assignment,attr-defined]
    assert list(crash_flow_runs("dead")) == ["Prefect flow run a run"]
    assert api.set == ["Crashed"]


def test_a_run_that_waits_to_be_retried_is_left_alone(api: ScriptedPrefect) -> None:
    """Who retries a killed run in the UI, and then recovers, must not lose the retry."""
    api.run.state, api.run.state_type = AwaitingRetry(), AwaitingRetry().type
    assert list(crash_flow_runs("dead")) == []
    assert api.set == []


def test_a_flow_run_that_is_retried_belongs_to_its_last_process_alone(
    api: ScriptedPrefect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the record of the process that was killed before would have the living run set to Crashed."""
    api.run.tags = ["kk", run_tag("killed before")]
    begun = SimpleNamespace(flow_run=SimpleNamespace(id=api.run.id, tags=list(api.run.tags)))
    monkeypatch.setattr(tags, "FlowRunContext", SimpleNamespace(get=lambda: begun))
    with recoverable(settings, ["run", "kk-tiny"]):
        assert len(api.run.tags) == 2
        assert api.run.tags[0] == "kk"
        assert api.run.tags[1].startswith(run_tag(""))
        assert api.run.tags[1] != run_tag("killed before")

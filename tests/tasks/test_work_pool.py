"""Following a run of a work pool while the Prefect server has its bad moments, as a test scripts them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import toy_stages
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Pending, Running
from scripted_prefect import ScriptedPrefect, serving

from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import MachineError, StageError
from tailor_core.stages.events import Event
from tailor_core.stages.execute import StageJob
from tailor_core.stages.placement import Placement
from tailor_core.stages.spec import make_spec
from tasks import work_pool
from tasks.work_pool import EventLog, run_in_work_pool

pytestmark = pytest.mark.integration

IN_POOL = Placement(where="work_pool", deployment="tailor-stage/gpu")


@pytest.fixture
def api() -> Iterator[ScriptedPrefect]:
    scripted = ScriptedPrefect()
    with serving(scripted):
        yield scripted


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes takes moments."""
    for name, seconds in {
        "_RETRY_SECONDS": 0.5,
        "_SHORTEST_LOOK": 0.02,
        "_LONGEST_LOOK": 0.05,
        "_CANCEL_SECONDS": 2.0,
    }.items():
        monkeypatch.setattr(work_pool, name, seconds)


@pytest.mark.parametrize("known", [0, 1, 200])
def test_each_attempt_is_a_run_of_its_own_however_many_the_server_lists(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    """It lists two hundred at most; two processes that see the same send the same."""
    keys: list[str] = []
    ended = [SimpleNamespace(id=uuid4(), state=Completed()) for _ in range(known)]

    def send(*_: object, idempotency_key: str, **__: object) -> None:
        keys.append(idempotency_key)
        raise ObjectNotFound(Exception("enough"))

    monkeypatch.setattr(work_pool, "run_deployment", send)
    for newest in (ended, ended, [SimpleNamespace(id=uuid4(), state=Completed()), *ended][: max(1, known)]):
        monkeypatch.setattr(work_pool, "_runs", lambda client, tag, newest=newest: newest)
        with pytest.raises(StageError, match="no deployment"):
            follow(settings, lambda event: None, [])
    assert keys[0] == keys[1] != keys[2]


def follow(settings: Settings, hear: Callable[[Event], None], said: list[str]) -> str:
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": 4}}, "toy")
    job = StageJob(
        spec=make_spec(toy_stages.PROBLEMS, recipe, {}),
        config=toy_stages.PROBLEMS.config,
        recipe="toy",
        home=str(settings.home),
        store=settings.store,
    )
    return run_in_work_pool(job, IN_POOL, hear, said.append)


def interrupt(event: Event) -> None:
    raise KeyboardInterrupt


def test_who_is_interrupted_has_the_run_cancelled_although_the_server_fails_at_first(
    api: ScriptedPrefect, settings: Settings
) -> None:
    api.events = [Event(kind="begin")]
    api.refuse = [500, 500]
    with pytest.raises(KeyboardInterrupt):
        follow(settings, interrupt, [])
    assert api.set == ["Cancelling"]


def test_who_is_interrupted_is_told_of_a_run_that_could_not_be_cancelled(
    api: ScriptedPrefect, settings: Settings
) -> None:
    api.events = [Event(kind="begin")]
    api.refuse = [500] * 1000
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        follow(settings, interrupt, said)
    assert f"prefect flow-run cancel {api.run.id}" in said[-1]


@pytest.mark.parametrize(
    ("state", "limit"), [(Running(), "_SILENT_SECONDS"), (Pending(), "_PENDING_SECONDS")], ids=str
)
def test_a_run_of_which_nothing_is_heard_is_given_up(
    api: ScriptedPrefect, settings: Settings, monkeypatch: pytest.MonkeyPatch, state: State[Any], limit: str
) -> None:
    """A worker that dies as it starts a run leaves it pending for ever."""
    api.run.state = state
    monkeypatch.setattr(work_pool, limit, 0.3)
    api.refuse = [500]
    with pytest.raises(MachineError, match="Nothing was heard of the stage"):
        follow(settings, lambda _: None, [])
    assert api.set == ["Crashed"]


def test_a_run_that_was_slow_to_begin_has_all_the_time_to_be_heard_of(
    api: ScriptedPrefect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_pool, "_SILENT_SECONDS", 1.5)
    api.run.state = Pending()
    threading.Timer(4.0, setattr, (api.run, "state", Running())).start()
    threading.Timer(4.5, api.events.append, (Event(kind="done"),)).start()
    follow(settings, lambda _: None, [])
    assert api.set == []


def test_the_time_that_the_server_is_away_is_no_silence_of_the_stage(
    api: ScriptedPrefect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_pool, "_SILENT_SECONDS", 1.5)
    api.events = [Event(kind="begin")]

    def go_away_for_long(event: Event) -> None:
        if event.kind == "begin":
            api.away.set()
            threading.Timer(3.0, api.away.clear).start()
            threading.Timer(3.5, end).start()

    def end() -> None:
        api.events.append(Event(kind="done"))
        api.run.state = Completed()

    said: list[str] = []
    follow(settings, go_away_for_long, said)
    assert api.set == []
    assert any("does not answer" in line for line in said)


def test_a_stage_whose_run_was_given_up_for_dead_is_ended(
    api: ScriptedPrefect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another may make it by now: after a network that was cut there would be two."""
    monkeypatch.setattr(work_pool, "BEAT_SECONDS", 0.0)
    with get_client(sync_client=True) as client:
        log = EventLog(client, api.run.id)
        log.write(Event(kind="begin"))
        api.run.state = Crashed(message="Nothing was heard")
        with pytest.raises(StageError, match=r"is Crashed by now \(Nothing was heard\)"):
            log.write(Event(kind="beat"))
    assert [event.kind for event in api.events] == ["begin", "beat"], "what it told is kept"


def test_what_a_server_that_is_away_did_not_take_is_told_when_it_is_back(api: ScriptedPrefect) -> None:
    with get_client(sync_client=True) as client:
        log = EventLog(client, api.run.id)
        api.away.set()
        log.write(Event(kind="begin"))
        api.away.clear()
        log.write(Event(kind="done"))
    assert [event.kind for event in api.events] == ["begin", "done"]

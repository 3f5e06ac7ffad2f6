"""Sends a stage to a Prefect work pool, as a run of the stage runner's deployment, and follows that run.

The stage's events travel as log records of that run, of a level of their own: they need nothing but the Prefect API,
and whoever takes up a run that goes on, after the one that sent it was killed, hears all of them from the beginning.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterTags,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterLevel,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling, Crashed
from prefect.utilities.urls import url_for

from tailor_core.errors import MachineError, StageError, TailorError
from tailor_core.records import content_id
from tailor_core.stages.below import BEAT_SECONDS, Hear
from tailor_core.stages.events import Event, read_event
from tailor_core.stages.execute import Say, StageJob
from tailor_core.stages.placement import Placement

P = ParamSpec("P")
T = TypeVar("T")

_EVENT_LEVEL = 15
"""Between what is for developers and what is for everyone, and nobody else's."""

_LOGGER = "tailor.stage"
_SHORTEST_LOOK, _LONGEST_LOOK = 0.2, 2.0
"""Seconds between two looks at a run: a twentieth of what it has taken, within these."""

_TELL_SECONDS = 60.0
_SILENT_SECONDS = 9 * BEAT_SECONDS
"""A run of which a server that answers told nothing for so long is dead, whatever Prefect believes."""

_PENDING_SECONDS = 900.0
"""A run that a worker took, and that has not begun after so long, never will: the worker died. Nodes take minutes."""

_PATIENCE_SECONDS = 600.0
"""A server that is away for so long is waited for."""

_CANCEL_SECONDS = 60.0
"""Who is interrupted waits no longer than this for a server that is to be told."""

_RETRY_SECONDS = 2.0
_NOT_THERE_YET = {StateType.SCHEDULED, StateType.PENDING}
_LIVE = {*_NOT_THERE_YET, StateType.RUNNING}


def run_in_work_pool(job: StageJob, place: Placement, hear: Hear, say: Say) -> str:
    """Have a worker run a stage, to its end; where the details are. Its events are passed on.

    A run of the same job that goes on already is followed, and none started. Whoever ends this process in good order
    (Ctrl-C, a cancellation) ends that run as well; one that is killed leaves it to the next attempt.

    StageError where there is no deployment, or the run was cancelled; MachineError where it crashed.
    """
    tag = _tag(job)
    with get_client(sync_client=True) as client:
        runs = _patiently(say, _runs, client, tag)
        live = next((run for run in runs if run.state and run.state.type in _LIVE), None)
        if live:
            say(f"{job.spec.stage}: following {_named(live)}, which makes it already")
        run = live or _patiently(say, _send, job, place, tag, runs[0].id if runs else None)
        try:
            ended, told = _follow(client, run, job.spec.stage, hear, say)
        except Exception:
            raise  # the run goes on, and the next attempt follows it
        except BaseException:
            _cancel(client, run, say)
            raise
    if not told:
        raise _ended_silently(job.spec.stage, ended)
    return _named(ended)


class EventLog:
    """Writes a stage's events to the log of a flow run. Those that the server does not take wait for its return."""

    def __init__(self, client: SyncPrefectClient, flow_run_id: UUID) -> None:
        self._client, self._flow_run_id = client, flow_run_id
        self._waiting: list[dict[str, Any]] = []
        self._last = datetime.min.replace(tzinfo=UTC)
        self._looked = time.monotonic()

    def write(self, event: Event) -> None:
        """Add an event, and send what waits.

        StageError where the run is over by now: while nothing was heard of it (a network that was cut) it was given up
        for dead, and another may make the stage already.
        """
        # Records are read in the order of their times: no two have the same.
        self._last = max(datetime.now(UTC), self._last + timedelta(microseconds=1))
        self._waiting.append(
            {
                "name": _LOGGER,
                "level": _EVENT_LEVEL,
                "message": event.to_line(),
                "timestamp": self._last.isoformat(),
                "flow_run_id": str(self._flow_run_id),
            }
        )
        with suppress(httpx.TransportError, PrefectHTTPStatusError):
            self._send()
            self._look()

    def close(self) -> None:
        """Send what waits, once the server is there."""
        _patiently(None, self._send)

    def _send(self) -> None:
        if self._waiting:
            self._client.create_logs(self._waiting)
            self._waiting.clear()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked < BEAT_SECONDS:
            return
        self._looked = now
        state = self._client.read_flow_run(self._flow_run_id).state
        if state and state.is_final():
            raise StageError(
                f"its flow run is {state.name} by now ({state.message}), and so the stage was ended"
            )


def _tag(job: StageJob) -> str:
    """The same for jobs of which one is enough: the same stage key, store and force."""
    return f"tailor-{job.spec.stage}-{job.spec.key}-{content_id([job.store, job.force], length=8)}"


def _runs(client: SyncPrefectClient, tag: str) -> list[FlowRun]:
    """The runs of a job, newest first; the last two hundred, as the server counts."""
    tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag]))
    return client.read_flow_runs(flow_run_filter=tagged, sort=FlowRunSort.EXPECTED_START_TIME_DESC)


def _send(job: StageJob, place: Placement, tag: str, newest: UUID | None) -> FlowRun:
    """The new run, after the newest of the job; where another process sends one after the same, both have the same."""
    try:
        run = run_deployment(
            place.deployment,
            parameters={
                "job": job.to_json(),
                "python": place.python,
                "time_limit": place.time_limit,
            },
            flow_run_name=f"{job.recipe} {job.spec.stage}",
            idempotency_key=f"{tag}-{newest or 0}",
            tags=[tag, job.recipe, job.spec.stage],
            timeout=0,
        )
        assert isinstance(run, FlowRun), "it is called where nothing is awaited"
        return run
    except ObjectNotFound:
        raise StageError(
            f"{job.spec.stage}: Prefect has no deployment {place.deployment!r}; run "
            "prefect deploy --all --prefect-file infra/prefect.yaml, or name another in [execution]"
        ) from None


def _cancel(client: SyncPrefectClient, run: FlowRun, say: Say) -> None:
    """Have a run end; where the server cannot be told, a person is told that the run goes on."""
    state: State[Any] = Cancelling(message="The run that sent the stage was ended.")
    try:
        _within(_CANCEL_SECONDS, None, client.set_flow_run_state, run.id, state)
    except (httpx.TransportError, PrefectHTTPStatusError) as error:
        say(
            f"{_named(run)} goes on, for the Prefect server could not be told to end it ({error!r}); do it with "
            f"`prefect flow-run cancel {run.id}`"
        )


def _follow(
    client: SyncPrefectClient, run: FlowRun, stage: str, hear: Hear, say: Say
) -> tuple[FlowRun, bool]:
    """Pass on the events of a run until its stage is done, or it has ended; the run, and whether it told how that went.

    A stage that is done is in the store. One that failed is waited for, so that the next attempt does not follow it.
    """
    heard, told, silent = 0, False, 0.0
    kind = StateType.SCHEDULED
    started = warned = time.monotonic()
    while True:
        run = _patiently(say, client.read_flow_run, run.id)
        while events := _patiently(say, _events, client, run.id, heard):
            heard, silent = heard + len(events), 0.0
            for event in events:
                told = told or event.kind in ("done", "error")
                hear(event)
            if events[-1].kind == "done":
                return run, told
        now = time.monotonic()
        if run.state is None or run.state.is_final():
            return run, told
        if run.state.type != kind or kind == StateType.SCHEDULED:  # that may take as long as it will
            kind, silent = run.state.type, 0.0
        if kind in _NOT_THERE_YET and now - warned > _TELL_SECONDS:
            warned = now
            say(f"{stage}: no worker has begun {_named(run)} yet; see to it that one of its pool runs")
        limit = _PENDING_SECONDS if kind == StateType.PENDING else _SILENT_SECONDS
        if silent > limit:
            dead: State[Any] = Crashed(message=f"Nothing was heard of the stage for {limit:g} s.")
            _patiently(say, client.set_flow_run_state, run.id, dead, force=True)
        pause = min(max(_SHORTEST_LOOK, (now - started) / 20), _LONGEST_LOOK)
        time.sleep(pause)
        silent += pause  # and not the time that a server was away: the stage could tell it nothing


def _events(client: SyncPrefectClient, flow_run_id: UUID, offset: int) -> list[Event]:
    """The next events of a run from the given one on; none where there are no more."""
    mine = LogFilter(
        flow_run_id=LogFilterFlowRunId(any_=[flow_run_id]),
        level=LogFilterLevel(ge_=_EVENT_LEVEL, le_=_EVENT_LEVEL),
    )
    found = [read_event(record.message) for record in client.read_logs(mine, offset=offset)]
    assert all(found), "nobody else writes at this level"
    return [event for event in found if event]


def _ended_silently(stage: str, run: FlowRun) -> TailorError:
    state = run.state
    told = f"{stage}: {_named(run)} ended as {state.name if state else 'unknown'} ({state.message if state else ''})"
    if state and state.type in (StateType.CANCELLED, StateType.COMPLETED, StateType.FAILED):
        return StageError(f"{told}; see its log")
    return MachineError(f"{told}; run the same again, which goes on from what it has done")


def _named(run: FlowRun) -> str:
    """The run, for a person: with a link where the server has a page."""
    return f"flow run {run.name!r} ({url_for(run) or run.id})"


def _patiently(say: Say | None, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a call to the server gives, which may be away for a while."""
    return _within(_PATIENCE_SECONDS, say, call, *args, **kwargs)


def _within(seconds: float, say: Say | None, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    until = time.monotonic() + seconds
    told = False
    while True:
        try:
            return call(*args, **kwargs)
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            refused = isinstance(error, PrefectHTTPStatusError) and error.response.status_code < 500
            if refused or time.monotonic() > until:
                raise
            if say and not told:
                say(f"the Prefect server does not answer ({error!r}); waiting for it")
                told = True
        time.sleep(_RETRY_SECONDS)

"""Runs that `tailor recover` finds, and telling Prefect that one died: it shows it as running for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from tailor_core.config.settings import Settings
from tailor_core.stages.runs import current_run_id, registered
from tasks.tags import add_tags

_UNFINISHED = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.CANCELLING,
    StateType.PAUSED,
]
_MESSAGE = "The process of this run was killed; `tailor recover` found it."


def run_tag(run_id: str) -> str:
    """The tag of the flow runs of a run."""
    return f"tailor-run-{run_id}"


@contextmanager
def recoverable(settings: Settings, command: Sequence[str]) -> Iterator[None]:
    """What runs inside is known to `tailor recover` as a run of `tailor command`, if it is not already."""
    if current_run_id():
        yield
        return
    with registered(settings, command) as record:
        # A run that is retried belonged to another process, which died.
        add_tags(run_tag(record.id), instead_of=run_tag(""))
        yield


def crash_flow_runs(run_id: str, *, dry_run: bool = False) -> Iterator[str]:
    """Set what Prefect believes unfinished of a dead run to Crashed; each task run and flow run, in words."""
    flow_filter = FlowRunFilter(tags=FlowRunFilterTags(all_=[run_tag(run_id)]))
    task_filter = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_UNFINISHED)))
    with get_client(sync_client=True) as client:
        for task in client.read_task_runs(flow_run_filter=flow_filter, task_run_filter=task_filter):
            if not dry_run:
                client.set_task_run_state(task.id, Crashed(message=_MESSAGE), force=True)
            yield f"Prefect task run {task.name}"
        for flow in client.read_flow_runs(flow_run_filter=flow_filter):
            if flow.state_type in _UNFINISHED and flow.state_type != StateType.SCHEDULED:  # a retry
                if not dry_run:
                    client.set_flow_run_state(flow.id, Crashed(message=_MESSAGE), force=True)
                yield f"Prefect flow run {flow.name}"

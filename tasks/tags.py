"""Tags of the flow run that goes on: what the UI finds it by."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext


def add_tags(*names: str) -> None:
    """Give the current flow run more tags; outside one, nothing."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    run.tags = sorted({*run.tags, *names})
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, tags=run.tags)

"""Tags of the flow run that goes on: what the UI finds it by."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext


def add_tags(*names: str, instead_of: str | None = None) -> None:
    """Give the current flow run more tags, in the place of those that begin with `instead_of`; outside one, nothing."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    kept = [tag for tag in run.tags if instead_of is None or not tag.startswith(instead_of)]
    run.tags = sorted({*kept, *names})
    with get_client(sync_client=True) as client:
        client.update_flow_run(run.id, tags=run.tags)

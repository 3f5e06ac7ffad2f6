"""A run of the command line with what it stands on: a record of it, and a Prefect server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tailor_core.config.settings import Settings


@contextmanager
def served(settings: Settings, command: list[str]) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A run of `tailor command` that `tailor recover` finds, with a Prefect server that starts meanwhile.

    Import the flow inside, and call it within what this gives.
    """
    from tailor_core.stages.runs import registered
    from tasks.server import prefect_server

    with registered(settings, command) as record, prefect_server(settings.server_log) as wait_until_ready:

        @contextmanager
        def ready() -> Iterator[None]:
            from prefect import tags

            from tasks.recovery import run_tag

            wait_until_ready()
            with tags(run_tag(record.id)):
                yield

        yield ready

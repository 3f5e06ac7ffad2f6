"""What a run shows in Prefect's UI: pages and progress, as Prefect's artifacts.

They are sent beside the work, by a thread of their own: no stage waits for it, and none fails with it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext

from tailor_core.tracking.datasets import never_failing

_CLOSING_SECONDS = 20.0
_MOST_FAILURES = 3
_PAUSE_SECONDS = 2.0
_LONGEST_PAGE = 60_000

Send = Callable[[SyncPrefectClient], None]


class Board:
    """The board of the current flow run; outside one it shows nothing.

    A page has a key, of which the UI keeps all versions, or none where another run shows the same under a key. After
    three failures in a row, such as those of a server that went away, the rest is not shown.
    """

    def __init__(self) -> None:
        context = FlowRunContext.get()
        self._flow_run: UUID | None = context.flow_run.id if context and context.flow_run else None
        self._waiting: SimpleQueue[tuple[str, Send] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._bars: dict[str, _Bar] = {}

    def show(
        self, page: Callable[[], str], *, what: str, key: str | None, about: str, task_run: UUID | None = None
    ) -> None:
        """Show a page of Markdown, made by the thread: `what` it is, for the log, and `about` what, for people."""

        def send(client: SyncPrefectClient) -> None:
            text = page()
            data = text if len(text) <= _LONGEST_PAGE else f"{text[:_LONGEST_PAGE]}\n\n(cut off)"
            client.create_artifact(
                ArtifactCreate(
                    type="markdown",
                    key=key,
                    description=about,
                    data=data,
                    flow_run_id=self._flow_run,
                    task_run_id=task_run,
                )
            )

        self._send(what, send)

    def advance(
        self, stage: str, share: float, *, key: str | None, about: str, task_run: UUID | None = None
    ) -> None:
        """Show how far a stage is, as a share of 1; every few seconds at most."""
        if self._flow_run is None:
            return
        bar = self._bars.get(stage)
        if bar is None:
            request = ArtifactCreate(
                type="progress",
                key=key,
                description=about,
                flow_run_id=self._flow_run,
                task_run_id=task_run,
            )
            bar = self._bars[stage] = _Bar(request)
        if bar.is_due(share):
            self._send(f"the progress of {stage}", bar.sender(share))

    def finish(self, stage: str) -> None:
        """Where a stage showed how far it is: it is done."""
        bar = self._bars.pop(stage, None)
        if bar:
            self._send(f"the progress of {stage}", bar.sender(1.0))

    def close(self) -> None:
        """Wait a little for what is not shown yet."""
        if self._thread:
            self._waiting.put(None)
            self._thread.join(_CLOSING_SECONDS)

    def _send(self, what: str, send: Send) -> None:
        if self._flow_run is None:
            return
        if self._thread is None:  # with the settings of Prefect that hold here
            run = copy_context().run
            self._thread = threading.Thread(target=run, args=(self._send_all,), name="board", daemon=True)
            self._thread.start()
        self._waiting.put((f"{what} in Prefect", send))

    def _send_all(self) -> None:
        failures = 0
        with never_failing("what is shown in Prefect"), get_client(sync_client=True) as client:
            while (item := self._waiting.get()) is not None:
                what, send = item
                if failures < _MOST_FAILURES:
                    failures += 1
                    with never_failing(what):
                        send(client)
                        failures = 0


class _Bar:
    """A progress artifact, made when it is first sent."""

    def __init__(self, request: ArtifactCreate) -> None:
        self._request = request
        self._made: UUID | None = None
        self._next = 0.0

    def is_due(self, share: float) -> bool:
        now = time.monotonic()
        if now < self._next and share < 1:
            return False
        self._next = now + _PAUSE_SECONDS
        return True

    def sender(self, share: float) -> Send:
        percent = round(100 * min(1.0, max(0.0, share)), 1)

        def send(client: SyncPrefectClient) -> None:
            if self._made is None:
                made = client.create_artifact(self._request.model_copy(update={"data": percent}))
                self._made = made.id
            else:
                client.update_artifact(self._made, ArtifactUpdate(data=percent))

        return send


def page_key(*names: str) -> str:
    """A key as Prefect takes it: `("kk-tiny", "warm_start")` -> `tailor-kk-tiny-warm-start`."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(["tailor", *names]).lower()).strip("-")

"""Sending events to an OpenLineage server, beside the work: no stage waits for it, and none fails with it."""

from __future__ import annotations

import os
import threading
from queue import SimpleQueue
from typing import Any

from tailor_core.tracking.datasets import never_failing

_CONFIGURED_BY = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT__TYPE")
_CLOSING_SECONDS = 5.0


class Sender:
    """One thread that hands events, in order, to the client that the environment configures.

    A server that does not answer costs nothing until `close`, which gives up after a few seconds.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Any] = SimpleQueue()
        self._unsent = 0
        self._thread = threading.Thread(target=self._send_all, name="openlineage", daemon=True)
        self._thread.start()

    def send(self, event: Any) -> None:
        """Have an event sent."""
        self._unsent += 1
        self._waiting.put(event)

    def close(self) -> int:
        """Wait a little for what is not sent yet; how many events were not."""
        self._waiting.put(None)
        self._thread.join(_CLOSING_SECONDS)
        return self._unsent

    def _send_all(self) -> None:
        client: Any = None
        while (event := self._waiting.get()) is not None:
            with never_failing("an OpenLineage event on the server"):
                client = client or _client()
                client.emit(event)
                self._unsent -= 1


def open_sender() -> Sender | None:
    """A sender where the environment configures an OpenLineage client, else None."""
    return Sender() if any(name in os.environ for name in _CONFIGURED_BY) else None


def _client() -> Any:
    from openlineage.client import OpenLineageClient

    return OpenLineageClient()

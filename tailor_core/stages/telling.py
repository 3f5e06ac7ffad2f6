"""How a process tells another of its work: events on a stdout that is kept for them."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping
from typing import TextIO

from tailor_core.stages.context import Track
from tailor_core.stages.events import Event


class Teller:
    """Writes events; a stage may have threads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def tell(self, event: Event) -> None:
        with self._lock:
            print(event.to_line(), file=self._stream, flush=True)

    def begin(self) -> Track:
        self.tell(Event(kind="begin"))
        return self.track

    def track(self, metrics: Mapping[str, float], step: int) -> None:
        values = {name: float(value) for name, value in metrics.items()}
        self.tell(Event(kind="metrics", metrics=values, step=step))

    def say(self, message: str) -> None:
        print(message, file=sys.stderr)  # noqa: T201
        self.tell(Event(kind="say", text=message))


def own_stdout() -> TextIO:
    """The stdout of this process for events alone: whatever else is written there goes to stderr from now on."""
    sys.stdout.flush()
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def pass_on_logs(teller: Teller) -> None:
    """What the library logs for a person, in the run that wants the stage as it would be there."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            teller.say(self.format(record))

    handler = Handler()
    for name, level in (("tailor", logging.INFO), ("tailor_core", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False

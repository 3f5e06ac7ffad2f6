"""A command below this process that tells of its work in events, and of which nothing outlives this process.

It runs below two guardians (`inference.guardian`).
"""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tailor_core.inference.guardian import guarded
from tailor_core.stages.events import Event, read_event

Hear = Callable[[Event], None]

BEAT_SECONDS = 10.0
"""A command that has nothing to tell lets hear from it as often."""

_STOP_SECONDS = 10.0
"""For it to end in good order, and to remove what it has half-written."""

_GUARDIANS_SECONDS = 20.0
"""The guardians need some more to end what is left."""

_SHOWN = 300


def run_below(
    command: Sequence[str], log: Path, hear: Hear, *, time_limit: float | None = None
) -> tuple[bool, int | None]:
    """Run a command to its end: whether it told how its work went, and its exit status; None where time was up before.

    log:        gets its stderr
    hear:       is given the events that it writes to stdout, a line each, and beats where there are none
    time_limit: seconds after which it is ended
    """
    process = _start(command, log)
    try:
        told = _listen(process, hear, time_limit)
        return (False, None) if told is None else (told, process.wait())
    finally:
        _stop(process)


def last_words(log: Path) -> str:
    """The last line of a log, cut short where it is long."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    lines = [line.strip() for line in text.splitlines()]
    return next((line[:_SHOWN] for line in reversed(lines) if line), "it wrote nothing")


def _start(command: Sequence[str], log: Path) -> subprocess.Popen[str]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            guarded(command, _STOP_SECONDS),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the run, which then ends the command
        )


def _listen(process: subprocess.Popen[str], hear: Hear, time_limit: float | None) -> bool | None:
    """Pass on events until the command has ended: whether it told how it went; None where time was up before."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    end = None if time_limit is None else time.monotonic() + time_limit
    told = False
    while True:
        left = BEAT_SECONDS if end is None else min(BEAT_SECONDS, end - time.monotonic())
        if left <= 0:
            return None
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            hear(Event(kind="beat"))
            continue
        if not line:
            return told
        event = read_event(line)
        if event:
            told = told or event.kind in ("done", "error")
            hear(event)


def _read(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    """Each line that comes, and an empty one at the end."""
    assert process.stdout
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def _stop(process: subprocess.Popen[str]) -> None:
    """End the guardians where they still are, and with them the command."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS + _GUARDIANS_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # the inner one notices, and ends the rest
            process.wait()

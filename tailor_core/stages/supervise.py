"""Runs a stage in a process of its own, whose events it passes on, and of which nothing outlives it.

Below two guardians (`inference.guardian`) runs `tailor_core.stages.worker`, in the environment of any interpreter. When
the process that supervises is killed, so is the stage, with all processes that it started.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tailor_core.config.settings import Settings
from tailor_core.errors import MachineError, StageError, TailorError
from tailor_core.stages.events import Event, read_event
from tailor_core.stages.execute import StageJob
from tailor_core.stages.placement import find_interpreter

Hear = Callable[[Event], None]

BEAT_SECONDS = 10.0
"""A stage that has nothing to tell lets hear from it as often."""

_STOP_SECONDS = 10.0
"""For the stage to end in good order, and to remove what it has half-written."""

_GUARDIANS_SECONDS = 20.0
"""The guardians need some more to end what is left."""

_SHOWN = 300


def supervise(job: StageJob, hear: Hear, *, python: str = "", time_limit: float | None = None) -> Path:
    """Run a stage to its end; where its stderr is kept. Its events, the last of which says how it went, are passed on.

    python:     the interpreter; that of this process where it is empty
    time_limit: seconds after which it is ended

    RecipeError where there is no such interpreter, StageError where the stage took too long or ended without a word,
    MachineError where it was killed.
    """
    interpreter = find_interpreter(python)
    file, log = _files(job)
    file.write_text(json.dumps(job.to_json()), encoding="utf-8")
    process = _start([interpreter, "-m", "tailor_core.stages.worker", str(file)], log)
    try:
        told = _listen(process, hear, time_limit)
        if told is None:
            raise StageError(
                f"{job.spec.stage}: it was still at work after execution.time_limit = {time_limit:g} seconds; what it "
                "has done so far is kept: raise the limit and run the same again"
            )
        status = process.wait()
    finally:
        _stop(process)
        file.unlink(missing_ok=True)
    if not told:
        raise _ended_silently(job.spec.stage, status, log)
    return log


def _files(job: StageJob) -> tuple[Path, Path]:
    """Where the job is written, and what the worker prints."""
    directory = Settings(home=Path(job.home), store=job.store).stages
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{job.spec.stage}-{job.spec.key[:12]}-{os.getpid()}"
    return directory / f"{name}.json", directory / f"{name}.log"


def _start(command: list[str], log: Path) -> subprocess.Popen[str]:
    guardian = ["-m", "tailor_core.inference.guardian", str(os.getpid()), str(_STOP_SECONDS)]
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, *guardian, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the run, which then ends the stage
        )


def _listen(process: subprocess.Popen[str], hear: Hear, time_limit: float | None) -> bool | None:
    """Pass on events until the stage has ended: whether it told how it went; None where time was up before."""
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
    """End the guardians where they still are, and with them the stage."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS + _GUARDIANS_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # the inner one notices, and ends the rest
            process.wait()


def _ended_silently(stage: str, status: int, log: Path) -> TailorError:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    words = next((line[:_SHOWN] for line in reversed(lines) if line), "it wrote nothing")
    if status > 128:
        return MachineError(
            f"{stage}: its process was ended by signal {status - 128} ({words}), by a person or for want of memory; "
            f"see {str(log)!r}, and run the same again, which goes on from what it has done"
        )
    return StageError(f"{stage}: its process ended with status {status} ({words}); see {str(log)!r}")

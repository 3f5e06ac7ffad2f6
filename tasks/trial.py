"""A trial of a study as a Prefect task run, in a process of its own: no model of one meets another's random generators.

Nothing of it outlives the study: it runs below two guardians, which end it when the study's process is gone, whoever
ended that.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prefect import Task
from prefect.cache_policies import NO_CACHE

from tailor_core.errors import StageError
from tailor_core.inference.guardian import guarded
from tailor_core.stages.below import last_words

ENDED = 2
"""The exit status of a run that ends with one sentence: it is to be told, and the study goes on."""

_SENTENCE = "tailor: "
_STOP_SECONDS = 10
"""For a trial to end in good order, and to remove what it has half-written."""


class Processes:
    """The processes of trials that go on. `end` ends them, and no other begins after that."""

    def __init__(self) -> None:
        self._going: set[subprocess.Popen[bytes]] = set()
        self._ended = False
        self._lock = threading.Lock()

    def run(self, command: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
        """Run a command to its end, all that it prints into `log`; its exit status, 128 + the signal that killed it."""
        process = self._start(command, log, variables)
        try:
            return process.wait()
        finally:
            with self._lock:
                self._going.discard(process)

    def end(self) -> None:
        """Have all of them end; whoever waits for them goes on."""
        with self._lock:
            self._ended = True
            for process in self._going:
                process.terminate()

    def _start(
        self, command: Sequence[str], log: Path, variables: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        with self._lock, log.open("wb") as stream:
            if self._ended:
                raise StageError("the study was ended before this trial began; run the same again")
            process = subprocess.Popen(
                guarded(command, _STOP_SECONDS),
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the study, which then ends its trials
            )
            self._going.add(process)
        return process


def _run(
    name: str,
    command: Sequence[str],
    log: Path,
    variables: Mapping[str, str],
    processes: Processes,
    begin: Callable[[str], None],
) -> str:
    """The sentence with which the run ended; empty where it came to its end. StageError where it crashed.

    `begin` is told its name when its turn has come.
    """
    begin(name)
    status = processes.run(command, log, variables)
    if status == ENDED:
        return _sentence(log)
    if status:
        raise StageError(
            f"{name}: its process ended with status {status} ({last_words(log)}); see {str(log)!r}, and run the same "
            "again, which goes on from what it has done"
        )
    return ""


def _sentence(log: Path) -> str:
    """What a run said last to whoever called it."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.removeprefix(_SENTENCE) for line in lines if line.startswith(_SENTENCE)]
    return said[-1] if said else last_words(log)


TRIAL = Task(
    fn=_run,
    name="trial",
    description="Run a trial of a study in a process of its own",
    task_run_name="{name}",
    cache_policy=NO_CACHE,
    log_prints=False,
)

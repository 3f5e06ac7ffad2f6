"""`python -m tailor_core.stages.worker job.json`: run one stage in a process of its own.

That process may be in another environment. Each line on stdout is an event (`stages.events`), the last one the
artifact's reference and whether it was a hit. What the stage itself prints goes to stderr. A mistake that the user
can mend is one sentence on stderr, an event, and exit 2.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from tailor_core.config.settings import Settings, prepare_process
from tailor_core.errors import StageError, TailorError
from tailor_core.stages.context import Track
from tailor_core.stages.events import Event
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.fingerprint import code_digests, library_versions
from tailor_core.stages.spec import StageSpec


def main(arguments: list[str]) -> int:
    """Run the job in the file that the only argument names; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m tailor_core.stages.worker job.json", file=sys.stderr)  # noqa: T201
        return 2
    try:
        job = StageJob.from_json(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{arguments[0]!r} holds no stage job ({error}); give one that Tailor wrote", file=sys.stderr)  # noqa: T201
        return 2
    prepare_process(Settings(home=Path(job.home), store=job.store))
    # What is half-written is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with _own_stdout() as stdout:
        teller = _Teller(stdout)
        _pass_on_logs(teller)
        try:
            check_environment(job.spec)
            outcome = execute(job, begin=teller.begin, say=teller.say)
        except Exception as error:
            teller.tell(Event.of_error(error))
            if isinstance(error, TailorError):
                print(error, file=sys.stderr)  # noqa: T201
                return 2
            raise
        teller.tell(Event(kind="done", ref=outcome.manifest.ref.to_json(), hit=outcome.hit))
    return 0


def check_environment(spec: StageSpec) -> None:
    """StageError where this environment has other code or libraries than the key says: it would make something else."""
    for what, wanted, here in (
        ("libraries", spec.libraries, library_versions(spec.libraries)),
        ("code", spec.code, code_digests(spec.code)),
    ):
        differing = [name for name in wanted if wanted[name] != here[name]]
        if differing:
            told = ", ".join(f"{name} {here[name]} instead of {wanted[name]}" for name in differing[:3])
            more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
            raise StageError(
                f"{spec.stage}: the environment of {sys.executable!r} has other {what} than the run that sent the "
                f"stage there ({told}{more}); install the same, or name that interpreter in [execution]"
            )


class _Teller:
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


def _own_stdout() -> TextIO:
    """The stdout of this process for events alone: whatever else is written there goes to stderr from now on."""
    sys.stdout.flush()
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _pass_on_logs(teller: _Teller) -> None:
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The runs of a home that have begun and not ended: a record of each, and a lock that it holds while it lives.

A run that ends, well or by an exception, tells everyone and takes its record away. One that was killed leaves it: a
record whose lock nobody holds is of a dead run, and says how to run it again.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tailor_core.artifacts.locks import BusyError, held
from tailor_core.artifacts.refs import is_name
from tailor_core.config.settings import Settings

_DIRECTORY = "runs"
_current: ContextVar[str] = ContextVar("run_id", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run that began.

    command, store, directory: what `tailor` was given, `run kk-tiny --set seed=3`, and where it was called: paths in
        the command may be relative to that
    host, process, started: who runs it, and since when (UTC, ISO 8601)
    recovered: whether Prefect and MLflow have been told that it died
    done: whether another run has done its work since
    """

    id: str
    command: tuple[str, ...]
    store: str
    host: str
    process: int
    started: str
    directory: str = ""
    recovered: bool = False
    done: bool = False

    @property
    def work(self) -> tuple[tuple[str, ...], str, str]:
        """What it does: two runs of the same work make the same."""
        return self.command, self.store, self.directory

    def __str__(self) -> str:
        command = shlex.join(["tailor", *self.command])
        return f"run {self.id} of `{command}` (process {self.process} on {self.host} since {self.started})"


@contextmanager
def registered(settings: Settings, command: Sequence[str]) -> Iterator[RunRecord]:
    """A run of `tailor command`, known as alive for as long as the context lasts.

    When it ends well, killed runs of the same work need not be resumed any more: what they began is done.
    """
    record = RunRecord(
        id=str(uuid.uuid4()),
        command=tuple(command),
        store=settings.store,
        directory=str(Path.cwd()),
        host=platform.node(),
        process=os.getpid(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    with held(_lock_file(settings, record), str(record)):
        _write(settings, record)
        token = _current.set(record.id)
        try:
            yield record
            _note_done(settings, record)
        finally:
            _current.reset(token)
            forget(settings, record)
            _lock_file(settings, record).unlink(missing_ok=True)


def current_run_id() -> str:
    """The id of the registered run that this code belongs to; empty outside one."""
    return _current.get()


def read_records(settings: Settings) -> list[RunRecord]:
    """All records of a home, oldest first; what cannot be read is left out."""
    found = []
    for path in (settings.home / _DIRECTORY).glob("*.json"):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            record = RunRecord(**{**value, "command": tuple(value["command"])})
            if record.id == path.stem and is_name(record.id.replace("-", "_")):  # it names files
                found.append(record)
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return sorted(found, key=lambda record: (record.started, record.id))


@contextmanager
def held_dead(settings: Settings, record: RunRecord) -> Iterator[RunRecord | None]:
    """The record of a run that died, and nobody else recovers it meanwhile; None where it lives or has ended.

    Of a run on another host nothing is known: its lock is not seen from here.
    """
    if record.host != platform.node():
        yield None
        return
    try:
        with held(_lock_file(settings, record), str(record), timeout=0):
            yield next((now for now in read_records(settings) if now.id == record.id), None)
    except BusyError:
        yield None


def mark_recovered(settings: Settings, record: RunRecord) -> None:
    """Note that everyone was told of a run's death; its record stays if there is something to resume."""
    if record.done:
        forget(settings, record)
    else:
        _write(settings, replace(record, recovered=True))


def _note_done(settings: Settings, record: RunRecord) -> None:
    for other in read_records(settings):
        if other.work == record.work and other.recovered:
            forget(settings, other)
        elif other.work == record.work and other.id != record.id:
            with held_dead(settings, other) as dead:
                if dead:
                    _write(settings, replace(dead, done=True))


def forget(settings: Settings, record: RunRecord) -> None:
    """Take a record away."""
    _path(settings, record).unlink(missing_ok=True)


def _path(settings: Settings, record: RunRecord) -> Path:
    return settings.home / _DIRECTORY / f"{record.id}.json"


def _lock_file(settings: Settings, record: RunRecord) -> Path:
    return settings.locks / f"run-{record.id}.lock"


def _write(settings: Settings, record: RunRecord) -> None:
    path = _path(settings, record)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(record)), encoding="utf-8")
    partial.replace(path)

"""One writer at a time, on one host: locks that die with their holder.

`flock` (through filelock) belongs to the open file, so the kernel releases it however a process ends, and a
lock file that was left behind means nothing. The holder writes who it is into a file beside it, for the
message that a waiter shows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tailor_core.errors import ArtifactError

_FIRST_TRY_SECONDS = 0.2


class BusyError(ArtifactError):
    """Another process holds the lock, and waiting had an end."""


@contextmanager
def held(
    path: Path, what: str, *, on_wait: Callable[[str], None] | None = None, timeout: float = -1
) -> Iterator[None]:
    """Hold the lock file `path`; wait for another holder, for ever by default, after telling `on_wait` once.

    `what` says in words what is locked. BusyError where `timeout` (seconds) passes first, ArtifactError where
    the lock file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        _acquire(lock, path, what, on_wait, timeout)
    except OSError as error:
        raise ArtifactError(
            f"{what} cannot be locked: {str(path)!r} is not writable ({error.strerror or error}); make its "
            "directory writable or choose another home"
        ) from error
    try:
        with suppress(OSError):  # a full disk: the lock holds all the same
            _holder_file(path).write_text(f"process {os.getpid()} since {time.strftime('%H:%M:%S')}")
        yield
    finally:
        _holder_file(path).unlink(missing_ok=True)
        lock.release()


def _acquire(
    lock: FileLock, path: Path, what: str, on_wait: Callable[[str], None] | None, timeout: float
) -> None:
    first = _FIRST_TRY_SECONDS if timeout < 0 else min(timeout, _FIRST_TRY_SECONDS)
    try:
        lock.acquire(timeout=first)
        return
    except Timeout:
        if on_wait:
            on_wait(f"{what} is being made by {_holder(path)}; waiting for it")
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise BusyError(
            f"{what} is still being made by {_holder(path)} after {timeout:g} s; wait for it or end it"
        ) from None


def _holder_file(path: Path) -> Path:
    return path.with_suffix(".holder")


def _holder(path: Path) -> str:
    try:
        return _holder_file(path).read_text() or "another process"
    except OSError:
        return "another process"

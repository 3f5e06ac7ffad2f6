"""One task run at a time on a cache key: Prefect's lock manager on locks that die with their holder.

Prefect's own file lock stays for ever when its holder is killed. Here the kernel holds it: whatever ends a process,
whoever waits goes on at once, finds what the other left, and takes the reference from Prefect's cache where it is done.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

from tailor_core.artifacts.locks import BusyError, held
from tasks.run import current_run, progress

_PAUSE_SECONDS = 0.05


class KernelLocks:
    """Prefect's `LockManager` protocol, one lock file a key in the current run's home."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, AbstractContextManager[None]]] = {}

    def __deepcopy__(self, memo: Any) -> Self:
        """Cache policies are copied; what is held is held by the process."""
        return self

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Wait for the lock, for ever by default; False where `acquire_timeout` (seconds) passes first.

        A lock is held until it is released or its process ends: there is no `hold_timeout`.
        """
        return self._acquire(key, holder, acquire_timeout, progress.info)

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """`acquire_lock`, while other coroutines go on."""
        return self._acquire(key, holder, 0, progress.info) or await _until(
            lambda: self._acquire(key, holder, 0), acquire_timeout
        )

    def release_lock(self, key: str, holder: str) -> None:
        """Let the next one in. ValueError where `holder` does not hold the lock."""
        if not self.is_lock_holder(key, holder):
            raise ValueError(f"{holder!r} does not hold the lock on {key!r}")
        _, lock = self._held.pop(key)
        lock.__exit__(None, None, None)

    def is_locked(self, key: str) -> bool:
        """Whether anyone holds the lock, in this process or another."""
        return not self.wait_for_lock(key, 0)

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Whether `holder` has acquired the lock and not released it."""
        return key in self._held and self._held[key][0] == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock; False where `timeout` (seconds) passes first."""
        try:
            with held(_file(key), key, timeout=_seconds(timeout)):
                return True
        except BusyError:
            return False

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """`wait_for_lock`, while other coroutines go on."""
        return await _until(lambda: self.wait_for_lock(key, 0), timeout)

    def _acquire(
        self, key: str, holder: str, timeout: float | None, say: Callable[[str], None] | None = None
    ) -> bool:
        if self.is_lock_holder(key, holder):
            return True
        lock = held(_file(key), key, on_wait=say, timeout=_seconds(timeout))
        try:
            lock.__enter__()
        except BusyError:
            return False
        self._held[key] = (holder, lock)
        return True


async def _until(attempt: Callable[[], bool], timeout: float | None) -> bool:
    """Try again and again; False where `timeout` (seconds) passes first.

    No thread waits, so a coroutine that is cancelled meanwhile leaves nothing held.
    """
    end = math.inf if timeout is None else time.monotonic() + timeout
    while not attempt():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    return True


def _file(key: str) -> Path:
    return current_run().settings.locks / f"{key}.lock"


def _seconds(timeout: float | None) -> float:
    """For ever is -1."""
    return -1 if timeout is None else timeout

"""Prefect's lock manager on kernel locks: one holder a key, and none that outlives its process."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from prefect.locking.protocol import LockManager

from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tasks.locks import KernelLocks
from tasks.run import Run, _current

KEY = "tailor-problems-abc"
HOLD = """
import sys
from pathlib import Path
from tailor_core.config.settings import Settings
from tests.tasks.test_prefect_locks import in_run
from tasks.locks import KernelLocks
locks = KernelLocks()
with in_run(Settings(home=Path(sys.argv[1]), store=sys.argv[1])):
    assert locks.acquire_lock(sys.argv[2], "holder")
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def in_run(settings: Settings) -> Iterator[None]:
    """A run without trackers."""
    silent: Any = None
    recipe = make_recipe({"name": "toy"}, "toy")
    run = Run(recipe=recipe, settings=settings, store=Store(settings.store), tracker=silent, lineage=silent)
    token = _current.set(run)
    yield
    _current.reset(token)


@pytest.fixture(autouse=True)
def in_a_run(settings: Settings) -> Iterator[None]:
    with in_run(settings):
        yield


@pytest.fixture
def other(settings: Settings, python_environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock on the key until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home), KEY],
        env=python_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_it_is_what_prefect_asks_for_and_survives_the_copy_that_prefect_makes() -> None:
    locks = KernelLocks()
    assert isinstance(locks, LockManager)
    assert copy.deepcopy(locks) is locks


def test_a_lock_has_one_holder_who_alone_can_release_it() -> None:
    locks = KernelLocks()
    assert not locks.is_locked(KEY)
    assert locks.acquire_lock(KEY, "one")
    assert locks.acquire_lock(KEY, "one"), "who holds it holds it"
    assert locks.is_lock_holder(KEY, "one")
    assert locks.is_locked(KEY)
    assert not locks.is_lock_holder(KEY, "two")
    assert not locks.acquire_lock(KEY, "two", acquire_timeout=0)
    with pytest.raises(ValueError, match="'two' does not hold"):
        locks.release_lock(KEY, "two")
    assert locks.acquire_lock("tailor-another", "two")
    locks.release_lock(KEY, "one")
    assert not locks.is_locked(KEY)
    assert locks.acquire_lock(KEY, "two")


@pytest.mark.integration
def test_other_processes_are_kept_out_until_the_holder_is_killed(other: subprocess.Popen[str]) -> None:
    locks = KernelLocks()
    assert locks.is_locked(KEY)
    assert not locks.acquire_lock(KEY, "me", acquire_timeout=0.1)
    assert not locks.wait_for_lock(KEY, timeout=0)
    os.kill(other.pid, signal.SIGKILL)
    assert locks.acquire_lock(KEY, "me")
    assert locks.is_lock_holder(KEY, "me")
    locks.release_lock(KEY, "me")


@pytest.mark.integration
def test_who_waits_is_told_for_whom_and_goes_on_when_that_one_is_killed(
    other: subprocess.Popen[str], caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    locks = KernelLocks()
    with caplog.at_level("INFO", logger="tailor"):
        killer = threading.Thread(target=_kill_once_told, args=(caplog, other.pid))
        killer.start()
        assert locks.acquire_lock(KEY, "me")
        killer.join()
    assert f"is being made by process {other.pid}" in caplog.text
    assert (settings.locks / f"{KEY}.lock").exists()


@pytest.mark.integration
@pytest.mark.parametrize("acquire", [True, False], ids=["acquire", "wait"])
def test_a_coroutine_that_waits_lets_others_go_on(other: subprocess.Popen[str], acquire: bool) -> None:
    """Were the event loop held up, nobody would kill the holder, and the time would pass."""
    locks = KernelLocks()

    async def both() -> bool:
        wait = locks.aacquire_lock(KEY, "me", 60) if acquire else locks.await_for_lock(KEY, 60)
        waiting = asyncio.create_task(wait)
        await asyncio.sleep(0)
        assert not waiting.done()
        os.kill(other.pid, signal.SIGKILL)
        return await waiting

    assert asyncio.run(both())
    assert locks.is_lock_holder(KEY, "me") == acquire


def test_waiting_in_a_coroutine_has_an_end_and_cancelling_it_leaves_nothing_held() -> None:
    locks = KernelLocks()
    assert locks.acquire_lock(KEY, "one")

    async def ask() -> None:
        assert not await locks.aacquire_lock(KEY, "two", 0)
        assert not await locks.await_for_lock(KEY, 0)
        waiting = asyncio.create_task(locks.aacquire_lock(KEY, "two"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(ask())
    locks.release_lock(KEY, "one")
    assert not locks.is_locked(KEY)


def _kill_once_told(caplog: pytest.LogCaptureFixture, process: int) -> None:
    pause = threading.Event()
    while "waiting for it" not in caplog.text:
        pause.wait(0.01)
    os.kill(process, signal.SIGKILL)

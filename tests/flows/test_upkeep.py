"""Upkeep: a run that fails every night keeps nothing else from being done, and nothing outlives what started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from flows import upkeep
from tailor_core.config.settings import Settings
from tailor_core.errors import StageError


def test_what_no_recipe_needs_is_looked_for_though_a_run_fails_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []

    def command(settings: Settings, arguments: list[str]) -> None:
        seen.append(arguments)
        if "recover" in arguments:
            raise StageError("tailor recover --resume ended with status 2; see the log")

    monkeypatch.setattr(upkeep, "command", command)
    with pytest.raises(StageError, match="recover --resume ended with status 2"):
        upkeep.upkeep.fn(home=settings.home, resume=True)
    assert seen == [["recover", "--resume"], ["store", "gc"]]


WAITING = """
import signal, sys
from flows.upkeep import command
from tailor_core.config.settings import read_settings

class Terminated(BaseException):
    pass

def end(*_):
    raise Terminated

signal.signal(signal.SIGTERM, end)  # as Prefect's engine does, to say in order that the run was cancelled
command.fn(read_settings(sys.argv[1]), ["solve", "kk"])
"""
"""A command that lasts as long as nobody closes its stdin."""


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_that_upkeep_runs_outlives_it(
    settings: Settings, python_environment: dict[str, str], how: signal.Signals
) -> None:
    reading, writing = os.pipe()
    process = psutil.Popen(
        [sys.executable, "-c", WAITING, str(settings.home)],
        env=python_environment,
        stdin=reading,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: any("solve" in one.cmdline() for one in process.children(recursive=True)))
        everyone = process.children(recursive=True)
        process.send_signal(how)
        process.wait(120)
        wait_for(lambda: not any(one.is_running() for one in everyone))
    finally:
        os.close(writing)
        os.close(reading)

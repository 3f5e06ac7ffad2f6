"""Locks: one holder at a time, and none that outlives its process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tailor_core.artifacts.locks import held
from tailor_core.errors import ArtifactError

HOLD = (
    "import sys, time, pathlib; from tailor_core.artifacts.locks import held\n"
    "with held(pathlib.Path(sys.argv[1]), 'it'):\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path: Path, python_environment: dict[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "x.lock")],
        env=python_environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_killed_holder_frees_the_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    told: list[str] = []
    got = threading.Event()

    def wait() -> None:
        with held(tmp_path / "x.lock", "problems 12ab", on_wait=told.append):
            got.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    assert not got.wait(0.5)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert got.wait(120)
    waiter.join()
    assert len(told) == 1
    assert told[0].startswith(f"problems 12ab is being made by process {holder.pid} since ")


def test_waiting_has_an_end_where_one_is_asked_for(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with (
        pytest.raises(ArtifactError, match=r"is still being made by process \d+"),
        held(tmp_path / "x.lock", "problems", timeout=0.3),
    ):
        pytest.fail("two holders")
    holder.kill()
    holder.wait()


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with held(tmp_path / "x.lock", "it"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be locked"), held(tmp_path / "file" / "x.lock", "it"):
        pytest.fail("locked")

"""Processes of trials: how they ended, and that nothing of them outlives the study."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tailor_core.errors import StageError
from tasks.trial import TRIAL, Processes

pytestmark = pytest.mark.integration

SLEEPER = """
import os, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""
"""A trial that has a child in a session of its own."""


def wait_for(path: Path) -> list[int]:
    """The processes that the sleeper told of."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if path.exists() and len(pids := path.read_text().split()) == 2:
            return list(map(int, pids))
        time.sleep(0.05)
    pytest.fail("it did not begin")


def all_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


def run(tmp_path: Path, program: str, *arguments: str, processes: Processes | None = None) -> str:
    begun: list[str] = []
    command = [sys.executable, "-c", program, *arguments]
    variables = {"TAILOR_HOME": "there"}
    ended: Any = TRIAL.fn(
        "none seed 7", command, tmp_path / "log", variables, processes or Processes(), begun.append
    )
    assert begun == ["none seed 7"]
    return str(ended)


def test_a_trial_that_goes_well_says_nothing_and_leaves_its_log(tmp_path: Path) -> None:
    assert run(tmp_path, "import os; print('at', os.environ['TAILOR_HOME'])") == ""
    assert (tmp_path / "log").read_text() == "at there\n"


def test_a_trial_that_ends_with_one_sentence_is_told_with_it(tmp_path: Path) -> None:
    program = "import sys; print('a warning\\ntailor: 3 of 4 are wrong\\nbye', file=sys.stderr); sys.exit(2)"
    assert run(tmp_path, program) == "3 of 4 are wrong"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("raise SystemExit('it broke')", r"status 1 \(it broke\); see '.*log', and run the same again"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"status 137 \(it wrote nothing\)"),
    ],
)
def test_a_trial_that_crashes_is_told_with_its_last_words(tmp_path: Path, program: str, told: str) -> None:
    with pytest.raises(StageError, match=rf"none seed 7: its process ended with {told}"):
        run(tmp_path, program)


def test_whoever_ends_the_trials_ends_all_below_them_and_no_other_begins(tmp_path: Path) -> None:
    processes, failures = Processes(), list[BaseException]()

    def go() -> None:
        try:
            run(tmp_path, SLEEPER, str(tmp_path / "pids"), processes=processes)
        except StageError as error:
            failures.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    pids = wait_for(tmp_path / "pids")
    processes.end()
    thread.join(240)
    assert all_gone(pids)
    assert "ended with status" in str(failures[0])
    with pytest.raises(StageError, match="ended before this trial began"):
        run(tmp_path, "pass", processes=processes)


def test_a_study_that_is_killed_leaves_no_trial(tmp_path: Path, python_environment: dict[str, str]) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom tasks.trial import Processes\n"
        "Processes().run([sys.executable, '-c', sys.argv[1], sys.argv[2]], Path(sys.argv[2] + '.log'), {})\n"
    )
    command = [sys.executable, "-c", program, SLEEPER, str(tmp_path / "pids")]
    study = subprocess.Popen(command, env=python_environment)
    pids = wait_for(tmp_path / "pids")
    os.kill(study.pid, signal.SIGKILL)
    study.wait()
    assert all_gone(pids)

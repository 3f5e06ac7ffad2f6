"""`tailor study` on the real recipe scaled down: interrupted, killed, resumed, run again, larger; and its failures."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tailor_core.artifacts.store import Store
from tailor_core.config.settings import read_settings
from tailor_core.stages.trials import read_artifacts

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(3600),
]  # a dozen programs, one after the other, on busy machines

STUDY = """
description = "a study in small"
recipe = "small.toml"
seeds = 1
methods = ["none", "self-stitch", "rule-based"]
reference = "none"
overrides = [
  "problems.seed=7", "problems.train=20", "policy.steps=2", "policy.snapshots=1", "baselines.problems=4",
  "evaluation.samples_per_problem=2", "evaluation.wide.problems=2", "evaluation.wide.samples_per_problem=2",
  "evaluation.wide.ks=[1,2]", "baselines.samples=1", "baselines.max_tokens=8",
]
"""


@pytest.fixture
def study(small_recipe: Path) -> Path:
    path = small_recipe.parent / "toy.toml"
    path.write_text(STUDY)
    return path


def hear_interrupts() -> None:
    """What a shell starts in the background, such as these tests, hears no Ctrl-C, and neither does what it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


SENTENCE = "demonstrations: of 4 answers of the model 0 are right"
"""With which self-stitch ends: the untrained model solves nothing that it could stitch."""


class Shell:
    """`tailor` with a home of its own."""

    def __init__(self, environment: dict[str, str], home: Path) -> None:
        self.environment = {**environment, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
        self.home = home

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments, "--home", str(self.home)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_interrupts,
        )

    def run(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        """What it printed to stdout and stderr."""
        process = self.begin(*arguments)
        told = process.communicate()
        assert process.returncode == status, told[1][-3000:]
        return told


@pytest.fixture
def shell(python_environment: dict[str, str], tmp_path: Path) -> Shell:
    return Shell(python_environment, tmp_path / "home")


def begun(stderr: str) -> list[str]:
    """The trials that were run, from the lines of progress."""
    return re.findall(r"^\S+  (.+ seed \d+) \.\.\.$", stderr, re.MULTILINE)


def wait_for(found: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 1200
    while not found():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.1)


def trials_below(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The trials that a study runs, without their guardians."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.NoSuchProcess:
            continue
        if "flows.trial" in command and "tailor_core.inference.guardian" not in command:
            found.append(child)
    return found


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_an_interrupted_study_says_how_to_go_on_and_ends_its_trials(
    study: Path, shell: Shell, how: signal.Signals, status: int
) -> None:
    process = shell.begin("study", str(study), "--set", 'methods=["none"]')
    wait_for(lambda: trials_below(process), "the trial")
    everyone = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(how)
    _, said = process.communicate()
    assert process.returncode == status, said[-3000:]
    assert "interrupted, and so are its trials: run the same again, which goes on\n" in said
    assert "Traceback" not in said
    wait_for(lambda: not any(one.is_running() for one in everyone), "the end of all trials")
    assert not list(Store(str(shell.home / "store")).manifests("policy")), "it did not wait for the trial"


def test_a_killed_study_goes_on_and_runs_nothing_twice(study: Path, shell: Shell) -> None:
    store = Store(str(shell.home / "store"))
    process = shell.begin("study", str(study))
    wait_for(lambda: list(store.manifests("probe")), "the probe of the first trial")
    everyone = psutil.Process(process.pid).children(recursive=True)
    assert trials_below(process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not any(one.is_running() for one in everyone), "the end of all trials")

    recovered, _ = shell.run("recover")
    assert "--resume would run again: run " in recovered
    assert f"`tailor study {study}`" in recovered
    told, resumed = shell.run("recover", "--resume")
    assert begun(resumed) == ["none seed 7", "self-stitch seed 7", "rule-based seed 7"]
    check_a_sentence(told)
    assert "probe           made" not in trial_logs(shell), "it was made before the kill"
    assert not list((shell.home / "runs").glob("*.json")), "nothing is left to resume"

    told, again = shell.run("study", str(study))
    assert begun(again) == []
    assert again.count(" hit ") == 3
    check_a_sentence(told)
    check_page(shell, told)
    check_what_stays(shell, store)
    check_plans(study, shell)
    check_a_crash(study, shell)


def trial_logs(shell: Shell) -> str:
    return "".join(path.read_text() for path in (shell.home / "studies" / "toy").glob("*.log"))


def check_a_sentence(told: str) -> None:
    """A trial that cannot be is told, and the study goes on."""
    assert f"self-stitch seed 7 did not come to its end: {SENTENCE}" in told
    assert re.search(r"^ *self-stitch +0 of 1 +- +-", told, re.MULTILINE)


def check_page(shell: Shell, told: str) -> None:
    page = shell.home / "reports" / "study-toy" / "index.html"
    assert f"page: {page}\n" in told
    assert re.search(r"^ *rule-based +1 of 1 +[\d.]+ +[\d.]+", told, re.MULTILINE)
    assert "a study in small" in page.read_text(encoding="utf-8")
    assert [path.name for path in (shell.home / "reports").iterdir()] == ["study-toy"]


def check_what_stays(shell: Shell, store: Store) -> None:
    """`tailor store gc` is told of all that the trials came to."""
    [(name, places)] = read_artifacts(read_settings(shell.home)).items()
    assert name == "toy"
    for stage in ("policy", "evaluation"):
        made = {(stage, manifest.key) for manifest in store.manifests(stage)}
        assert len(made) == 2
        assert made < places


def check_plans(study: Path, shell: Shell) -> None:
    """Another seed runs only what is new, and a changed recipe tries again what could not be."""
    listed, _ = shell.run("study", str(study), "--set", "seeds=2", "--plan")
    assert re.search(r"^none seed 7 +hit$", listed, re.MULTILINE)
    assert re.search(r"^none seed 8 +miss +probe, policy, evaluation$", listed, re.MULTILINE)
    assert f"self-stitch seed 7  ended  {SENTENCE}" in listed
    assert listed.endswith("6 trials, 2 of them complete, 3 to run\n")
    changed, _ = shell.run("study", str(study), "--set", "baselines.max_tokens=9", "--plan")
    assert re.search(r"^self-stitch seed 7 +miss +demonstrations, ", changed, re.MULTILINE)


def check_a_crash(study: Path, shell: Shell) -> None:
    """A trial that is killed fails the study, after the others; the same again would run that trial alone."""
    larger = ("study", str(study), "--set", "seeds=2", "--set", 'methods=["none", "self-stitch"]')
    process = shell.begin(*larger)
    wait_for(lambda: trials_below(process), "the trial")
    trials_below(process)[0].kill()
    told, said = process.communicate()
    assert process.returncode == 1, said[-3000:]
    assert begun(said) == ["none seed 8", "self-stitch seed 8"], "the others go on"
    assert "none seed 8 did not come to its end: none seed 8: its process ended with status 137" in told
    assert re.search(r"^ *none +1 of 2", told, re.MULTILINE)
    listed, _ = shell.run(*larger, "--plan")
    assert re.findall(r"^(.+?) +miss ", listed, re.MULTILINE) == ["none seed 8"]

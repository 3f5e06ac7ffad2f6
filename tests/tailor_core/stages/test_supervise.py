"""A stage in a process of its own: what it tells, how it fails, and that nothing of it is left."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import toy_stages

from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError, MachineError, RecipeError, StageError
from tailor_core.stages import below as below_module
from tailor_core.stages.events import Event, Listener, read_event
from tailor_core.stages.execute import StageJob, execute, find_intact
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import make_spec
from tailor_core.stages.supervise import supervise

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("source_in_path")]

HOLD = """
import json, sys
from tailor_core.stages.execute import StageJob
from tailor_core.stages.supervise import supervise
supervise(StageJob.from_json(json.load(open(sys.argv[1]))), print)
"""


@pytest.fixture
def source_in_path(python_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker sees what the test sees."""
    monkeypatch.setenv("PYTHONPATH", python_environment["PYTHONPATH"])


def make_job(definition: StageDefinition, settings: Settings, **problems: Any) -> StageJob:
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": 4, **problems}}, "toy")
    return StageJob(
        spec=make_spec(definition, recipe, {}),
        config=definition.config,
        recipe="toy",
        home=str(settings.home),
        store=settings.store,
    )


def told(job: StageJob, **options: Any) -> list[Event]:
    events: list[Event] = []
    supervise(job, events.append, **options)
    return events


def below(process: int) -> list[int]:
    return [child.pid for child in psutil.Process(process).children(recursive=True)]


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def test_it_makes_what_this_process_would_and_tells_of_it(settings: Settings, store: Store) -> None:
    before = set(below(os.getpid()))  # what tests before left, or is ending
    job = make_job(toy_stages.PROBLEMS, settings)
    begin, metrics, done = told(job)
    assert (begin.kind, metrics.kind, done.kind, done.hit) == ("begin", "metrics", "done", False)
    assert (metrics.metrics, metrics.step) == ({"loss": 0.5}, 1)
    made = find_intact(store, "problems", job.spec.key)
    assert made
    assert done.ref == made.ref.to_json()
    other = Settings(home=settings.home / "other", store=str(settings.home / "other" / "store"))
    assert execute(make_job(toy_stages.PROBLEMS, other)).manifest.digest == made.digest
    assert [(event.kind, event.hit) for event in told(job)] == [("done", True)]
    assert before.issuperset(below(os.getpid()))


def test_a_mistake_is_the_sentence_that_it_is_here(settings: Settings) -> None:
    job = make_job(toy_stages.LAZY, settings)
    with pytest.raises(StageError) as here:
        execute(job)
    *_, error = told(job)
    listener = Listener(lambda: lambda *_: None, print)
    listener.hear(error)
    failure = listener.failure("problems", "the log")
    assert (type(failure), str(failure)) == (StageError, str(here.value))


@pytest.mark.parametrize(
    ("raised", "expected", "sentence"),
    [
        (OSError("the disk went away"), MachineError, "problems: its process failed (OSError: the disk"),
        (ConnectionError("gone"), MachineError, "(ConnectionError: gone)"),
        (ValueError("a bug"), StageError, "problems: its process failed (ValueError: a bug); see the log"),
        (MachineError("full"), MachineError, "full"),
        (RecipeError("no such"), RecipeError, "no such"),
    ],
)
def test_what_a_stage_raised_is_tried_again_where_it_would_be_here(
    raised: Exception, expected: type[Exception], sentence: str
) -> None:
    listener = Listener(lambda: lambda *_: None, print)
    event = read_event(Event.of_error(raised).to_line())
    assert event
    listener.hear(event)
    failure = listener.failure("problems", "the log")
    assert type(failure) is expected
    assert sentence in str(failure)


def test_the_traceback_of_a_bug_is_kept(settings: Settings) -> None:
    job = make_job(toy_stages.FAILING, settings)
    events: list[Event] = []
    log = supervise(job, events.append)
    assert [event.kind for event in events] == ["begin", "error"]
    assert "OSError: the disk went away" in log.read_text()
    assert log.is_relative_to(settings.home)


def test_what_a_stage_prints_is_no_event(settings: Settings) -> None:
    job = make_job(toy_stages.TALKATIVE, settings)
    events: list[Event] = []
    log = supervise(job, events.append)
    assert [event.kind for event in events] == ["begin", "say", "done"]
    assert events[1].text == "a warning for a person"
    assert '{"kind": "done"}' in log.read_text()


def test_a_stage_that_takes_too_long_is_ended_and_goes_on_the_next_time(
    settings: Settings, store: Store, toy_log: Path
) -> None:
    before = set(below(os.getpid()))
    job = make_job(toy_stages.SLOW, settings, train=60)
    with pytest.raises(StageError, match=r"execution\.time_limit = 2 seconds; .* is kept"):
        told(job, time_limit=2)
    assert before.issuperset(below(os.getpid()))
    assert find_intact(store, "problems", job.spec.key) is None
    assert store.directory
    assert list((store.directory / ".tmp").iterdir()) == [], "it ended in good order"
    kept = len(list((settings.work / f"problems-{job.spec.key}").glob("*.part")))
    logged = toy_log.read_text().count("part")
    assert kept - 1 <= logged <= kept, "it may have been ended between a part and its line in the log"
    assert told(job)[-1].kind == "done"
    assert toy_log.read_text().count("part") - logged == 60 - kept, "no part was made twice"


def test_a_stage_that_is_killed_is_a_failure_of_the_machine(settings: Settings, toy_log: Path) -> None:
    job = make_job(toy_stages.KILLED, settings)
    with pytest.raises(MachineError, match=r"problems: its process was ended by signal 9 \(last words\)"):
        told(job)


def test_an_environment_without_tailor_is_one_sentence(settings: Settings, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho No module named tailor_core >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(StageError, match=r"ended with status 1 \(No module named tailor_core\); see"):
        told(make_job(toy_stages.PROBLEMS, settings), python=str(python))


@pytest.mark.parametrize("part", ["libraries", "code"])
def test_a_stage_is_not_made_where_code_or_libraries_differ_from_its_key(
    settings: Settings, store: Store, part: str
) -> None:
    job = make_job(toy_stages.PROBLEMS, settings)
    other = {"libraries": {"numpy": "0.1"}, "code": {**job.spec.code, "toy_stages": "another"}}[part]
    job = dataclasses.replace(job, spec=dataclasses.replace(job.spec, **{part: other}))
    *_, error = told(job)
    assert (error.kind, error.error) == ("error", "StageError")
    assert f"has other {part} than the run" in error.text
    assert "instead of" in error.text
    assert list(store.manifests()) == []


def test_whoever_is_silent_lets_hear_that_it_lives(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(below_module, "BEAT_SECONDS", 0.2)
    kinds = [event.kind for event in told(make_job(toy_stages.SLOW, settings, train=40))]
    assert kinds.count("beat") > 2


@pytest.mark.parametrize("victim", ["supervisor", "worker", "guardian"])
def test_whoever_is_killed_no_orphan_is_left(
    settings: Settings, tmp_path: Path, toy_log: Path, victim: str
) -> None:
    job = make_job(toy_stages.SLOW, settings, train=5000)
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job.to_json()))
    supervisor = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stderr=subprocess.DEVNULL)
    wait_for(lambda: "part 2\n" in toy_log.read_text(), "the stage")
    processes = below(supervisor.pid)
    outer, _, worker = processes
    os.kill({"supervisor": supervisor.pid, "worker": worker, "guardian": outer}[victim], signal.SIGKILL)
    wait_for(lambda: not any(map(psutil.pid_exists, processes)), "their end")
    assert supervisor.wait(60) != 0


def test_a_lock_that_another_process_holds_is_told(settings: Settings, toy_log: Path, tmp_path: Path) -> None:
    job = make_job(toy_stages.SLOW, settings, train=40)
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job.to_json()))
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.DEVNULL):
        wait_for(lambda: "part 2\n" in toy_log.read_text(), "the stage")
        say, done = told(job)
    assert "is being made by process" in say.text
    assert (done.kind, done.hit) == ("done", True)


def test_an_artifact_in_a_store_that_is_not_shared_is_one_sentence(
    settings: Settings, tmp_path: Path
) -> None:
    listener = Listener(lambda: lambda *_: None, print)
    for event in told(make_job(toy_stages.PROBLEMS, settings)):
        listener.hear(event)
    with pytest.raises(ArtifactError, match="give all machines a store that they share"):
        listener.outcome(Store(str(tmp_path / "elsewhere")), "problems", "key")


@pytest.mark.parametrize("line", ["", "text", "[]", '{"kind": "done", "more": 1}', "null"])
def test_a_line_that_is_no_event_is_left_out(line: str) -> None:
    assert read_event(line) is None

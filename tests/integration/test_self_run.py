"""`tailor run` with a student that teaches itself, from nothing to a report, killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from primed_student import ways, write_primed_recipe, write_primed_student
from small_run import write_backbone
from test_pipeline import outcomes, tailor

from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_records
from tailor_core.records import Demonstration, Primitive, Problem, SFTExample
from tailor_core.stages.registry import STAGES

pytestmark = pytest.mark.integration


def table(store: Store, stage: str, record: type[Any]) -> list[Any]:
    return read_records(Path(store._at(only(store, stage).ref.uri)) / f"{stage}.parquet", record)


def only(store: Store, stage: str) -> Manifest:
    (manifest,) = store.manifests(stage)
    return manifest


@pytest.mark.timeout(1800)  # a training and four programs, one after the other: busy machines take their time
def test_a_student_that_can_teaches_itself_and_a_killed_run_ends_as_an_undisturbed_one(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    recipe, backbone = tmp_path / "primed.toml", tmp_path / "student"
    backbone.mkdir()
    write_backbone(backbone)  # any model will do for the problems
    write_primed_recipe(recipe, backbone)
    place = ("--home", str(tmp_path / "home"))
    tailor(python_environment, "run", str(recipe), *place, "--until", "problems")
    store = Store(str(tmp_path / "home" / "store"))
    problems = table(store, "problems", Problem)
    write_primed_student(backbone, [problem for problem in problems if problem.split == "train"])

    whole = tailor(python_environment, "run", str(recipe), *place)
    assert set(outcomes(whole)) == set(STAGES)
    _kill_while_demonstrating(recipe, tmp_path / "other", tmp_path / "killed.log", python_environment)
    resumed = tailor(
        python_environment, "run", str(recipe), "--home", str(tmp_path / "other"), "--until", "demonstrations"
    )
    assert outcomes(resumed)["demonstrations"] == ("made", outcomes(whole)["demonstrations"][1])
    taken = [
        only(Store(str(tmp_path / home / "store")), "demonstrations").summary["metrics"]
        for home in ("home", "other")
    ]
    assert taken[0] == taken[1]
    again = tailor(python_environment, "run", str(recipe), *place)
    assert {word for word, _ in outcomes(again).values()} == {"hit"}

    library = table(store, "primitives", Primitive)
    accepted = [p for p in library if p.screening["verdict"] == "accepted"]
    assert {p.instruction for p in library} <= {way.instruction for way in ways()}
    assert len(accepted) == 2, "as a round composes them, with each value once; both are learned by heart"
    assert {row.teacher for row in table(store, "demonstrations", Demonstration)} == {"self"}
    rows = table(store, "sft_dataset", SFTExample)
    questions = {problem.question for problem in problems}
    assert rows
    assert {row.prompt[0]["content"] for row in rows} <= questions, "without the instruction"

    balance = taken[0]["balance"]
    assert balance["temperature"] == 0.5, "at 1.4 the student knows nothing by heart any more"
    page = (tmp_path / "home" / "reports" / "primed.html").read_text(encoding="utf-8")
    assert "Temperatures tried" in page
    for stage, others in (
        ("primitives", {"problems", "probe"}),
        ("demonstrations", {"problems", "primitives"}),
    ):
        assert only(store, stage).inputs.keys() == {*others, "backbone"}


def _kill_while_demonstrating(recipe: Path, home: Path, log: Path, environment: dict[str, str]) -> None:
    """Kill a run as soon as a batch of demonstrations is kept."""
    command = [sys.executable, "-m", "flows.cli", "run", str(recipe), "--home", str(home)]
    with log.open("w") as stream:
        killed = subprocess.Popen(
            [*command, "--until", "demonstrations"],
            env=environment, stdout=stream, stderr=stream, start_new_session=True,
        )  # fmt: skip
        while not list((home / "work").glob("demonstrations-*/completions/*.parquet")):
            assert killed.poll() is None, log.read_text()[-3000:]
            time.sleep(0.005)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    assert not list(Store(str(home / "store")).manifests("demonstrations"))

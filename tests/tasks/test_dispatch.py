"""The switch: a stage's artifact, metrics and failures are the same wherever it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import toy_stages

from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import MachineError, RecipeError, StageError
from tailor_core.stages import unchanged
from tailor_core.stages.execute import StageJob
from tailor_core.stages.placement import Placement
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import make_spec
from tasks.dispatch import dispatch
from tasks.run import open_run

LOCAL, BELOW = Placement(), Placement(where="subprocess")


@pytest.fixture(autouse=True)
def source_in_path(python_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker sees what the test sees."""
    monkeypatch.setenv("PYTHONPATH", python_environment["PYTHONPATH"])


def make_job(definition: StageDefinition, settings: Settings, home: str = "") -> StageJob:
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": 4}}, "toy")
    place = settings.home / home
    return StageJob(
        spec=make_spec(definition, recipe, {}),
        config=definition.config,
        recipe="toy",
        home=str(place),
        store=str(place / "store"),
    )


class Told:
    """What a stage tells the run that wants it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def begin(self) -> Callable[[Mapping[str, float], int], None]:
        self.events.append("begin")
        return lambda metrics, step: self.events.append((dict(metrics), step))


def test_a_stage_makes_and_tells_the_same_here_and_in_a_process_of_its_own(settings: Settings) -> None:
    made = []
    for place, home in ((LOCAL, "here"), (BELOW, "below")):
        told = Told()
        outcome = dispatch(make_job(toy_stages.PROBLEMS, settings, home), place, told.begin, print)
        assert told.events == ["begin", ({"loss": 0.5}, 1)]
        made.append((outcome.hit, outcome.manifest.digest, outcome.manifest.summary, outcome.manifest.key))
    assert made[0] == made[1]


def test_what_is_in_the_store_is_found_without_a_process(settings: Settings, tmp_path: Path) -> None:
    job, told = make_job(toy_stages.PROBLEMS, settings), Told()
    made = dispatch(job, LOCAL, told.begin, print)
    nowhere = dataclasses.replace(BELOW, python=str(tmp_path / "nowhere"))
    found = dispatch(job, nowhere, told.begin, print)
    assert (found.hit, found.manifest) == (True, made.manifest)
    with pytest.raises(RecipeError, match="nowhere"):
        dispatch(dataclasses.replace(job, force=True), nowhere, told.begin, print)
    assert not dispatch(dataclasses.replace(job, force=True), BELOW, told.begin, print).hit


def test_code_that_was_edited_since_is_not_run_in_this_process(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(unchanged._noted, "toy_stages", "as it was when the run began")
    with pytest.raises(
        MachineError, match="problems: the source of 'toy_stages' was changed while this run went on"
    ):
        dispatch(make_job(toy_stages.PROBLEMS, settings), LOCAL, Told().begin, print)
    assert not dispatch(make_job(toy_stages.PROBLEMS, settings), BELOW, Told().begin, print).hit


def test_a_run_notes_the_code_of_its_stages_as_it_begins(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unchanged, "_noted", {})
    with open_run(make_recipe({"name": "toy", "method": "4-star"}, "toy"), settings):
        assert {
            "tailor_core.training.grpo",
            "tailor_core.stages.baselines.four_star",
        } <= unchanged._noted.keys()


def test_a_failure_is_raised_here(settings: Settings) -> None:
    with pytest.raises(StageError, match="wrote no file"):
        dispatch(make_job(toy_stages.LAZY, settings), BELOW, Told().begin, print)
    with pytest.raises(MachineError, match=r"the disk went away\); see .*\.log"):
        dispatch(make_job(toy_stages.FAILING, settings), BELOW, Told().begin, print)

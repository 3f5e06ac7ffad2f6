"""How far a trial is: what the store lacks, and whether it would end as it did before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows import RECIPES
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings
from tailor_core.stages.trials import (
    TrialPlan,
    note_artifacts,
    plan_trial,
    read_artifacts,
    remember,
    study_directory,
)
from tailor_core.study.trials import Trial

SENTENCE = "problems: train = 9 asks for more than there are; ask for fewer"


@pytest.fixture
def directory(settings: Settings) -> Path:
    made = study_directory(settings, "mine")
    made.mkdir(parents=True)
    return made


def trial(*overrides: str) -> Trial:
    command = ("run", "kk-tiny", *(part for one in overrides for part in ("--set", one)))
    return Trial(arm="none", method="none", backbone="tiny", seed=3, overrides=overrides, command=command)


def plan(store: Store, directory: Path, *overrides: str) -> TrialPlan:
    return plan_trial(trial("method=none", *overrides), RECIPES, store, directory)


def test_of_a_trial_that_was_never_run_every_stage_of_its_method_is_missing(
    store: Store, directory: Path
) -> None:
    found = plan(store, directory)
    assert found.missing == ["problems", "backbone", "probe", "policy", "evaluation"]
    assert not found.settled
    assert found.trial == trial("method=none")


def test_what_a_stage_said_is_recalled_for_as_long_as_the_trial_comes_to_the_same(
    store: Store, directory: Path
) -> None:
    before = plan(store, directory)
    remember(before, SENTENCE)
    again = plan(store, directory)
    assert again.settled
    assert again.trial == replace(before.trial, reason=SENTENCE)
    assert not plan(store, directory, "problems.train=10").settled, "another trial"


def test_a_stage_with_another_key_is_tried_again(
    store: Store, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(plan(store, directory), SENTENCE)
    monkeypatch.setattr("tailor_core.stages.spec.code_fingerprint", lambda module: {module: "changed"})
    assert not plan(store, directory).settled


@pytest.mark.parametrize(
    "sentence", ["the Prefect server of this run did not answer", "selection kept none of 3 demonstrations"]
)
def test_what_is_not_about_the_stage_that_is_next_may_pass_and_is_not_kept(
    store: Store, directory: Path, sentence: str
) -> None:
    remember(plan(store, directory), sentence)
    assert not plan(store, directory).settled


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "problems"}'])
def test_a_torn_file_says_nothing(store: Store, directory: Path, text: str) -> None:
    remember(plan(store, directory), SENTENCE)
    [file] = directory.iterdir()
    file.write_text(text)
    assert not plan(store, directory).settled


def test_artifacts_are_known_by_study_of_those_trials_that_came_to_their_end(
    store: Store, settings: Settings
) -> None:
    mine, theirs = study_directory(settings, "mine"), study_directory(settings, "theirs")
    first, second, never = (plan(store, mine, f"problems.seed={seed}") for seed in range(3))
    for number, one in enumerate((first, second, plan(store, theirs))):
        ref = ArtifactRef(stage="policy", key=str(number) * 64, digest="d" * 64, uri="")
        note_artifacts(replace(one, trial=replace(one.trial, refs={"policy": ref})))
    note_artifacts(never)
    remember(never, SENTENCE)
    (mine / "torn.json").write_text('{"artifacts": [["policy')
    assert read_artifacts(settings) == {
        "mine": {("policy", "0" * 64), ("policy", "1" * 64)},
        "theirs": {("policy", "2" * 64)},
    }
    assert not list(mine.glob("*.partial"))

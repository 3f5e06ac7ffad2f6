"""The studies that ship: each loads, expands and plans, and defaults are what the recipes have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flows import RECIPES, STUDIES
from tailor_core.artifacts.store import Store
from tailor_core.config.load import load_recipe, names_in
from tailor_core.config.settings import Settings
from tailor_core.config.study import load_study
from tailor_core.stages.trials import plan_trial, study_directory
from tailor_core.study.trials import expand

NAMES = names_in(STUDIES)


def test_the_studies_that_the_readme_names_are_there() -> None:
    assert {"kk-tiny", "igsm-tiny", "kk-tiny-ablations", "igsm-tiny-ablations", "kk-smollm2"} < set(NAMES)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| study | what it compares |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.count("|") > 2]
    assert {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_study_loads_expands_and_plans(name: str, settings: Settings, store: Store) -> None:
    study = load_study(name, STUDIES)
    assert study.description
    trials = expand(study, RECIPES)
    seeds = study.seeds if isinstance(study.seeds, int) else len(study.seeds)
    assert len(trials) == seeds * len(study.all_arms()) * max(1, len(study.backbones))
    for trial in trials[:: max(1, len(trials) // 3)]:
        plan = plan_trial(trial, RECIPES, store, study_directory(settings, name))
        assert plan.missing[-1] == "evaluation"


@pytest.mark.parametrize("name", NAMES)
def test_the_default_of_a_sweep_is_what_the_methods_own_arm_has(name: str) -> None:
    study = load_study(name, STUDIES)
    for sweep in study.sweeps.values():
        own = [f"method={sweep.method}"]
        said = [override.replace("{value}", str(sweep.default)) for override in sweep.overrides]
        plain = load_recipe(study.recipe, RECIPES, [*study.overrides, *own])
        assert load_recipe(study.recipe, RECIPES, [*study.overrides, *own, *said]) == plain


@pytest.mark.parametrize(("name", "tokens"), [("kk-tiny", 256), ("igsm-tiny", 192)])
def test_all_methods_are_compared_and_ablations_share_their_trials(name: str, tokens: int) -> None:
    study, ablations = load_study(name, STUDIES), load_study(f"{name}-ablations", STUDIES)
    assert len(study.methods) == 11
    assert study.overrides[-1] == f"baselines.max_tokens={tokens}"
    commands = {trial.command for trial in expand(study, RECIPES)}
    shared = [trial.arm for trial in expand(ablations, RECIPES) if trial.command in commands]
    assert [arm for arm in shared if arm in ablations.methods] == ["tailor", "rule-based"] * 3

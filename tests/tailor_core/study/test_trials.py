"""The trials of a study: all of them once, seed by seed, each after what it distils."""

from __future__ import annotations

from itertools import groupby
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import RECIPES
from flows.command import run_command
from tailor_core.config.baselines import Method
from tailor_core.config.load import load_recipe, make_config
from tailor_core.config.study import Study
from tailor_core.errors import RecipeError
from tailor_core.stages.methods import first_of
from tailor_core.study.trials import DISTILLING, Trial, expand, trial_name

METHODS = get_args(Method)

plans = st.fixed_dictionaries(
    {
        "methods": st.lists(st.sampled_from(METHODS), min_size=1, max_size=5, unique=True),
        "seeds": st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True),
        "backbones": st.lists(st.sampled_from(["tiny", "tiny-igsm", "a/b"]), max_size=2, unique=True),
        "values": st.lists(st.sampled_from([0, 0.5, 2]), max_size=3, unique=True),
    }
)


def study(plan: dict[str, Any], **changes: Any) -> Study:
    values = {"name": "made-up", "recipe": "kk-tiny", "reference": plan["methods"][0], **plan, **changes}
    kl = values.pop("values")
    sweeps = {"kl": {"values": kl, "overrides": ["policy.beta={value}"]}} if kl else {}
    return make_config(Study, {"sweeps": sweeps, **values}, "a test")


def trials_of(plan: dict[str, Any], **changes: Any) -> list[Trial]:
    return expand(study(plan, **changes), RECIPES)


@given(plans)
def test_every_arm_is_there_once_with_each_seed_on_each_backbone(plan: dict[str, Any]) -> None:
    made = study(plan)
    trials = expand(made, RECIPES)
    cells = {(trial.arm, trial.backbone, trial.seed) for trial in trials}
    assert cells == {
        (arm, backbone, seed)
        for arm in made.all_arms()
        for backbone in plan["backbones"] or ["tiny"]
        for seed in plan["seeds"]
    }
    assert len(cells) == len(trials) == len({trial.command for trial in trials})
    assert len({trial_name(made, trial) for trial in trials}) == len(trials)


@given(plans)
def test_a_broken_off_study_has_whole_seeds_and_what_is_distilled_comes_first(plan: dict[str, Any]) -> None:
    trials = trials_of(plan)
    assert [seed for seed, _ in groupby(trial.seed for trial in trials)] == plan["seeds"]
    for _, cell in groupby(trials, key=lambda trial: (trial.seed, trial.backbone)):
        distils = [first_of(load_recipe("kk-tiny", RECIPES, trial.overrides)) is not None for trial in cell]
        assert distils == sorted(distils)


@given(plans, st.data())
def test_another_seed_or_method_only_adds_trials(plan: dict[str, Any], data: st.DataObject) -> None:
    before = trials_of(plan)
    seeds = [*plan["seeds"], data.draw(st.integers(10, 12))]
    left = [method for method in METHODS if method not in plan["methods"]]
    methods = [*plan["methods"], data.draw(st.sampled_from(left))]
    for after in (trials_of(plan, seeds=seeds), trials_of(plan, methods=methods)):
        assert len(after) > len(before)
        assert [trial for trial in after if trial in before] == before


@pytest.mark.parametrize("method", METHODS)
def test_those_that_distil_are_those_that_begin_with_the_policy_of_another(method: str) -> None:
    recipe = load_recipe("kk-tiny", RECIPES, [f"method={method}"])
    assert (method in DISTILLING) == (first_of(recipe) is not None)


def test_a_trial_is_a_run_that_can_be_typed() -> None:
    plan = {"methods": ["none"], "seeds": 2, "backbones": [], "values": [0.5]}
    plain, swept, _, last = trials_of(plan, overrides=["policy.steps=3", "seed=20"])
    assert (plain.arm, plain.method, plain.backbone, plain.seed) == ("none", "none", "tiny", 20)
    assert plain.overrides == ("policy.steps=3", "seed=20", "method=none", "seed=20")
    assert swept.overrides[2:4] == ("method=tailor", "policy.beta=0.5")
    assert last.seed == 21, "so many seeds, from the recipe's on"
    for trial in (plain, swept, last):
        assert list(trial.command) == run_command("kk-tiny", trial.overrides, [], "evaluation")
        assert load_recipe("kk-tiny", RECIPES, trial.overrides).seed == trial.seed


def test_a_name_tells_the_backbone_where_there_are_several() -> None:
    plan = {"methods": ["none"], "seeds": [3], "backbones": [], "values": []}
    assert [trial_name(study(plan), trial) for trial in trials_of(plan)] == ["none seed 3"]
    several = {**plan, "backbones": ["tiny", "a/b"]}
    names = [trial_name(study(several), trial) for trial in trials_of(several)]
    assert names == ["none on tiny seed 3", "none on a/b seed 3"]


def test_wrong_overrides_are_told_with_their_arm() -> None:
    plan = {"methods": ["none"], "seeds": [3], "backbones": [], "values": []}
    arms = {"odd": {"overrides": ["policy.betta=1"]}}
    sentence = r"study 'made-up', arm 'odd': recipe 'kk-tiny': policy\.betta = 1 is no key .* 'beta'"
    with pytest.raises(RecipeError, match=sentence):
        trials_of(plan, arms=arms)


def test_a_default_that_the_recipe_does_not_have_is_refused() -> None:
    """A figure would draw the method's own arm at a value that its trials did not have."""
    plan = {"methods": ["none"], "seeds": [3], "backbones": [], "values": []}
    kl = {"method": "none", "values": [0.1], "overrides": ["policy.beta={value}"], "default": 0.005}
    assert [t.arm for t in trials_of(plan, sweeps={"kl": kl})] == ["none", "kl=0.1"]
    assert trials_of(plan, sweeps={"kl": {**kl, "default": 0.02}}, overrides=["policy.beta=0.02"])
    sentence = r"sweeps\.kl\.default = 0\.005 would have policy\.beta = 0\.005, but the arm 'none', .* has 0\.02; write"
    with pytest.raises(RecipeError, match=sentence):
        trials_of(plan, sweeps={"kl": kl}, overrides=["policy.beta=0.02"])


def test_a_recipe_that_is_not_there_is_one_sentence() -> None:
    plan = {"methods": ["none"], "seeds": [3], "backbones": [], "values": []}
    with pytest.raises(RecipeError, match=r"recipe = 'kk-tny' is neither .*did you mean 'kk-tiny'"):
        trials_of(plan, recipe="kk-tny")

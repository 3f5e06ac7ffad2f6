"""Recipes: what was meant is read, and any mistake is one sentence with field, value, rule and cure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from flows import RECIPES
from tailor_core.config.load import (
    apply_override,
    find_file,
    load_recipe,
    make_recipe,
    names_in,
)
from tailor_core.errors import RecipeError, TailorError


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    directory = tmp_path / "recipes"
    directory.mkdir()
    (directory / "small.toml").write_text(
        "seed = 3\n[policy]\nbeta = 0.5\n[environment.options]\npeople = [2]\n"
    )
    (directory / "broken.toml").write_text("seed = = 3")
    return directory


def test_a_recipe_is_found_by_name_or_path(recipes: Path, tmp_path: Path) -> None:
    by_name = load_recipe("small", recipes)
    assert (by_name.name, by_name.seed, by_name.policy.beta) == ("small", 3, 0.5)
    assert by_name.environment.options == {"people": [2]}
    assert load_recipe(str(recipes / "small.toml"), tmp_path) == by_name
    assert names_in(recipes) == ["broken", "small"]


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("policy.beta=0.25", lambda r: r.policy.beta == 0.25),
        ("policy.beta = 1", lambda r: r.policy.beta == 1),
        ("seed=9", lambda r: r.seed == 9),
        ("policy.reward=logic-rl", lambda r: r.policy.reward == "logic-rl"),
        ('policy.reward="partial"', lambda r: r.policy.reward == "partial"),
        ("backbone.name=a/b=c", lambda r: r.backbone.name == "a/b=c"),
        ("evaluation.ks=[1, 2]", lambda r: r.evaluation.ks == (1, 2)),
        ("problems.train={3 = 4, 5 = 6}", lambda r: r.problems.train == {3: 4, 5: 6}),
        ("environment.options.people=[2, 3]", lambda r: r.environment.options == {"people": [2, 3]}),
        ("environment.options.ood.people=[9]", lambda r: r.environment.options["ood"] == {"people": [9]}),
        ("warm_start.packing=false", lambda r: r.warm_start.packing is False),
    ],
)
def test_overrides_are_toml_values_or_else_text(recipes: Path, override: str, read: Any) -> None:
    assert read(load_recipe("small", recipes, [override]))


def test_later_overrides_win(recipes: Path) -> None:
    assert load_recipe("small", recipes, ["seed=1", "seed=2"]).seed == 2


def test_the_largest_seed_is_one_that_trainings_take(recipes: Path) -> None:
    largest = load_recipe("small", recipes, ["seed=4294967295", "problems.seed=4294967295"])
    assert largest.seed == largest.problems.seed == 2**32 - 1
    numpy.random.RandomState(largest.seed)
    with pytest.raises(ValueError, match=r"2\*\*32 - 1"):
        numpy.random.RandomState(largest.seed + 1)


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("polcy.beta=1", ["polcy", "{'beta': 1}", "did you mean 'policy'?"]),
        ("policy.betta=1", ["policy.betta = 1", "[policy]", "did you mean 'beta'?", "epsilon"]),
        ("policy.beta=-1", ["policy.beta = -1", "greater than or equal to 0", "KL"]),
        ("policy.beta=much", ["policy.beta = 'much'", "number"]),
        ("policy.reward=golden", ["policy.reward = 'golden'", "'binary'", "'partial'"]),
        ("policy=3", ["policy = 3"]),
        ("seed=-1", ["seed = -1", "greater than or equal to 0"]),
        ("seed=1.5", ["seed = 1.5", "integer"]),
        ("seed=4294967296", ["seed = 4294967296", "less than or equal to 4294967295", "or with --set"]),
        ("problems.seed=4294967296", ["problems.seed = 4294967296", "less than or equal to 4294967295"]),
        ("seed.more=1", ["seed = 3 is a value"]),
        ("seed", ["'seed'", "key=value"]),
        ("=3", ["'=3'", "key=value"]),
        ("policy..beta=3", ["policy..beta", "key=value"]),
        ("policy.beta=nan", ["policy.beta = nan", "finite"]),
        ("selection.min_reward=inf", ["selection.min_reward = inf", "finite"]),
        ("environment.options.day=2026-01-01", ["environment.options.day = 2026-01-01"]),
        ("problems.train=-3", ["problems.train = -3"]),
        ("problems.train=many", ["problems.train = 'many'", "integer", "dictionary"]),
        ("problems.environment.name=kk", ["[environment]"]),
        ("evaluation.ks=[1, 9]", ["ks holds 9", "samples_per_problem = 4"]),
        ("policy.micro_batch_size=7", ["micro_batch_size = 7", "divisor"]),
        ("policy.vllm.mode=tpu", ["policy.vllm.mode = 'tpu'", "'colocate' or 'server'"]),
        ("policy.vllm.gpu_memory_utilization=1.0", ["gpu_memory_utilization = 1.0", "less than 1"]),
        ("policy.vllm.tensor_parallel_size=2", ["tensor_parallel_size = 2", "no key of [policy.vllm]"]),
        (
            "policy.vllm.server_base_url=http://gpu:8000/v1",
            ["server_base_url = 'http://gpu:8000/v1'", "without a path"],
        ),
        ("name=Two Words", ["name = 'Two Words'", "lower-case"]),
        ("sft_dataset.size=3", ["sft_dataset.size = 3", "there is none"]),
    ],
)
def test_a_mistake_is_one_sentence_with_field_value_and_rule(
    recipes: Path, override: str, parts: list[str]
) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe("small", recipes, [override])
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    assert "\n" not in message
    assert "pydantic" not in message
    assert "Input should" not in message


def test_a_context_without_room_for_a_prompt_is_refused_where_it_is_used(recipes: Path) -> None:
    short = "policy.vllm.max_model_length=1024"
    load_recipe("small", recipes, [short])  # of no use to the engine of this recipe
    with pytest.raises(
        RecipeError, match=r"max_model_length = 1024 leaves no room.*max_completion_length = 1024"
    ):
        load_recipe("small", recipes, [short, "policy.rollout_engine=vllm"])


@pytest.mark.parametrize("values", [{"policy": {"\n": None}}, {"a b": 1}, {"seed": {"x\ny": 1.0}}])
def test_keys_that_are_no_words_are_quoted(values: dict[str, Any]) -> None:
    message = refusal(make_recipe, {"name": "x", **values}, "recipe 'x'")
    assert message
    assert "\n" not in message


def test_text_that_is_no_unicode_is_refused() -> None:
    message = refusal(make_recipe, {"name": "x", "backbone": {"name": "\udcff"}}, "recipe 'x'")
    assert message
    assert "backbone.name" in message


def test_a_recipe_that_is_not_there_names_the_nearest(recipes: Path) -> None:
    with pytest.raises(
        RecipeError, match=re.escape("'smal' is neither a recipe nor a .toml file (did you mean 'small'?)")
    ):
        find_file("smal", recipes, "recipe", "recipes")
    with pytest.raises(RecipeError, match="neither"):
        find_file("../recipes/nothing.toml", recipes, "recipe", "recipes")
    with pytest.raises(RecipeError, match="the recipes are none"):
        find_file("x", recipes / "empty", "recipe", "recipes")


def test_a_file_that_is_not_toml_says_where(recipes: Path) -> None:
    with pytest.raises(RecipeError, match=r"broken\.toml' is not TOML .*line 1"):
        load_recipe("broken", recipes)
    (recipes / "broken.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RecipeError, match="is not TOML"):
        load_recipe("broken", recipes)


_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
_SECTION = st.sampled_from(["policy", "problems", "environment", "evaluation", "seed", "name", "x"])
_KEY = st.sampled_from(["beta", "train", "options", "ks", "name", "steps", "y"])


def refusal(action: Any, *arguments: Any) -> str | None:
    """The sentence of a refusal, None where there was none."""
    try:
        action(*arguments)
    except TailorError as error:
        return str(error)
    return None


@settings(max_examples=60)
@given(st.dictionaries(_SECTION, st.dictionaries(_KEY, _VALUE, max_size=2) | _VALUE, max_size=3))
def test_any_nonsense_is_a_recipe_or_one_sentence(values: dict[str, Any]) -> None:
    message = refusal(make_recipe, {"name": "x", **values}, "recipe 'x'")
    assert message is None or (message.startswith("recipe 'x': ") and "\n" not in message)


@settings(max_examples=60)
@given(st.text(max_size=30))
def test_any_override_is_applied_or_refused(text: str) -> None:
    values: dict[str, Any] = {"seed": 1}
    message = refusal(apply_override, values, text)
    assert "--set" in message if message else values


def test_a_recipe_cannot_be_changed() -> None:
    recipe = make_recipe({"name": "x"}, "x")
    with pytest.raises(ValidationError):
        recipe.seed = 3


def test_the_problems_stage_gets_the_environment(recipes: Path) -> None:
    recipe = load_recipe("small", recipes)
    section = recipe.section("problems")
    assert section.model_dump()["environment"] == {"name": "kk", "options": {"people": [2]}}


def test_which_problems_are_asked_follows_from_the_seed_that_makes_them(recipes: Path) -> None:
    same = load_recipe("small", recipes, ["problems.seed=4", "seed=11"])
    assert same.section("evaluation").model_dump()["suite_seed"] == 4
    assert load_recipe("small", recipes).section("evaluation").model_dump()["suite_seed"] is None
    with pytest.raises(RecipeError, match=r"evaluation\.suite_seed is taken from .*problems\.seed"):
        load_recipe("small", recipes, ["evaluation.suite_seed=4"])


@pytest.fixture
def sized(recipes: Path) -> Path:
    (recipes / "sized.toml").write_text(
        "[environment.options]\npeople = [2, 3]\ndepth = 3\n[policy]\nsteps = 90\nbeta = 0.5\n"
        "[sizes.smoke.environment.options]\npeople = [2]\n[sizes.smoke.policy]\nsteps = 2\n[sizes.big]\nseed = 5\n"
    )
    return recipes


def test_a_size_is_laid_over_the_recipe_and_overrides_over_both(sized: Path) -> None:
    whole = load_recipe("sized", sized)
    assert (whole.name, whole.policy.steps, whole.environment.options["people"]) == ("sized", 90, [2, 3])
    smoke = load_recipe("sized", sized, ["policy.beta=1", "size=smoke", "policy.epsilon=0.1"])
    assert (smoke.name, smoke.policy.steps, smoke.policy.beta, smoke.policy.epsilon) == (
        "sized-smoke",
        2,
        1,
        0.1,
    )
    assert smoke.environment.options == {"people": [2], "depth": 3}
    assert load_recipe("sized", sized, ["policy.steps=7", "size=smoke"]).policy.steps == 7
    assert load_recipe("sized", sized, ["size=smoke", "size=big"]).seed == 5
    assert load_recipe("sized", sized, ["size=big", "name=mine"]).name == "mine"


@pytest.mark.parametrize(
    ("recipe", "override", "message"),
    [
        (
            "sized",
            "size=smok",
            r"size = 'smok' is no size of it \(did you mean 'smoke'\?\); its sizes are smoke, big",
        ),
        ("sized", "size=3", "size = 3 is no size of it; its sizes are smoke, big"),
        ("sized", "size.smoke=3", "is no size of it"),
        ("small", "size=smoke", "it has no sizes, so leave it out"),
    ],
)
def test_a_size_that_a_recipe_does_not_have_is_one_sentence(
    sized: Path, recipe: str, override: str, message: str
) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe(recipe, sized, [override])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["sizes = 3", "[sizes]\nsmoke = 3"])
def test_sizes_that_are_no_tables_are_one_sentence(recipes: Path, text: str) -> None:
    (recipes / "odd.toml").write_text(text)
    with pytest.raises(RecipeError, match=r"recipe 'odd': sizes must be tables \[sizes.NAME\]"):
        load_recipe("odd", recipes)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("problems.train=true", r"problems\.train = True must be a valid integer"),
        ("warm_start.learning_rate=true", r"warm_start\.learning_rate = True must be a valid number"),
        ("seed=false", r"seed = False must be a valid integer"),
    ],
)
def test_true_and_false_are_no_numbers(override: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        load_recipe("kk-tiny", RECIPES, [override])


def test_what_may_be_true_or_false_still_may() -> None:
    assert load_recipe("kk-tiny", RECIPES, ["evaluation.base=false"]).evaluation.base is False

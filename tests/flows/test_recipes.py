"""The recipes that ship: each loads and plans, and those for GPUs add up and name the source of every value."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows import RECIPES
from tailor_core.artifacts.store import Store
from tailor_core.config.load import flat, load_recipe, names_in
from tailor_core.config.recipe import Recipe
from tailor_core.environments import get_environment, read_options
from tailor_core.errors import RecipeError
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.registry import STAGES
from tailor_core.training.grpo import grpo_arguments

EPOCHS = {
    "kk-qwen2.5-1.5b": 5, "kk-qwen2.5-1.5b-chat": 5, "kk-qwen2.5-3b": 5, "kk-llama-3.2-1b": 5,
    "kk-llama-3.2-3b": 5, "igsm-med": 0.64, "igsm-hard": 0.64, "igsm-plain": 0.64,
}  # fmt: skip
"""Recipe for a GPU -> how often RL sees each problem, as the recipe says beside its steps."""

TOKENS_A_WORD = {"kk": 1.27, "igsm": 1.38}
"""Of the trace with most tokens a word among 160 and 240, by the tokenizer of SmolLM2."""


def recipe_of(name: str) -> Recipe:
    return load_recipe(name, RECIPES)


def words(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


@pytest.mark.parametrize("name", names_in(RECIPES))
def test_every_recipe_loads_and_plans(name: str, tmp_path: Path) -> None:
    recipe = recipe_of(name)
    assert recipe.name == name
    assert recipe.description
    plans = plan_stages(recipe, Store(tmp_path.as_uri()), list(STAGES.values()))
    assert [plan.stage for plan in plans] == list(STAGES)


def test_the_recipes_that_need_a_gpu_are_all_looked_at_here() -> None:
    on_gpu = {n for n in names_in(RECIPES) if recipe_of(n).policy.rollout_engine == "vllm"}
    assert on_gpu == EPOCHS.keys()


@pytest.mark.parametrize("name", EPOCHS)
def test_the_steps_are_the_epochs_that_the_names_in(name: str) -> None:
    recipe = recipe_of(name)
    train = recipe.problems.train
    problems = sum(train.values()) if isinstance(train, dict) else train
    whole_batches = problems // recipe.policy.prompts_per_step  # TRL leaves out what remains of an epoch
    assert recipe.policy.steps / whole_batches == pytest.approx(EPOCHS[name], abs=0.005)
    line = next(
        line for line in (RECIPES / f"{name}.toml").read_text().splitlines() if line.startswith("steps")
    )
    assert f"{EPOCHS[name]} epochs" in line


@pytest.mark.parametrize("name", EPOCHS)
def test_prompts_and_completions_have_room(name: str) -> None:
    recipe = recipe_of(name)
    environment = get_environment(recipe.environment.name)
    options = read_options(recipe.environment.name, recipe.environment.options)
    problems = environment.generate(options, count=60, split="train", seed=1)
    policy, room = recipe.policy, recipe.policy.vllm.max_model_length
    tokens_a_word = TOKENS_A_WORD[environment.name]
    assert room
    prompt = room - policy.max_completion_length
    assert max(words(p.question) for p in problems) * tokens_a_word < prompt
    completion = recipe.selection.max_tokens * tokens_a_word
    assert completion <= policy.max_completion_length  # RL can say what the warm start has learned
    assert completion + prompt <= recipe.warm_start.max_length
    assert recipe.primitives.max_tokens <= recipe.selection.max_tokens
    assert policy.max_completion_length <= min(recipe.evaluation.max_tokens, recipe.probe.max_tokens)


@pytest.mark.parametrize("name", EPOCHS)
def test_trl_takes_the_sizes(name: str, tmp_path: Path) -> None:
    policy = recipe_of(name).policy
    arguments = grpo_arguments(policy, workdir=tmp_path, seed=7, bf16=False, ends=[0])
    assert arguments.generation_batch_size == policy.prompts_per_step * policy.num_generations
    assert arguments.num_generations == policy.num_generations
    assert recipe_of(name).warm_start.batch_rows % recipe_of(name).warm_start.micro_batch_rows == 0
    assert policy.steps % policy.save_steps == 0


@pytest.mark.parametrize("name", EPOCHS)
def test_every_value_names_its_source(name: str) -> None:
    unsaid, table_has_source = [], False
    for line in (RECIPES / f"{name}.toml").read_text().splitlines():
        code, _, source = line.partition(" # ")
        if code.startswith("["):
            table_has_source = bool(source) and code.startswith("[problems.")
        elif code and not code.startswith("#") and not source and not table_has_source:
            unsaid.append(code.partition(" = ")[0])
    assert set(unsaid) <= {"description", "name", "kind"}  # what the recipe is about


def differences(one: str, other: str) -> set[str]:
    left, right = (flat(recipe_of(n).model_dump(mode="json")) for n in (one, other))
    changed = {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
    return changed - {"name", "description", "backbone.name"}


@pytest.mark.parametrize("other", ["kk-qwen2.5-3b", "kk-llama-3.2-1b", "kk-llama-3.2-3b"])
def test_backbones_differ_in_what_their_size_and_family_ask_for_and_nothing_else(other: str) -> None:
    memory = {
        "policy.micro_batch_size",
        "policy.vllm.gpu_memory_utilization",
        "policy.vllm.enable_sleep_mode",
    }
    family = {"policy.beta", "policy.max_grad_norm"} if "llama" in other else set()
    assert differences("kk-qwen2.5-1.5b", other) <= memory | family


def test_the_recipe_with_a_chat_teacher_differs_in_the_teacher() -> None:
    changed = differences("kk-qwen2.5-1.5b", "kk-qwen2.5-1.5b-chat")
    assert {key.partition(".")[0] for key in changed} == {"teacher", "vllm", "primitives", "demonstrations"}
    assert recipe_of("kk-qwen2.5-1.5b-chat").teacher.kind == "chat"


def test_recipes_have_the_procedural_teacher_but_for_those_on_language_models_as_teachers() -> None:
    kinds: dict[str, Any] = {name: recipe_of(name).teacher.kind for name in names_in(RECIPES)}
    assert {name for name, kind in kinds.items() if kind != "procedural"} == {
        "kk-qwen2.5-1.5b-chat",
        "kk-smollm2",
    }


def test_a_baseline_has_a_name_of_its_own_and_an_unknown_method_is_named() -> None:
    assert load_recipe("kk-tiny", RECIPES, ["method=rule-based"]).name == "kk-tiny-rule-based"
    assert load_recipe("kk-tiny", RECIPES, ["method=tailor"]) == load_recipe("kk-tiny", RECIPES)
    with pytest.raises(
        RecipeError, match=r"method = 'Rule' must be 'tailor', 'none', 'rule-based', .*warm-start"
    ):
        load_recipe("kk-tiny", RECIPES, ["method=Rule"])

"""The section [vllm], and who reads it."""

from __future__ import annotations

from typing import Any

import pytest

from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe, place_of
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import RecipeError
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec

READERS = ("probe", "primitives", "demonstrations", "evaluation")
USED = {
    "probe": {"engine": "vllm"},
    "evaluation": {"engine": "vllm"},
    "teacher": {"kind": "chat", "model": "tiny", "serve": True},
}


def recipe(**sections: Any) -> Recipe:
    return make_recipe({"name": "r", **sections}, "r")


def keys(made: Recipe) -> dict[str, str]:
    return {name: make_spec(STAGES[name], made, {}).key for name in READERS}


def changed(before: Recipe, after: Recipe) -> set[str]:
    one, other = keys(before), keys(after)
    return {name for name in READERS if one[name] != other[name]}


@pytest.mark.parametrize(
    ("given", "anew"),
    [
        ({"dtype": "float32"}, set(READERS)),
        ({"max_model_len": 99}, set(READERS)),
        ({"tensor_parallel_size": 2}, set(READERS)),
        ({"gpu_memory_utilization": 0.5}, set()),
        ({"cpu_cache_gib": 9}, set()),
        ({"start_seconds": 9}, set()),
    ],
)
def test_keys_hold_what_changes_a_completion_where_vllm_is_asked(
    given: dict[str, Any], anew: set[str]
) -> None:
    assert changed(recipe(**USED), recipe(**USED, vllm=given)) == anew


def test_a_recipe_that_asks_no_vllm_may_say_what_it_likes_of_it() -> None:
    assert changed(recipe(), recipe(vllm={"dtype": "float32"})) == set()
    asked = recipe(teacher={"kind": "chat", "model": "m"}, vllm={"dtype": "float32"})
    assert asked.section("primitives").vllm == VLLMConfig()  # type: ignore[attr-defined]


def test_settings_reach_the_stages_that_ask_vllm_and_plans_name_where_they_are_written() -> None:
    made = recipe(**USED, vllm={"max_model_len": 99})
    assert {made.section(name).vllm.max_model_len for name in READERS} == {99}  # type: ignore[attr-defined]
    assert place_of("evaluation", "vllm.dtype") == "vllm.dtype"


def test_the_version_of_vllm_is_in_the_keys_of_students_that_it_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = keys(recipe(**USED))
    monkeypatch.setattr("tailor_core.stages.sources.vllm_version", lambda: "99.9")
    after = keys(recipe(**USED))
    assert {name for name in READERS if before[name] != after[name]} == {"probe", "evaluation"}
    assert make_spec(STAGES["probe"], recipe(), {}).sources == {}


def test_a_served_teachers_weights_are_in_the_keys(tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text("{}")
    served = recipe(teacher={"kind": "chat", "model": str(tmp_path), "serve": True})
    before = keys(served)
    (tmp_path / "model.safetensors").write_text("other weights")
    after = keys(served)
    assert {name for name in READERS if before[name] != after[name]} == {"primitives", "demonstrations"}


@pytest.mark.parametrize(
    ("sections", "parts"),
    [
        ({"vllm": {"dtype": "int4"}}, ["vllm.dtype = 'int4'", "bfloat16"]),
        ({"vllm": {"cpu_cache_gib": 0}}, ["vllm.cpu_cache_gib = 0", "GiB"]),
        ({"vllm": {"gpu_memory_utilization": 1.5}}, ["vllm.gpu_memory_utilization = 1.5", "share"]),
        ({"vllm": {"model": "m"}}, ["vllm.model", "is no key of [vllm]"]),
        ({"probe": {"engine": "llama"}}, ["probe.engine = 'llama'", "'transformers' or 'vllm'"]),
        ({"evaluation": {"vllm": {}}}, ["evaluation.vllm is taken from the section [vllm]"]),
        (
            {"teacher": {"kind": "chat", "model": "m", "serve": True, "base_url": "http://host/v1"}},
            ["base_url = 'http://host/v1'", "serve = true", "leave one of them out"],
        ),
    ],
)
def test_a_wrong_value_is_one_sentence(sections: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(**sections)
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value

"""What runs are called and found by."""

from __future__ import annotations

import pytest

from flows import RECIPES
from flows.command import run_name, run_tags, study_command
from tailor_core.config.load import load_recipe


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("kk-tiny", [], [], ""), "kk-tiny"),
        (("kk-tiny", [], [], "policy"), "kk-tiny until policy"),
        (("/far/away/mine.toml", ["policy.beta=0.1"], [], "policy"), "mine until policy, policy.beta=0.1"),
        (
            ("kk-tiny", ["policy.beta=0.1", "method=none", "seed=3"], [], ""),
            "kk-tiny, method=none, seed=3, policy.beta=0.1",
        ),
        (("kk-tiny", ["execution.gpu=work_pool", "seed=3"], ["probe"], ""), "kk-tiny, seed=3, force probe"),
    ],
)
def test_a_run_is_named_by_what_it_does_and_not_by_where(
    arguments: tuple[str, list[str], list[str], str], name: str
) -> None:
    assert run_name(*arguments) == name


def test_a_name_stays_short() -> None:
    name = run_name("kk-tiny", [f"policy.steps={step}" for step in range(99)], [], "")
    assert len(name) == 100
    assert name.endswith("...")


def test_a_run_is_found_by_recipe_environment_backbone_and_size() -> None:
    overrides = ["size=smoke", "backbone.name=/models/of/mine"]
    recipe = load_recipe("kk-smollm2", RECIPES, overrides)
    assert run_tags(recipe, overrides) == ["kk-smollm2-smoke", "kk", "mine", "size=smoke"]


def test_a_study_is_typed_again_with_all_that_it_was_given() -> None:
    assert study_command("kk-tiny", [], None) == ["study", "kk-tiny"]
    given = study_command("/far/away/mine.toml", ["seeds=2", "policy.steps=3"], 4)
    changes = ["--set", "seeds=2", "--set", "policy.steps=3"]
    assert given == ["study", "/far/away/mine.toml", *changes, "--parallel", "4"]

"""Methods as a choice in the recipe: which stages each has, what they read, and whose keys are the same."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from baseline_data import BASELINES, SAMPLED, recipe

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.baselines import Method
from tailor_core.errors import InputError
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.methods import (
    FIRST_POLICY,
    check_method_stages,
    definition_of,
    first_of,
    has_stage,
    takes_teacher,
)
from tailor_core.stages.registry import STAGES, load_target
from tailor_core.stages.spec import make_spec

pytestmark = pytest.mark.integration


def keys(method: Method, family: str = "kk") -> dict[str, str]:
    """The key that each stage of a method has where its inputs are the same."""
    made = recipe(family, method)
    found = {}
    for product, stage in STAGES.items():
        if has_stage(product, method):
            definition = definition_of(stage, method)
            refs = {
                name: ArtifactRef(stage=name, key="k", digest=name, uri="u")
                for name in definition.inputs_of(definition.config_in(made))
            }
            found[product] = make_spec(definition, made, refs).key
    return found


def test_what_no_method_changes_has_one_key_for_all_methods() -> None:
    tailor = keys("tailor")
    for method in BASELINES:
        other = keys(method)
        differ = {product for product in STAGES if other[product] != tailor[product]}
        assert {"primitives", "selection"} <= differ <= {"primitives", "demonstrations", "selection"}
    none = keys("none")
    assert none.keys() == {"problems", "backbone", "probe", "policy", "evaluation", "report"}
    assert {product for product in none if none[product] != tailor[product]} == {"evaluation", "report"}
    assert keys("4-star")["primitives"] == keys("dots")["primitives"]


def test_nothing_of_a_baseline_is_in_a_key_of_tailors() -> None:
    made = recipe()
    for stage in STAGES.values():
        code = make_spec(stage, made, {}).code
        assert not [module for module in code if "baselines." in module and "config" not in module]
        assert "tailor_core.demonstrations.misreading" not in code


def test_a_model_that_answers_by_itself_needs_no_move_language() -> None:
    for method in SAMPLED:
        for product in ("primitives", "demonstrations"):
            definition = definition_of(STAGES[product], method)
            assert (
                "tailor_core.environments.teaching"
                not in make_spec(definition, recipe("kk", method), {}).code
            )


def test_every_method_has_functions_and_sections_that_are_there() -> None:
    for method in get_args(Method):
        made = recipe("kk", method)
        for product, stage in STAGES.items():
            definition = definition_of(stage, method)
            assert definition.product == product
            assert callable(load_target(definition.function))
            assert isinstance(definition.config_in(made), load_target(definition.config))
            offered = {"first_policy", *stage.offered}
            assert set(definition.offered) <= offered, "what the pipeline offers"


def test_only_distillation_waits_for_a_policy_of_another_method(tmp_path: Path) -> None:
    waits = {}
    for method in get_args(Method):
        plans = plan_stages(recipe("kk", method), Store(tmp_path.as_uri()), list(STAGES.values()))
        assert [plan.stage for plan in plans] == [s for s in STAGES if has_stage(s, method)]
        waits[method] = {name for plan in plans for name in plan.waits_on}
        assert (first_of(recipe("kk", method)) is not None) == (FIRST_POLICY in waits[method])
    assert {method for method in waits if FIRST_POLICY in waits[method]} == {
        "re-distillation-a",
        "re-distillation-b",
    }
    assert not takes_teacher("none")
    assert not takes_teacher("self-stitch")
    assert takes_teacher("4-star")


def test_a_stage_that_a_method_does_without_is_refused_in_one_sentence() -> None:
    check_method_stages("none", ["policy"], "evaluation")
    with pytest.raises(
        InputError, match="'selection' is none of the method 'none', which makes problems, backbone"
    ):
        check_method_stages("none", [], "selection")
    with pytest.raises(InputError, match="did you mean 'selection'"):
        check_method_stages("none", [], "selecton")

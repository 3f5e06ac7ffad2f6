"""Where the stages of a recipe run, and that this is in no key."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import get_args

import pytest

from tailor_core.config.execution import Product
from tailor_core.config.load import make_recipe
from tailor_core.errors import RecipeError
from tailor_core.stages.fingerprint import library_versions
from tailor_core.stages.placement import find_interpreter, placement_of
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec

GPU = {"probe", "warm_start", "policy", "evaluation"}


def places(**sections: object) -> dict[str, str]:
    recipe = make_recipe({"name": "toy", **sections}, "toy")
    return {name: placement_of(stage, recipe).where for name, stage in STAGES.items()}


def test_all_stages_run_in_the_process_of_the_run_unless_the_recipe_says_otherwise() -> None:
    assert set(places().values()) == {"local"}


def test_one_word_sends_all_stages_elsewhere_that_sample_or_train() -> None:
    found = places(execution={"gpu": "subprocess"})
    assert {name for name, where in found.items() if where == "subprocess"} == GPU
    assert {where for name, where in found.items() if name not in GPU} == {"local"}


def test_a_student_that_teaches_itself_makes_primitives_and_demonstrations_stages_for_a_gpu() -> None:
    found = places(execution={"gpu": "work_pool"}, teacher={"kind": "self"})
    assert {name for name, where in found.items() if where == "work_pool"} == {
        *GPU,
        "primitives",
        "demonstrations",
    }


def test_a_pilot_makes_primitives_a_stage_for_a_gpu_that_reads_the_student() -> None:
    pilot = {"pilot": {"token_budget": 1000}}
    assert places(execution={"gpu": "subprocess"}, primitives=pilot)["primitives"] == "subprocess"
    recipe = make_recipe({"name": "toy", "primitives": pilot, "teacher": {"kind": "self"}}, "toy")
    stage = STAGES["primitives"]
    assert stage.inputs_of(stage.config_in(recipe)) == ("problems", "probe", "backbone")


def test_a_single_stage_goes_where_it_is_said_whatever_its_kind() -> None:
    found = places(execution={"cpu": "subprocess", "gpu": "work_pool", "stages": {"probe": "local"}})
    assert (found["probe"], found["policy"], found["selection"]) == ("local", "work_pool", "subprocess")


@pytest.mark.parametrize("fan_out", [3, "tls://10.0.0.5:8786"])
def test_stages_that_run_local_may_share_their_rows_out(fan_out: object) -> None:
    recipe = make_recipe({"name": "toy", "execution": {"fan_out": fan_out, "gpu": "subprocess"}}, "toy")
    assert placement_of(STAGES["verdicts"], recipe).fan_out == fan_out
    assert placement_of(STAGES["policy"], recipe).fan_out == 0


def test_each_kind_has_an_interpreter_and_a_deployment_of_its_own() -> None:
    execution = {
        "cpu": "subprocess",
        "gpu": "work_pool",
        "cpu_python": "python-c",
        "gpu_python": "python-g",
        "time_limit": 60,
    }
    recipe = make_recipe({"name": "toy", "execution": execution}, "toy")
    cpu, gpu = (placement_of(STAGES[name], recipe) for name in ("selection", "policy"))
    assert (cpu.python, cpu.deployment, cpu.time_limit) == ("python-c", "tailor-stage/cpu", 60)
    assert (gpu.python, gpu.deployment, gpu.time_limit) == ("python-g", "tailor-stage/gpu", 60)


@pytest.mark.parametrize(
    ("execution", "named"),
    [
        ({"gpu": "cloud"}, "execution.gpu"),
        ({"stages": {"polcy": "local"}}, "polcy"),
        ({"time_limit": 0}, "execution.time_limit"),
        ({"gpu_deployment": "gpu"}, "execution.gpu_deployment"),
        ({"fan_out": -1}, "execution.fan_out = -1"),
        ({"fan_out": "10.0.0.5:8786"}, "execution.fan_out = '10.0.0.5:8786'"),
        (
            {"fan_out": 2, "cpu": "work_pool"},
            "fan_out = 2 is for stages that run local, but cpu = 'work_pool'",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_it(execution: dict[str, object], named: str) -> None:
    with pytest.raises(RecipeError, match=named) as error:
        make_recipe({"name": "toy", "execution": execution}, "toy")
    assert "\n" not in str(error.value)


def test_the_names_of_single_stages_are_those_of_the_registry() -> None:
    assert get_args(Product) == tuple(STAGES)


@pytest.mark.parametrize("product", ["problems", "probe"])
def test_where_a_stage_runs_changes_no_key(product: str) -> None:
    keys = set()
    for execution in ({}, {"cpu": "subprocess", "gpu": "work_pool", "time_limit": 5}, {"fan_out": 2}):
        recipe = make_recipe({"name": "toy", "execution": execution}, "toy")
        keys.add(make_spec(STAGES[product], recipe, {}).key)
    assert len(keys) == 1


def test_the_libraries_in_a_key_are_those_of_the_interpreter_that_runs_the_stage(tmp_path: Path) -> None:
    """An interpreter that sees other versions stands in for another environment."""
    metadata = tmp_path / "site" / "torch-0.0.7.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: torch\nVersion: 0.0.7\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={metadata.parents[1]} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    execution = {"gpu": "subprocess", "gpu_python": str(python)}
    recipe = make_recipe({"name": "toy", "execution": execution}, "toy")
    elsewhere = make_spec(STAGES["probe"], recipe, {}).libraries
    here = make_spec(STAGES["probe"], make_recipe({"name": "toy"}, "toy"), {}).libraries
    assert elsewhere["torch"] == "0.0.7" != here["torch"]
    assert {**elsewhere, "torch": here["torch"]} == here
    unused = {"gpu": "local", "gpu_python": str(python)}
    local = make_recipe({"name": "toy", "execution": unused}, "toy")
    assert make_spec(STAGES["probe"], local, {}).libraries == here


def test_vllm_is_a_library_of_the_policy_where_it_draws_the_rollouts() -> None:
    vllm = {"policy": {"rollout_engine": "vllm"}}
    for sections, named in ((vllm, True), ({}, False)):
        libraries = make_spec(STAGES["policy"], make_recipe({"name": "toy", **sections}, "toy"), {}).libraries
        assert ("vllm" in libraries) is named


def test_an_interpreter_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"execution: python = '.*nowhere' is no program here"):
        find_interpreter(str(tmp_path / "nowhere"))
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(RecipeError, match="cannot say which libraries it has"):
        library_versions(["torch"], str(broken))


def test_an_interpreter_that_is_not_here_is_refused_before_a_run_unless_it_may_be_elsewhere() -> None:
    recipes = {
        where: make_recipe({"name": "toy", "execution": {"gpu": where, "gpu_python": "/no/where"}}, "toy")
        for where in ("subprocess", "work_pool")
    }
    with pytest.raises(RecipeError, match="'/no/where' is no program here"):
        make_spec(STAGES["probe"], recipes["subprocess"], {})
    here = make_spec(STAGES["probe"], make_recipe({"name": "toy"}, "toy"), {})
    assert make_spec(STAGES["probe"], recipes["work_pool"], {}) == here


def test_a_link_to_an_interpreter_stays_a_link_for_it_is_what_names_the_environment(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert find_interpreter(str(link)) == str(link)
    assert find_interpreter("") == sys.executable


def test_placements_survive_json() -> None:
    recipe = make_recipe({"name": "toy", "execution": {"gpu": "subprocess", "time_limit": 2.5}}, "toy")
    place = placement_of(STAGES["policy"], recipe)
    assert type(place).from_json(json.loads(json.dumps(place.to_json()))) == place

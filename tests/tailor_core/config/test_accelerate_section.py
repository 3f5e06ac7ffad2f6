"""The section [accelerate]: where it goes, what it leaves alone, and which batches can be shared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.config.accelerate import AccelerateConfig, divide
from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe, place_of
from tailor_core.errors import RecipeError
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec

TRAININGS = ("warm_start", "policy")


def recipe(**sections: Any) -> Recipe:
    return make_recipe({"name": "r", **sections}, "r")


def test_it_reaches_the_trainings_and_is_in_no_key() -> None:
    said = {"processes": 8, "machines": 2, "main_address": "a", "main_port": 1, "sharding": "fsdp"}
    before, after = recipe(), recipe(accelerate=said)
    for name in STAGES:
        assert make_spec(STAGES[name], before, {}) == make_spec(STAGES[name], after, {})
    for name in TRAININGS:
        assert after.section(name).accelerate == AccelerateConfig(**said)  # type: ignore[attr-defined]
        assert place_of(name, "accelerate.processes") == "accelerate.processes"
        with pytest.raises(
            RecipeError, match=rf"{name}\.accelerate is taken from the section \[accelerate\]"
        ):
            recipe(**{name: {"accelerate": said}})


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"accelerate": {"processes": 3}}, "processes = 3 must divide warm_start.batch_rows = 16"),
        (
            {"accelerate": {"processes": 3}, "warm_start": {"batch_rows": 6}},
            "processes = 3 must divide prompts_per_step x num_generations = 256",
        ),
        ({"accelerate": {"processes": 3, "machines": 2}}, "must be a multiple of machines = 2"),
        ({"accelerate": {"processes": 4, "machines": 2}}, "machines = 2 need main_address and main_port"),
        ({"accelerate": {"sharding": "zero3"}}, "sharding = 'zero3' divides a model among several processes"),
        ({"accelerate": {"sharding": "zero1"}}, "zero1"),
        ({"accelerate": {"processes": 2, "main_address": "http://a"}}, "main_address"),
    ],
)
def test_what_cannot_be_shared_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipe(**given)
    assert sentence in str(refused.value)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 8))
def test_processes_share_the_rows_of_a_step_and_never_read_more_at_once(
    own: int, micro: int, processes: int
) -> None:
    batches = divide(own * processes, micro, processes, "rows")
    assert batches.micro * batches.accumulation * processes == own * processes
    assert batches.micro <= micro
    assert all(own % larger for larger in range(batches.micro + 1, min(micro, own) + 1))


def test_one_process_reads_as_many_rows_at_once_as_the_recipe_says() -> None:
    made = recipe(warm_start={"batch_rows": 6, "micro_batch_rows": 2}, policy={"micro_batch_size": 64})
    assert made.warm_start.batches(1) == (2, 3)
    assert made.policy.batches(1) == (64, 4)
    assert recipe(warm_start={"batch_rows": 4, "micro_batch_rows": 4}).warm_start.batches(1) == (4, 1)


@pytest.mark.parametrize(("rows", "micro"), [(7, 2), (2, 4)])
def test_rows_of_a_step_that_would_silently_be_others_are_refused(rows: int, micro: int) -> None:
    with pytest.raises(
        RecipeError, match=f"micro_batch_rows = {micro} must divide batch_rows = {rows}; choose a"
    ):
        recipe(warm_start={"batch_rows": rows, "micro_batch_rows": micro})

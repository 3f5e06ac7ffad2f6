"""Plans: what would run, and the field that makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import toy_stages

from tailor_core.artifacts.store import Store
from tailor_core.config.keyed import unkeyed_values
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.explain import StagePlan, _differences, plan_stages
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import make_spec

STAGES = [toy_stages.PROBLEMS, toy_stages.VERDICTS, toy_stages.SFT_DATASET]


def recipe(**values: Any) -> Any:
    return make_recipe({"name": "toy", "seed": 4, "problems": {"train": 3}, **values}, "toy")


def run(settings: Settings, **values: Any) -> None:
    refs: dict[str, Any] = {}
    for stage in STAGES:
        inputs = {name: refs[name] for name in stage.inputs}
        refs[stage.product] = execute(_job(stage, settings, inputs, **values)).manifest.ref


def _job(
    stage: StageDefinition, settings: Settings, inputs: dict[str, Any] | None = None, **values: Any
) -> StageJob:
    return StageJob(
        spec=make_spec(stage, recipe(**values), inputs or {}),
        config=stage.config,
        inputs=inputs or {},
        recipe="toy",
        home=str(settings.home),
        store=settings.store,
        unkeyed=unkeyed_values(recipe(**values).section(stage.product)),
    )


def plan(store: Store, **values: Any) -> dict[str, StagePlan]:
    return {one.stage: one for one in plan_stages(recipe(**values), store, STAGES)}


def test_in_an_empty_store_everything_would_run(store: Store) -> None:
    found = plan(store)
    assert [one.hit for one in found.values()] == [False] * 3
    assert found["problems"].reasons == ("never run in this store",)
    assert found["verdicts"].reasons == ("never run in this store",)
    assert found["verdicts"].waits_on == ("problems",)
    assert found["verdicts"].to_line().endswith("miss  never run in this store; waits on problems")


def test_after_a_run_nothing_would_run(settings: Settings, store: Store, toy_log: Path) -> None:
    run(settings)
    before = toy_log.read_text()
    found = plan(store)
    assert all(one.hit for one in found.values())
    assert all(one.to_line().split()[:2] == [one.stage, "hit"] for one in found.values())
    assert toy_log.read_text() == before, "planning runs nothing"


def test_a_value_that_changes_nothing_in_the_result_reaches_the_stage_and_costs_no_hit(
    settings: Settings, store: Store, toy_log: Path
) -> None:
    execute(_job(toy_stages.PACED, settings, demonstrations={"total": 3, "shard_size": 2}))
    assert toy_log.read_text() == "shards of 2\n"
    [paced] = plan_stages(recipe(demonstrations={"total": 3, "shard_size": 7}), store, [toy_stages.PACED])
    assert paced.hit
    [larger] = plan_stages(recipe(demonstrations={"total": 4, "shard_size": 7}), store, [toy_stages.PACED])
    assert larger.reasons == ("demonstrations.total 3 -> 4",)


def test_a_changed_value_is_named_with_old_and_new(settings: Settings, store: Store) -> None:
    run(settings)
    run(settings, problems={"train": 9}, seed=5)
    found = plan(store, problems={"train": 4})
    assert found["problems"].reasons == ("problems.train 3 -> 4",), "the nearest earlier recipe is compared"
    assert (found["verdicts"].reasons, found["verdicts"].waits_on) == ((), ("problems",))
    changed = plan(store, verdicts={"sound_steps_from": []})
    assert changed["problems"].hit
    assert changed["verdicts"].reasons == ('verdicts.sound_steps_from ["procedural"] -> []',)
    assert changed["sft_dataset"].to_line() == (
        "sft_dataset     miss  waits on verdicts (a hit after all if nothing new comes of that)"
    )
    assert changed["sft_dataset"].to_json() == {
        "stage": "sft_dataset",
        "hit": False,
        "reasons": [],
        "waits_on": ["verdicts"],
        "digest": None,
    }


def test_what_waits_is_a_hit_after_all_where_its_input_turns_out_as_before(
    settings: Settings, store: Store
) -> None:
    run(settings)
    assert not plan(store, verdicts={"sound_steps_from": []})["sft_dataset"].hit
    run(settings, verdicts={"sound_steps_from": []})
    assert plan(store, verdicts={"sound_steps_from": []})["sft_dataset"].hit


def test_an_input_with_other_content_is_named_with_both_digests(settings: Settings, store: Store) -> None:
    run(settings)
    old = plan(store)["problems"].ref
    problems = _job(toy_stages.PROBLEMS, settings, problems={"train": 4})
    new = execute(problems).manifest
    found = plan(store, problems={"train": 4})["verdicts"]
    assert old
    assert found.reasons == (f"the content of input problems {old.digest[:12]} -> {new.digest[:12]}",)
    assert found.waits_on == ()


def test_a_stage_that_changed_itself_and_waits_says_both(settings: Settings, store: Store) -> None:
    run(settings)
    found = plan(store, problems={"train": 4}, verdicts={"sound_steps_from": []})["verdicts"]
    assert found.to_line().endswith('miss  verdicts.sound_steps_from ["procedural"] -> []; waits on problems')


def test_environment_options_are_named_as_the_recipe_names_them(settings: Settings, store: Store) -> None:
    run(settings)
    found = plan(store, environment={"options": {"people": [2]}})
    assert found["problems"].reasons == ("environment.options.people null -> [2]",)


def test_damage_is_the_reason(settings: Settings, store: Store) -> None:
    run(settings)
    ref = plan(store)["verdicts"].ref
    assert ref
    (store.local(ref, settings.cache) / "verdicts.parquet").unlink()
    found = plan(store)
    assert found["verdicts"].reasons == ("the artifact is damaged: verdicts.parquet is missing",)
    assert found["problems"].hit
    assert found["verdicts"].to_line().endswith("miss  the artifact is damaged: verdicts.parquet is missing")


def test_long_lists_of_reasons_are_cut() -> None:
    line = StagePlan(stage="policy", reasons=tuple("abcde")).to_line()
    assert line == f"{'policy':<15} miss  a; b; c; and 2 more"


def test_code_that_another_run_did_not_read_has_not_changed() -> None:
    old, new = (
        {"stage": "policy", "code.b": "1", "code.c": "1"},
        {"stage": "policy", "code.a": "1", "code.b": "2"},
    )
    assert _differences(old, new) == (
        "it also runs the code of a", "the code of b changed", "it no longer runs the code of c",
    )  # fmt: skip

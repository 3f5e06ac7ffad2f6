"""Plans: what would run, and the field that makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import toy_stages

from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.explain import StagePlan, plan_stages
from tailor_core.stages.spec import make_spec

STAGES = [toy_stages.PROBLEMS, toy_stages.VERDICTS, toy_stages.SFT_DATASET]


def recipe(**values: Any) -> Any:
    return make_recipe({"name": "toy", "seed": 4, "problems": {"train": 3}, **values}, "toy")


def run(settings: Settings, **values: Any) -> None:
    refs: dict[str, Any] = {}
    for stage in STAGES:
        inputs = {name: refs[name] for name in stage.inputs}
        job = StageJob(
            spec=make_spec(stage, recipe(**values), inputs),
            config=stage.config,
            inputs=inputs,
            recipe="toy",
            home=str(settings.home),
            store=settings.store,
        )
        refs[stage.product] = execute(job).manifest.ref


def plan(store: Store, **values: Any) -> dict[str, StagePlan]:
    return {one.stage: one for one in plan_stages(recipe(**values), store, STAGES)}


def test_in_an_empty_store_everything_would_run(store: Store) -> None:
    found = plan(store)
    assert [one.hit for one in found.values()] == [False] * 3
    assert found["problems"].reasons == ("never run in this store",)
    assert found["verdicts"].reasons == ("never run in this store", "input problems would be made anew")


def test_after_a_run_nothing_would_run(settings: Settings, store: Store, toy_log: Path) -> None:
    run(settings)
    before = toy_log.read_text()
    found = plan(store)
    assert all(one.hit for one in found.values())
    assert all(one.to_line().split()[:2] == [one.stage, "hit"] for one in found.values())
    assert toy_log.read_text() == before, "planning runs nothing"


def test_a_changed_value_is_named_with_old_and_new(settings: Settings, store: Store) -> None:
    run(settings)
    run(settings, problems={"train": 9}, seed=5)
    found = plan(store, problems={"train": 4})
    assert found["problems"].reasons == ("problems.train 3 -> 4",), "the nearest earlier recipe is compared"
    assert found["verdicts"].reasons == ("input problems would be made anew",)
    changed = plan(store, verdicts={"sound_steps_from": []})
    assert changed["problems"].hit
    assert changed["verdicts"].reasons == ('verdicts.sound_steps_from ["procedural"] -> []',)
    assert changed["sft_dataset"].reasons == ("input verdicts would be made anew",)


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
    line = StagePlan(stage="policy", hit=False, reasons=tuple("abcde")).to_line()
    assert line == f"{'policy':<15} miss  a; b; c; and 2 more"

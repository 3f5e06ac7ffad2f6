"""Invalidation: what a recipe has now is put aside and made again, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import toy_stages

from tailor_core.artifacts.gc import find_garbage, newest_of_each
from tailor_core.artifacts.locks import BusyError
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.stages.execute import Outcome, StageJob, execute
from tailor_core.stages.invalidate import Invalidated, invalidate
from tailor_core.stages.spec import make_spec

STAGES = [toy_stages.PROBLEMS, toy_stages.VERDICTS, toy_stages.SFT_DATASET]
HOLD = """
import sys
from pathlib import Path
from tailor_core.artifacts.locks import held
with held(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def recipe(train: int = 3) -> Any:
    return make_recipe({"name": "toy", "seed": 4, "problems": {"train": train}}, "toy")


def run(settings: Settings, train: int = 3) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for stage in STAGES:
        inputs: dict[str, ArtifactRef] = {name: outcomes[name].manifest.ref for name in stage.inputs}
        job = StageJob(
            spec=make_spec(stage, recipe(train), inputs),
            config=stage.config,
            inputs=inputs,
            recipe="toy",
            home=str(settings.home),
            store=settings.store,
        )
        outcomes[stage.product] = execute(job)
    return outcomes


def put_aside(settings: Settings, *stages: str, train: int = 3, dry_run: bool = False) -> list[Invalidated]:
    store = Store(settings.store)
    return list(invalidate(recipe(train), store, settings.locks, STAGES, stages, dry_run=dry_run))


def test_what_is_put_aside_is_made_again_and_what_follows_is_a_hit(
    settings: Settings, store: Store, toy_log: Path
) -> None:
    first = run(settings)
    [done] = put_aside(settings, "verdicts")
    assert done.ref == first["verdicts"].manifest.ref
    assert (Path(done.moved_to) / "verdicts.parquet").is_file()
    assert store.find("verdicts", done.ref.key) is None
    second = run(settings)
    assert [outcome.hit for outcome in second.values()] == [True, False, True]
    assert toy_log.read_text().split() == ["count", "halve", "add_up", "halve"]


def test_the_artifacts_of_other_recipes_stay(settings: Settings, store: Store) -> None:
    other = run(settings, train=5)
    run(settings)
    put_aside(settings, "problems", "sft_dataset", "problems")
    assert len(store.quarantined()) == 2
    assert all(outcome.hit for outcome in run(settings, train=5).values())
    assert store.find("problems", other["problems"].manifest.key)


def test_a_dry_run_moves_nothing(settings: Settings, store: Store) -> None:
    first = run(settings)
    [said] = put_aside(settings, "verdicts", dry_run=True)
    assert (said.ref, said.moved_to) == (first["verdicts"].manifest.ref, "")
    assert all(outcome.hit for outcome in run(settings).values())
    assert store.quarantined() == {}


def test_what_is_not_there_is_said_with_its_reason(settings: Settings) -> None:
    run(settings)
    [verdicts, problems] = put_aside(settings, "verdicts", "problems", train=9)
    assert (verdicts.ref, verdicts.reason) == (None, "it waits on problems")
    assert (problems.ref, problems.reason) == (None, "problems.train 3 -> 9")


def test_what_another_process_makes_is_left_alone(
    settings: Settings, store: Store, python_environment: dict[str, str]
) -> None:
    key = run(settings)["verdicts"].manifest.key
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.lock_file("verdicts", key, settings.locks))],
        env=python_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(BusyError, match=f"verdicts .* process {holder.pid}"):
        put_aside(settings, "verdicts")
    holder.communicate("")
    assert store.find("verdicts", key)


def test_collection_keeps_what_the_recipe_still_has(settings: Settings, store: Store) -> None:
    outcomes = run(settings)
    put_aside(settings, "verdicts")
    kept = newest_of_each(store.manifests()).values()
    later = 4_000_000_000.0  # all is old by then
    assert find_garbage(store, kept, now=later).artifacts == ()
    only_last = [("sft_dataset", outcomes["sft_dataset"].manifest.key)]
    assert find_garbage(store, only_last, now=later).artifacts == (), "its problems are reachable"

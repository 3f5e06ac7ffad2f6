"""The wrapper around stages, without a server: keys, jobs, retries, and what a task may return."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest
import toy_stages
from prefect.transactions import IsolationLevel

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.config.keyed import all_values
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError, StageError
from tailor_core.stages.execute import StageJob
from tailor_core.stages.registry import STAGES
from tasks.locks import KernelLocks
from tasks.run import Run, current_run
from tasks.stage import StageTask, stage_task


@pytest.fixture
def run(settings: Settings, store: Store) -> Any:
    """A run without trackers."""
    recipe = make_recipe({"name": "toy", "problems": {"train": 3}}, "toy")
    silent: Any = None
    return Run(recipe=recipe, settings=settings, store=store, tracker=silent, lineage=silent)


def cache_key(task: StageTask, run: Run) -> str:
    policy = task.task.cache_policy
    assert policy
    key = policy.compute_key(
        task_ctx=SimpleNamespace(task_run=SimpleNamespace(id="another every time")),  # type: ignore[arg-type]
        inputs={"job": task.job(run, {}).to_json()},
        flow_parameters={"home": "elsewhere"},
    )
    assert key
    return key


def test_a_job_holds_what_no_key_does(run: Run) -> None:
    where = {"kind": "chat", "model": "m", "base_url": "http://here:1/v1", "concurrency": 3}
    recipe = make_recipe({"name": "toy", "demonstrations": {"shard_size": 7}, "teacher": where}, "toy")
    job = StageTask(toy_stages.PACED).job(dataclasses.replace(run, recipe=recipe), {})
    assert "shard_size" not in job.spec.config
    assert job.spec.config["teacher"]["model"] == "m"
    assert not job.unkeyed["teacher"].keys() & job.spec.config["teacher"].keys()
    assert job.unkeyed["shard_size"] == 7
    assert job.unkeyed["teacher"]["base_url"] == "http://here:1/v1"
    section = recipe.section("demonstrations")
    assert all_values(job.spec.config, job.unkeyed) == section.model_dump(mode="json")
    assert StageJob.from_json(json.loads(json.dumps(job.to_json()))) == job


def test_the_cache_key_is_the_stage_key_and_nothing_of_the_run(run: Run, settings: Settings) -> None:
    task = StageTask(toy_stages.PROBLEMS)
    key = cache_key(task, run)
    assert key == f"tailor-problems-{task.job(run, {}).spec.key}"
    moved = dataclasses.replace(run, settings=Settings(home=settings.home / "x", store="memory://y"))
    assert cache_key(task, moved) == key
    changed = dataclasses.replace(run, recipe=make_recipe({"name": "toy", "problems": {"train": 4}}, "toy"))
    assert cache_key(task, changed) != key


def test_a_job_is_json_and_holds_no_data(run: Run) -> None:
    job = StageTask(toy_stages.PROBLEMS).job(run, {}).to_json()
    assert json.loads(json.dumps(job)) == job
    assert len(json.dumps(job)) < 20_000


@pytest.mark.parametrize("product", STAGES)
def test_every_task_caches_json_references_and_retries_with_backoff(product: str) -> None:
    task = stage_task(product).task
    assert task.name == product
    assert task.persist_result
    assert task.result_serializer == "json"
    assert task.retries == STAGES[product].retries >= 1
    assert callable(task.retry_delay_seconds) or task.retry_delay_seconds
    assert task.cache_policy
    assert task.cache_policy.isolation_level == IsolationLevel.SERIALIZABLE
    assert isinstance(task.cache_policy.lock_manager, KernelLocks)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError("disk"), True),
        (ConnectionError("gone"), True),
        (StageError("bad input"), False),
        (ArtifactError("damaged"), False),
        (ValueError("a bug"), False),
        (MemoryError(), False),
    ],
)
def test_only_failures_of_the_machine_are_tried_again(error: Exception, again: bool) -> None:
    condition = StageTask(toy_stages.PROBLEMS).task.retry_condition_fn
    assert condition
    state = SimpleNamespace(result=lambda raise_on_failure: error)
    assert condition(None, None, state) is again  # type: ignore[arg-type]


def test_inputs_must_be_those_of_the_registry(run: Run) -> None:
    with pytest.raises(AssertionError, match="verdicts reads"):
        StageTask(toy_stages.VERDICTS).job(run, {})


def test_of_what_a_flow_offers_a_stage_is_given_what_its_recipe_reads(run: Run) -> None:
    task = stage_task("primitives")
    offered = {
        name: ArtifactRef(stage=name, key="k", digest=name, uri="u") for name in task.definition.offered
    }
    read = {}
    for kind in ("procedural", "self"):
        recipe = make_recipe({"name": "toy", "teacher": {"kind": kind}}, "toy")
        job = task.job(dataclasses.replace(run, recipe=recipe), offered)
        assert job.spec.inputs == {name: ref.digest for name, ref in job.inputs.items()}
        read[kind] = set(job.inputs)
    assert read == {"procedural": {"problems", "probe"}, "self": {"problems", "probe", "backbone"}}
    with pytest.raises(AssertionError, match="primitives reads"):
        task.job(run, {name: offered[name] for name in ("problems", "probe")})


def test_outside_a_run_there_is_none() -> None:
    with pytest.raises(StageError, match="outside a run"):
        current_run()

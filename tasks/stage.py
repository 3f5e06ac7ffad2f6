"""One wrapper that makes a stage a Prefect task: cache, retries, tracking. The only clever Prefect code.

Prefect's cache is the fast path: its key is the stage key, its value an artifact's reference. The store is
the truth: a cached reference counts only if the store has that artifact, byte by byte, and with Prefect's
database lost everything is still found in the store.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

from prefect import Task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.tasks import exponential_backoff
from prefect.transactions import IsolationLevel

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.keyed import unkeyed_values
from tailor_core.stages.context import Track
from tailor_core.stages.execute import Outcome, StageJob, find_intact
from tailor_core.stages.methods import definition_of
from tailor_core.stages.placement import Placement, placement_of
from tailor_core.stages.registry import STAGES, StageDefinition
from tailor_core.stages.spec import make_spec
from tasks.dispatch import dispatch
from tasks.locks import KernelLocks
from tasks.run import Run, attempt_at, note_task_run, progress

Json = dict[str, Any]

_BACKOFF_SECONDS = 2
_LOCKS = KernelLocks()


class Reached(Exception):  # noqa: N818  # it ends a run as asked
    """The last stage that was asked for is done."""


class StageTask:
    """A stage of the method, called in a flow with the artifacts that it reads."""

    def __init__(self, definition: StageDefinition) -> None:
        self.definition = definition
        self.task: Task[[Json, Json], Json] = Task(
            fn=_attempt,
            name=definition.product,
            description=f"Make the product `{definition.product}`",
            task_run_name=cast(Any, _task_run_name),  # which Prefect takes, though no function is of its type
            cache_policy=CacheKeyFnPolicy(cache_key_fn=_cache_key).configure(
                isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=_LOCKS
            ),
            persist_result=True,
            result_serializer="json",
            retries=definition.retries,
            retry_delay_seconds=exponential_backoff(_BACKOFF_SECONDS),
            retry_jitter_factor=0.5,
            retry_condition_fn=_is_worth_another_try,
        )

    def __call__(self, run: Run, **offered: ArtifactRef) -> ArtifactRef:
        """The stage's artifact: found in the store, or made now. `Reached` after the last stage of the run."""
        started = time.monotonic()
        job = self.job(run, offered)
        stage = job.spec.stage
        before = run.outcomes.get(stage)
        place = placement_of(definition_of(self.definition, run.recipe.method), run.recipe)
        ref = self._run(job, place, anew=job.force)
        if run.outcomes.get(stage) is before:  # it was Prefect that had the reference
            intact = find_intact(run.store, stage, job.spec.key)
            if intact and intact.digest == ref.digest:
                with attempt_at(job) as attempt:
                    attempt.complete(Outcome(manifest=intact, hit=True))
            else:
                ref = self._run(job, place, anew=True)
        _tell(run.outcomes[stage], time.monotonic() - started)
        if stage == run.until:
            raise Reached
        return ref

    def _run(self, job: StageJob, place: Placement, *, anew: bool) -> ArtifactRef:
        """The reference that Prefect has cached or, `anew`, that an attempt at the stage gives."""
        task = self.task.with_options(refresh_cache=True) if anew else self.task
        return ArtifactRef.from_json(task(job.to_json(), place.to_json()))

    def job(self, run: Run, offered: Mapping[str, ArtifactRef]) -> StageJob:
        """What is to be done, as another process could do it, with what this recipe reads of what is offered."""
        definition = definition_of(self.definition, run.recipe.method)
        assert offered.keys() >= set(definition.offered), f"{definition.product} reads {definition.offered}"
        section = definition.config_in(run.recipe)
        inputs = {name: offered[name] for name in definition.inputs_of(section)}
        return StageJob(
            spec=make_spec(definition, run.recipe, inputs),
            config=definition.config,
            inputs=inputs,
            recipe=run.recipe.name,
            home=str(run.settings.home),
            store=run.settings.store,
            unkeyed=unkeyed_values(section),
            force=definition.product in run.force,
        )


def stage_task(product: str) -> StageTask:
    """The task of a product in the registry."""
    return StageTask(STAGES[product])


def _attempt(job: Json, place: Json) -> Json:
    """One attempt at a stage, in the current run; the artifact's reference."""
    todo = StageJob.from_json(job)
    with attempt_at(todo) as attempt:

        def begin() -> Track:
            progress.info("%-15s ...", todo.spec.stage)
            return attempt.begin()

        outcome = dispatch(todo, Placement.from_json(place), begin, progress.info)
        attempt.complete(outcome)
    return cast(Json, outcome.manifest.ref.to_json())


def _task_run_name(parameters: Mapping[str, Any]) -> str:
    """`policy 3fa2c1d0`: the stage, and where its key begins."""
    spec = StageJob.from_json(parameters["job"]).spec
    return f"{spec.stage} {spec.key[:8]}"


def _cache_key(context: Any, parameters: Mapping[str, Any]) -> str:
    """The stage key. With it comes to be known which task run is the stage's, also where the cache then serves it."""
    spec = StageJob.from_json(parameters["job"]).spec
    note_task_run(spec.stage, context.task_run.id)
    return f"tailor-{spec.stage}-{spec.key}"


def _is_worth_another_try(task: Any, run: Any, state: Any) -> bool:
    """A full disk or a lost connection may pass; bad input and bugs do not."""
    return isinstance(state.result(raise_on_failure=False), OSError)


def _tell(outcome: Outcome, seconds: float) -> None:
    word = "hit " if outcome.hit else "made"
    manifest = outcome.manifest
    rows = ", ".join(f"{count} {name}" for name, count in manifest.summary.get("rows", {}).items())
    line = f"{manifest.stage:<15} {word} {seconds:7.1f} s  {manifest.digest[:12]}  {rows}"
    progress.info(line.rstrip())

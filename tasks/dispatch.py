"""Where a stage runs: in this process, in one below it, or wherever a worker of a Prefect work pool takes it."""

from __future__ import annotations

from collections.abc import Callable

from tailor_core.artifacts.store import Store
from tailor_core.stages.context import Track
from tailor_core.stages.events import Listener
from tailor_core.stages.execute import Outcome, Say, StageJob, execute, find_intact
from tailor_core.stages.placement import Placement
from tailor_core.stages.supervise import supervise
from tailor_core.stages.unchanged import check_sources
from tasks.fan_out import fan_out_over
from tasks.secrets import provide_key
from tasks.work_pool import run_in_work_pool


def dispatch(job: StageJob, place: Placement, begin: Callable[[], Track], say: Say) -> Outcome:
    """Make a stage's artifact where the placement says, unless the store has it; see `execute`.

    What the stage tells comes here, wherever it runs: `begin` is called when it begins, and gives the tracker that its
    metrics go to; `say` is called with what a person should know. What it raises is raised here.
    """
    if place.where != "work_pool":  # there it is for the worker's flow to find
        provide_key(job)
    if place.where == "local":
        check_sources(job.spec)
        return execute(job, begin=begin, say=say, fan_out=fan_out_over(place.fan_out, job, say))
    store, stage, key = Store(job.store), job.spec.stage, job.spec.key
    standing = None if job.force else find_intact(store, stage, key)
    if standing:
        return Outcome(manifest=standing, hit=True)
    listener = Listener(begin, say)
    if place.where == "subprocess":
        details = str(supervise(job, listener.hear, python=place.python, time_limit=place.time_limit))
    else:
        details = run_in_work_pool(job, place, listener.hear, say)
    failure = listener.failure(stage, details)
    if failure:
        raise failure
    return listener.outcome(store, stage, key)

"""The flow that a worker of a work pool runs for a stage that a run sent there."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from tailor_core.artifacts.store import Store
from tailor_core.config.settings import HOME_VARIABLE, Settings, prepare_process
from tailor_core.stages.events import Event, Listener
from tailor_core.stages.execute import Outcome, StageJob
from tailor_core.stages.supervise import supervise
from tailor_core.tracking.progress import PROGRESS
from tasks.board import Board
from tasks.secrets import provide_key
from tasks.work_pool import EventLog

progress = logging.getLogger("tailor")


@flow(name="tailor-stage", retries=0)
def stage_runner(job: dict[str, Any], python: str = "", time_limit: float | None = None) -> dict[str, str]:
    """Run one stage in a process of its own and tell the run that sent it what it tells; the artifact's reference.

    job:        what `tailor_core.stages.execute.StageJob` writes as JSON
    python:     the interpreter that runs the stage; that of this flow where it is empty
    time_limit: seconds after which the stage is ended

    The home is the one of the run that sent the stage, unless the worker's environment names its own in TAILOR_HOME.
    """
    todo = StageJob.from_json(job)
    home = Path(os.environ.get(HOME_VARIABLE) or todo.home).expanduser().absolute()
    todo = dataclasses.replace(todo, home=str(home))
    prepare_process(Settings(home=home, store=todo.store))
    provide_key(todo)
    board = Board()

    def show(metrics: Mapping[str, float], step: int) -> None:
        if PROGRESS in metrics:
            about = f"{todo.recipe}: how far {todo.spec.stage} is"
            board.advance(todo.spec.stage, metrics[PROGRESS], key=None, about=about)

    listener = Listener(lambda: show, progress.info)
    with get_client(sync_client=True) as client:
        log = EventLog(client, UUID(flow_run.id))

        def hear(event: Event) -> None:
            listener.hear(event)
            log.write(event)

        try:
            details = supervise(todo, hear, python=python, time_limit=time_limit)
        except Exception as error:
            log.write(Event.of_error(error))
            raise
        finally:
            log.close()
    failure = listener.failure(todo.spec.stage, str(details))
    if failure:
        board.close()
        raise failure
    assert listener.last, "it told how it went"
    board.finish(todo.spec.stage)
    board.show(
        partial(_page, todo, listener.last.hit),
        what=f"the page of {todo.spec.stage}",
        key=None,  # the run that sent the stage shows it under a key
        about=f"{todo.recipe}: what {todo.spec.stage} made",
    )
    board.close()
    return dict(listener.last.ref)


def _page(job: StageJob, hit: bool) -> str:
    from tasks.pages import stage_page  # with polars: a quarter of a second that no stage has to wait for

    manifest = Store(job.store).find(job.spec.stage, job.spec.key)
    assert manifest, "the stage has just told that it is there"
    return stage_page(job, Outcome(manifest=manifest, hit=hit))

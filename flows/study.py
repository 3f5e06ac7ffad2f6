"""A study: its trials, each a run of its own, and what they come to on one page.

A trial is a process beside the study's, also where the study runs as a deployment. It could be a flow run of the
deployment `tailor/any` instead; but a study that waits holds a place of the pool that its trials wait for, and where
workers take only so many runs the two would wait for each other for ever. What is heavy in a trial goes where it
belongs anyway: with `execution.gpu=work_pool` among the overrides each stage that needs a GPU is sent to the GPU pool.
The processes of trials then wait for that and do little else, and there may be as many at once as there are GPUs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows import RECIPES, STUDIES
from flows.command import shortened, study_command
from flows.scores import Score, read_score, score_rows
from flows.study_page import write_page
from flows.watching import Watch
from tailor_core.artifacts.store import Store
from tailor_core.config.settings import (
    HOME_VARIABLE,
    STORE_VARIABLE,
    Settings,
    prepare_process,
    read_settings,
)
from tailor_core.config.study import Study, load_study
from tailor_core.report.markdown import code, table
from tailor_core.stages.trials import TrialPlan, note_artifacts, plan_study, remember
from tailor_core.study.trials import Trial, expand, trial_name
from tailor_core.tracking.datasets import never_failing
from tailor_core.tracking.executed import find_executed
from tasks.board import Board, page_key
from tasks.recovery import recoverable
from tasks.run import progress
from tasks.tags import add_tags
from tasks.trial import TRIAL, Processes


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnd:
    """What a study came to.

    trials:  all of them; `refs` of one that came to its end, `reason` of one that did not
    crashed: names of trials that another run of the same study tries again
    scores:  of each trial, None of one that did not come to its end
    page:    where it is; None where too little came to its end for one
    """

    trials: Sequence[Trial]
    crashed: Sequence[str]
    scores: Sequence[Score | None]
    page: Path | None


class TrialsCrashedError(Exception):
    """Some trials crashed; the others have run, and their page is there."""

    def __init__(self, end: StudyEnd) -> None:
        super().__init__(f"{len(end.crashed)} trials crashed: {', '.join(end.crashed)}; run the same again")
        self.end = end


def _name() -> str:
    given = flow_run.parameters
    return shortened(", ".join([Path(given["name"]).stem, *(given["overrides"] or [])]))


@flow(name="tailor-study", flow_run_name=_name)
def study(
    name: str = "kk-tiny",
    overrides: list[str] | None = None,
    home: Path | None = None,
    store: str | None = None,
    parallel: Annotated[int, Field(ge=1)] | None = None,
) -> StudyEnd:
    """Run the trials of a study that the store does not have, and write its page.

    A trial that ends with one sentence is told with it. One that crashes fails the study once all others have ended.

    Args:
        name: a study that ships with Tailor, or the path of a .toml file
        overrides: what is changed, such as seeds=2 in the study, or execution.gpu=work_pool in each trial's recipe
        home: where runs keep their things; if not said, $TAILOR_HOME, else .tailor in the working directory
        store: the artifact store, a directory or URL; if not said, $TAILOR_STORE, else in the home
        parallel: trials that run at once; if not said, half as many as there are cores
    """
    settings = read_settings(home, store)
    loaded = load_study(name, STUDIES, overrides or [])
    trials = expand(loaded, RECIPES)
    prepare_process(settings)
    add_tags("study", loaded.name)
    at_once = parallel or max(1, (os.cpu_count() or 1) // 2)
    board = Board()
    with recoverable(settings, study_command(name, overrides or [], parallel)):
        try:
            end = _Trials(loaded, settings, at_once, board).run(trials)
            board.show(
                lambda: _summary(end),
                what="the summary",
                key=page_key("study", loaded.name),
                about=loaded.description or f"study {loaded.name}: what it came to",
            )
        finally:
            board.close()
    if end.crashed:
        raise TrialsCrashedError(end)
    return end


class _Trials:
    """The trials of one study, being run."""

    def __init__(self, study: Study, settings: Settings, parallel: int, board: Board) -> None:
        self._study, self._settings, self._parallel, self._board = study, settings, parallel, board
        self._store = Store(settings.store)
        self._crashed: list[str] = []

    def run(self, trials: Sequence[Trial]) -> StudyEnd:
        """Run what is missing, and write the page."""
        plans = plan_study(self._study, trials, RECIPES, self._settings)
        earlier = [plan.trial.seconds for plan in plans if plan.trial.refs]
        watch = Watch(self._study.name, len(plans), self._parallel, self._board, earlier)
        for plan in plans:
            if plan.settled:
                note_artifacts(plan)
                self._tell(plan.trial, watch)
        with watch.shown():
            ended = self._run_missing([plan for plan in plans if not plan.settled], watch)
        self._board.finish(self._study.name)
        found = [ended.get(plan.trial.command, plan.trial) for plan in plans]
        found = _with_pages(found, self._settings)
        return StudyEnd(
            trials=found,
            crashed=self._crashed,
            scores=[self._score(trial) for trial in found],
            page=write_page(self._study, found, self._settings),
        )

    def _run_missing(self, plans: Sequence[TrialPlan], watch: Watch) -> dict[tuple[str, ...], Trial]:
        """Run trials, so many at once; each as it came out, by its command."""
        processes = Processes()
        ended = {}
        # The handler that polars installs restarts waits: Ctrl-C would be heard when a trial has ended.
        signal.siginterrupt(signal.SIGINT, True)
        with ThreadPoolTaskRunner[Any](max_workers=self._parallel) as runner:
            try:
                under_way: dict[PrefectFuture[Any], TrialPlan] = {
                    runner.submit(TRIAL, self._parameters(plan, processes, watch)): plan for plan in plans
                }
                for future in as_completed(list(under_way)):
                    plan = under_way[future]
                    trial = self._outcome(future, plan)
                    self._tell(trial, watch)
                    ended[trial.command] = trial
            except BaseException:
                processes.end()
                progress.warning("interrupted, and so are its trials: run the same again, which goes on")
                raise
        return ended

    def _parameters(self, plan: TrialPlan, processes: Processes, watch: Watch) -> dict[str, Any]:
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        return {
            "name": trial_name(self._study, plan.trial),
            "command": [sys.executable, "-m", "flows.trial", *plan.trial.command],
            "log": plan.log,
            "variables": {
                HOME_VARIABLE: str(self._settings.home),
                STORE_VARIABLE: self._settings.store,
                **_threads(self._parallel),
            },
            "processes": processes,
            "begin": watch.begin,
        }

    def _outcome(self, future: PrefectFuture[Any], before: TrialPlan) -> Trial:
        """The trial as its run left it."""
        name = trial_name(self._study, before.trial)
        try:
            reason = future.result()
        except Exception as error:
            self._crashed.append(name)
            return replace(before.trial, reason=str(error))
        [plan] = plan_study(self._study, [before.trial], RECIPES, self._settings)
        if reason:
            remember(plan, reason)
            return replace(before.trial, reason=reason)
        if not plan.trial.refs:
            self._crashed.append(name)
            lacking = ", ".join(plan.missing)
            return replace(
                before.trial,
                reason=f"{name}: it ended well, but the store lacks {lacking}; see {str(plan.log)!r}",
            )
        note_artifacts(plan)
        return plan.trial

    def _score(self, trial: Trial) -> Score | None:
        return read_score(trial, self._store, self._settings.cache)

    def _tell(self, trial: Trial, watch: Watch) -> None:
        name, score = trial_name(self._study, trial), self._score(trial)
        crashed = name in self._crashed
        told = str(score) if score else f"{'crashed' if crashed else 'ended'}: {trial.reason}"
        watch.end(name, told, well=not crashed)


def _threads(parallel: int) -> dict[str, str]:
    """Trials share the cores, unless somebody has said otherwise."""
    if "OMP_NUM_THREADS" in os.environ or parallel == 1:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // parallel))}


def _with_pages(trials: Sequence[Trial], settings: Settings) -> list[Trial]:
    """The trials with the MLflow runs in which their policies were trained."""
    pages: dict[str, str] = {}
    with never_failing("where MLflow has the trials"):
        pages = find_executed(settings.tracking_uri, "policy")
    return [
        replace(trial, mlflow=pages.get(trial.refs["policy"].key, "")) if trial.refs else trial
        for trial in trials
    ]


def _summary(end: StudyEnd) -> str:
    """What Prefect shows of a study."""
    headings, rows = score_rows(end.trials, end.scores)
    cells = [[code(row[0]), *row[1:]] for row in rows]
    page = f"page: {code(end.page, 300)}" if end.page else "no page"
    return f"{table(headings, cells)}\n\n{page}"

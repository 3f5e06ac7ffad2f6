"""`tailor study`: compare methods and their ablations over seeds and backbones."""

from __future__ import annotations

from typing import Annotated

import typer

from flows import RECIPES, STUDIES
from flows.command import study_command
from flows.options import Home, StoreUrl
from flows.served import served
from tailor_core.config.load import names_in
from tailor_core.config.settings import Settings, prepare_process, read_settings
from tailor_core.config.study import Study, load_study
from tailor_core.study.trials import Trial, expand, trial_name

StudyName = Annotated[str, typer.Argument(help=f"one of {', '.join(names_in(STUDIES))}, or a .toml file")]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="change the study (seeds, methods, ...), or override a value of every trial's recipe; repeatable",
    ),
]


def study(
    name: StudyName,
    changes: Changes = None,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, help="trials that run at once; default: half as many as there are cores"),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="list the trials and what each of them lacks, and run none")
    ] = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Run the trials of a study (methods x backbones x seeds) that the store lacks, and write its page.

    Each is an ordinary run of a recipe, and shares every artifact that it can with the others. The same command goes
    on after an interruption, and takes seconds after the end; another seed or method runs only what is new.

    Example: tailor study kk-tiny

    Example: tailor study kk-tiny --set seeds=5 --set 'methods=["tailor", "none"]' --set policy.steps=10

    Example: tailor study kk-tiny --plan
    """
    settings = read_settings(home, store, make=not plan)
    loaded = load_study(name, STUDIES, changes or [])
    trials = expand(loaded, RECIPES)
    if plan:
        _print_plan(loaded, trials, settings)
        return
    prepare_process(settings)
    from flows.terminal import show_progress

    show_progress()
    with served(settings, study_command(name, changes or [], parallel)) as ready:
        from flows.study import TrialsCrashedError
        from flows.study import study as flow

        with ready():
            try:
                end = flow(name, changes or [], settings.home, settings.store, parallel)
            except TrialsCrashedError as error:
                end = error.end
    from flows.scores import score_rows
    from flows.terminal import print_figures

    print("Right answers in percent (pass@1), mean over seeds ± standard deviation")
    print_figures(*score_rows(end.trials, end.scores))
    for one in end.trials:
        if one.reason:
            print(f"{trial_name(loaded, one)} did not come to its end: {one.reason}")
    if end.page:
        print(f"page: {end.page}")
    if end.crashed:
        raise typer.Exit(1)
    if not any(one.refs for one in end.trials):
        raise typer.Exit(2)


def _print_plan(study: Study, trials: list[Trial], settings: Settings) -> None:
    """A line for each trial: hit, or the stages that it lacks, or the sentence with which it ends."""
    from tailor_core.stages.trials import plan_study

    lines = []
    width = max(len(trial_name(study, trial)) for trial in trials)
    for trial, found in zip(trials, plan_study(study, trials, RECIPES, settings), strict=True):
        lacking = found.trial.reason or ", ".join(found.missing)
        word = "hit" if found.trial.refs else "ended" if found.trial.reason else "miss"
        lines.append(word)
        print(f"{trial_name(study, trial):<{width}}  {word:<5}  {lacking}".rstrip())
    print(f"{len(trials)} trials, {lines.count('hit')} of them complete, {lines.count('miss')} to run")

"""What an operator has done every night: killed runs put in order, and what no recipe needs removed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from prefect import flow, task

from tailor_core.config.settings import HOME_VARIABLE, STORE_VARIABLE, Settings, read_settings
from tailor_core.errors import StageError
from tailor_core.inference.guardian import guarded

progress = logging.getLogger("tailor")

_STOP_SECONDS = 10
"""For what runs to end in good order."""


@flow(name="tailor-upkeep")
def upkeep(
    home: Path | None = None, store: str | None = None, resume: bool = False, delete: bool = False
) -> None:
    """Recover killed runs, then find what the store need not keep.

    Args:
        home: the home of the runs; if not said, $TAILOR_HOME, else .tailor in the working directory
        store: their artifact store; if not said, $TAILOR_STORE, else in the home
        resume: run killed runs again
        delete: delete what no recipe needs, and not only say what that is
    """
    settings = read_settings(home, store)
    failed = []
    for arguments in (
        ["recover", *(["--resume"] if resume else [])],
        ["store", "gc", *(["--delete"] if delete else [])],
    ):
        try:
            command(settings, arguments)
        except (
            StageError
        ) as error:  # a run that fails night after night must not keep the store from being cleared
            failed.append(str(error))
    if failed:
        raise StageError("; ".join(failed))


@task(task_run_name="tailor {arguments}")
def command(settings: Settings, arguments: list[str]) -> None:
    """`tailor arguments`, line by line in the log of the run. StageError where it fails.

    It runs below two guardians: a training that it resumes outlives neither a cancelled run nor a killed one.
    """
    places = {HOME_VARIABLE: str(settings.home), STORE_VARIABLE: settings.store}
    with subprocess.Popen(
        guarded([sys.executable, "-m", "flows.cli", *arguments], _STOP_SECONDS),
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                progress.info(line.rstrip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise StageError(f"tailor {' '.join(arguments)} ended with status {process.returncode}; see the log")

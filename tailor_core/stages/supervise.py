"""Runs a stage in a process of its own, whose events it passes on, and of which nothing outlives it.

Below two guardians (`stages.below`) runs `tailor_core.stages.worker`, in the environment of any interpreter. When
the process that supervises is killed, so is the stage, with all processes that it started.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from tailor_core.config.settings import Settings
from tailor_core.errors import MachineError, StageError, TailorError
from tailor_core.stages.below import Hear, last_words, run_below
from tailor_core.stages.execute import StageJob
from tailor_core.stages.placement import find_interpreter


def supervise(job: StageJob, hear: Hear, *, python: str = "", time_limit: float | None = None) -> Path:
    """Run a stage to its end; where its stderr is kept. Its events, the last of which says how it went, are passed on.

    python:     the interpreter; that of this process where it is empty
    time_limit: seconds after which it is ended

    RecipeError where there is no such interpreter, StageError where the stage took too long or ended without a word,
    MachineError where it was killed.
    """
    interpreter = find_interpreter(python)
    file, log = _files(job)
    file.write_text(json.dumps(job.to_json()), encoding="utf-8")
    command = [interpreter, "-m", "tailor_core.stages.worker", str(file)]
    try:
        told, status = run_below(command, log, hear, time_limit=time_limit)
    finally:
        file.unlink(missing_ok=True)
    if status is None:
        raise StageError(
            f"{job.spec.stage}: it was still at work after execution.time_limit = {time_limit:g} seconds; what it "
            "has done so far is kept: raise the limit and run the same again"
        )
    if not told:
        raise _ended_silently(job.spec.stage, status, log)
    return log


def _files(job: StageJob) -> tuple[Path, Path]:
    """Where the job is written, and what the worker prints."""
    directory = Settings(home=Path(job.home), store=job.store).stages
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{job.spec.stage}-{job.spec.key[:12]}-{os.getpid()}"
    return directory / f"{name}.json", directory / f"{name}.log"


def _ended_silently(stage: str, status: int, log: Path) -> TailorError:
    words = last_words(log)
    if status > 128:
        return MachineError(
            f"{stage}: its process was ended by signal {status - 128} ({words}), by a person or for want of memory; "
            f"see {str(log)!r}, and run the same again, which goes on from what it has done"
        )
    return StageError(f"{stage}: its process ended with status {status} ({words}); see {str(log)!r}")

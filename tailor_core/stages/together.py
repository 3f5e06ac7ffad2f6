"""Runs a stage's function in several processes, which Hugging Face accelerate launches, here and on other machines.

Below this process, and two guardians, is the launcher (`stages.launch`), and below that each process of this machine
(`stages.rank`). The first of all writes what the stage leaves, and tells of it; the others are silent. Where one ends
before its work is done, the launcher ends all, says which it was, and what it said.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from tailor_core.config.accelerate import AccelerateConfig
from tailor_core.errors import MachineError, StageError, TailorError
from tailor_core.stages.below import last_words, run_below
from tailor_core.stages.context import StageContext, Track
from tailor_core.stages.events import Listener
from tailor_core.stages.execute import StageJob, config_of

_log = logging.getLogger("tailor.training")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What all processes of a stage are told, in the file `job.json` of a directory that they share.

    inputs, output, workdir: as in `StageContext`
    """

    job: StageJob
    inputs: Mapping[str, str]
    output: str
    workdir: str

    @property
    def directory(self) -> Path:
        """For what the processes leave for one another: logs, errors, and the summary of the first."""
        return Path(self.workdir) / "launch"

    @property
    def accelerate(self) -> AccelerateConfig:
        """How many processes there are, and how they share the model."""
        config: AccelerateConfig = config_of(self.job).accelerate
        return config

    @property
    def file(self) -> Path:
        return self.directory / "job.json"

    @property
    def summary(self) -> Path:
        return self.directory / "summary.json"

    def log(self, rank: int) -> Path:
        return self.directory / f"rank-{rank}.log"

    def error(self, rank: int) -> Path:
        """Where a process that fails writes why, as an event."""
        return self.directory / f"rank-{rank}.error.json"

    def failed(self) -> list[int]:
        """The processes, of all machines, that wrote why they failed, the first first."""
        files = sorted(self.directory.glob("rank-*.error.json"), key=lambda file: file.stat().st_mtime_ns)
        return [int(file.name.removeprefix("rank-").partition(".")[0]) for file in files]

    def write(self) -> None:
        values = {"inputs": dict(self.inputs), "output": self.output, "workdir": self.workdir}
        self.file.write_text(json.dumps({"job": self.job.to_json(), **values}), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """What `write` wrote."""
        values = json.loads(file.read_text(encoding="utf-8"))
        return cls(**{**values, "job": StageJob.from_json(values["job"])})

    def context(self, rank: int, track: Track) -> StageContext:
        """The world of one process. What any but the first leaves as output is thrown away with the workdir."""
        output = self.directory / f"rank-{rank}" if rank else Path(self.output)
        output.mkdir(exist_ok=True)
        return StageContext(
            inputs={name: Path(path) for name, path in self.inputs.items()},
            output=output,
            workdir=Path(self.workdir),
            seed=self.job.spec.seed or 0,
            track=track,
        )


def run_together(job: StageJob, config: AccelerateConfig, context: StageContext) -> Any:
    """What the stage's function returned in the first of the processes.

    What it raised is raised here; MachineError where a process was killed, StageError where one failed otherwise, with
    its rank and its log.
    """
    launch = Launch(
        job=replace(job, home=str(Path(job.home).absolute())),
        inputs={name: str(path) for name, path in context.inputs.items()},
        output=str(context.output),
        workdir=str(context.workdir),
    )
    shutil.rmtree(launch.directory, ignore_errors=True)
    launch.directory.mkdir(parents=True)
    launch.write()
    listener = Listener(lambda: context.track, _log.info)
    log = launch.directory / "launcher.log"
    command = [sys.executable, "-m", "tailor_core.stages.launch", str(launch.file)]
    told, status = run_below(command, log, listener.hear)
    failure = listener.failure(job.spec.stage, repr(str(log)))
    if failure:
        raise failure
    if not told:
        raise _ended_silently(job.spec.stage, config.processes, status or 0, log)
    return json.loads(launch.summary.read_text(encoding="utf-8"))


def _ended_silently(stage: str, processes: int, status: int, log: Path) -> TailorError:
    told = f"{stage}: the launcher of its {processes} processes ended"
    if status > 128:
        return MachineError(
            f"{told} by signal {status - 128}, and they with it; see {str(log)!r}, and run the same again, which goes "
            "on from the newest checkpoint"
        )
    return StageError(f"{told} with status {status} ({last_words(log)}); see {str(log)!r}")

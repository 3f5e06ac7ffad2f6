"""`python -m tailor_core.stages.rank job.json`: one of the processes that do the work of a stage together.

accelerate launches it. It writes into a log of its own. The first tells of the work in events on its stdout, and leaves
what the stage's function returns.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from tailor_core.config.settings import Settings, prepare_process, read_rank
from tailor_core.errors import TailorError
from tailor_core.stages.context import untracked
from tailor_core.stages.events import Event
from tailor_core.stages.execute import config_of
from tailor_core.stages.registry import load_target
from tailor_core.stages.telling import Teller, own_stdout, pass_on_logs
from tailor_core.stages.together import Launch
from tailor_core.stages.worker import check_environment


def main(arguments: list[str]) -> int:
    """Do this process's part of the job in the file that the only argument names; the exit status."""
    launch, rank = Launch.read(Path(arguments[0])), read_rank()
    with launch.log(rank).open("wb") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    prepare_process(Settings(home=Path(launch.job.home), store=launch.job.store))
    with own_stdout() as stdout:
        teller = Teller(stdout)
        if rank == 0:
            pass_on_logs(teller)
        try:
            _work(launch, rank, teller)
        except Exception as error:
            launch.error(rank).write_text(Event.of_error(error).to_line(), encoding="utf-8")
            print(error, file=sys.stderr) if isinstance(error, TailorError) else traceback.print_exc()  # noqa: T201
            return 1
    return 0


def _work(launch: Launch, rank: int, teller: Teller) -> None:
    check_environment(launch.job.spec)  # it may be another machine's
    run = load_target(launch.job.spec.function)
    track = untracked if rank else teller.begin()
    summary = run(config_of(launch.job), launch.context(rank, track))
    if rank == 0:
        launch.summary.write_text(json.dumps(summary), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A flow of toy stages, as `flows.pipeline` is one of real stages; also a program, to be killed.

`python toy_flow.py HOME TRAIN` runs it with the slow first stage and prints the digest of the last artifact.
"""

from __future__ import annotations

import dataclasses
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import toy_stages
from prefect import flow

from flows.terminal import show_progress
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import prepare_process, read_settings
from tasks.publish import publishing
from tasks.run import open_run
from tasks.stage import Reached, StageTask

PROBLEMS = StageTask(toy_stages.PROBLEMS)
SLOW = StageTask(toy_stages.SLOW)
FAILING = StageTask(dataclasses.replace(toy_stages.FAILING, retries=1))
VERDICTS = StageTask(toy_stages.VERDICTS)
SFT_DATASET = StageTask(toy_stages.SFT_DATASET)
DICE = StageTask(toy_stages.DICE)
FIRST = {"count": PROBLEMS, "slow": SLOW, "fail": FAILING, "dice": DICE}


@flow(name="toy")
def toy(
    home: Path,
    train: int = 4,
    first: str = "count",
    more: dict[str, Any] | None = None,
    force: list[str] | None = None,
    until: str = "",
    published: bool = False,
) -> dict[str, Any]:
    """Three stages; for each whether it was a hit, and its reference."""
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": train}, **(more or {})}, "toy")
    with ExitStack() as stack:
        run = stack.enter_context(open_run(recipe, read_settings(home), force=force or [], until=until))
        if published:
            stack.enter_context(publishing(run))
        with suppress(Reached):
            problems = FIRST[first](run)
            verdicts = VERDICTS(run, problems=problems)
            SFT_DATASET(run, problems=problems, verdicts=verdicts)
        return {
            stage: {"hit": outcome.hit, **outcome.manifest.ref.to_json()}
            for stage, outcome in run.outcomes.items()
        }


if __name__ == "__main__":
    show_progress()
    prepare_process(read_settings(sys.argv[1]))
    print(toy(Path(sys.argv[1]), int(sys.argv[2]), "slow")["sft_dataset"]["digest"])

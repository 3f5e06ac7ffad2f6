"""A stage whose rows can be shared out, and who makes them can be made to fail: the numbers of `toy_stages`, squared.

The directory $TOY_PIECES says what happens to whom, in files named after the first row of a piece: `fail-8` has it
raise, `die-8` kills its process, `die-8-once` does so once. Its file `log` has a line for each piece begun: the
process, the first row.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.tables import read_table, write_table
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.errors import InputError
from tailor_core.stages.context import StageContext
from tailor_core.stages.piecework import make_table
from tailor_core.stages.registry import StageDefinition

SIZE = 4

SQUARES = StageDefinition(
    product="verdicts",
    function="toy_pieces:run",
    config="tailor_core.config.verdicts:VerdictsConfig",
    inputs=("problems",),
)


def run(config: VerdictsConfig, context: StageContext) -> dict[str, Any]:
    """Write squares.parquet."""
    work = Squares(config, context.inputs, context.seed)
    write_table(context.output / "squares.parquet", make_table(work, config, context, "squares", SIZE))
    return {}


class Squares:
    """The squares of the numbers, and the seed."""

    def __init__(self, config: VerdictsConfig, inputs: Mapping[str, Path], seed: int) -> None:
        self._numbers = read_table(inputs["problems"] / "problems.parquet")["number"]
        self._seed = seed

    def __len__(self) -> int:
        return len(self._numbers)

    def make(self, rows: range) -> polars.DataFrame:
        told = Path(os.environ["TOY_PIECES"])
        with (told / "log").open("a") as log:
            log.write(f"{os.getpid()} {rows.start}\n")
        if (told / f"fail-{rows.start}").exists():
            raise InputError(f"row {rows.start} is wrong; mend it")
        once = told / f"die-{rows.start}-once"
        if once.exists():
            once.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if (told / f"die-{rows.start}").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        part = self._numbers[rows.start : rows.stop].to_list()
        return polars.DataFrame({"square": [number**2 for number in part], "seed": [self._seed] * len(part)})

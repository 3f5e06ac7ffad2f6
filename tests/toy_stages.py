"""Small real stages that stand in for slow ones: they count, sum, wait, fail and remember."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.tables import read_table, write_table
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.config.problems import ProblemsConfig
from tailor_core.config.settings import read_secret
from tailor_core.config.sft_dataset import SFTDatasetConfig
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.stages.context import StageContext
from tailor_core.stages.registry import StageDefinition
from tailor_core.tracking.progress import Bar

PROBLEMS = StageDefinition(
    product="problems", function="toy_stages:count", config="tailor_core.config.problems:ProblemsConfig"
)
VERDICTS = StageDefinition(
    product="verdicts",
    function="toy_stages:halve",
    config="tailor_core.config.verdicts:VerdictsConfig",
    inputs=("problems",),
    seeded=False,
)
SFT_DATASET = StageDefinition(
    product="sft_dataset",
    function="toy_stages:add_up",
    config="tailor_core.config.sft_dataset:SFTDatasetConfig",
    inputs=("problems", "verdicts"),
    seeded=False,
)
SLOW = StageDefinition(
    product="problems",
    function="toy_stages:count_slowly",
    config="tailor_core.config.problems:ProblemsConfig",
)
FAILING = StageDefinition(
    product="problems", function="toy_stages:fail", config="tailor_core.config.problems:ProblemsConfig"
)
DICE = StageDefinition(
    product="problems", function="toy_stages:throw", config="tailor_core.config.problems:ProblemsConfig"
)
PACED = StageDefinition(
    product="demonstrations",
    function="toy_stages:write_in_shards",
    config="tailor_core.config.demonstrations:DemonstrationsConfig",
)
LAZY = StageDefinition(
    product="problems",
    function="toy_stages:write_nothing",
    config="tailor_core.config.problems:ProblemsConfig",
)
TALKATIVE = StageDefinition(
    product="problems", function="toy_stages:talk", config="tailor_core.config.problems:ProblemsConfig"
)
MEASURED = StageDefinition(
    product="problems", function="toy_stages:measure", config="tailor_core.config.problems:ProblemsConfig"
)
QUOTING = StageDefinition(
    product="demonstrations",
    function="toy_stages:quote_key",
    config="tailor_core.config.demonstrations:DemonstrationsConfig",
)
KILLED = StageDefinition(
    product="problems", function="toy_stages:die", config="tailor_core.config.problems:ProblemsConfig"
)


def quote_key(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """Fail as a server's library does that quotes the key in its error; the digest tells that it was the right one."""
    key = read_secret(config.teacher.key_variable)
    digest = hashlib.sha256(key.encode()).hexdigest()
    try:
        raise ValueError(f"Authorization: Bearer {key}")
    except ValueError as error:
        raise RuntimeError(f"the key {key!r} is wrong, whose digest is {digest}") from error


def count(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """The numbers from the seed on, as many as `train` says; one line in the file $TOY_LOG for each call."""
    _log("count")
    numbers = list(range(context.seed, context.seed + _size(config)))
    write_table(context.output / "problems.parquet", polars.DataFrame({"number": numbers}))
    context.track({"loss": 0.5}, 1)
    return {"rows": {"problems": len(numbers)}, "metrics": {"train": {"size": len(numbers)}}}


def halve(config: VerdictsConfig, context: StageContext) -> dict[str, Any]:
    """Halves, rounded down: neighbours give equal content."""
    _log("halve")
    table = read_table(context.inputs["problems"] / "problems.parquet")
    write_table(context.output / "verdicts.parquet", table.select(polars.col("number") // 2))
    return {"rows": {"verdicts": table.height}}


def add_up(config: SFTDatasetConfig, context: StageContext) -> dict[str, Any]:
    """The sum of all inputs."""
    _log("add_up")
    total = sum(read_table(d / f"{name}.parquet")["number"].sum() for name, d in context.inputs.items())
    (context.output / "nested").mkdir()
    (context.output / "nested" / "sum.json").write_text(json.dumps(total))
    return {"rows": {}}


def count_slowly(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """Like `count`, one file in the workdir a number; goes on where a killed attempt stopped."""
    _log("count_slowly")
    with Bar(context.track, total=_size(config)) as bar:
        for number in range(_size(config)):
            part = context.workdir / f"{number}.part"
            if not part.exists():
                (context.output / "half-written").write_text("not yet")
                time.sleep(0.05)
                part.write_text(str(number))
                _log(f"part {number}")
            bar.update()
    (context.output / "half-written").unlink(missing_ok=True)
    return count(config, context)


def fail(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """Write half and raise."""
    _log("fail")
    (context.output / "half").write_text("half")
    raise OSError("the disk went away")


def throw(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """Other numbers every time: a stage that does not repeat itself."""
    _log("throw")
    numbers = [int.from_bytes(os.urandom(6)) for _ in range(_size(config))]
    write_table(context.output / "problems.parquet", polars.DataFrame({"number": numbers}))
    return {"rows": {"problems": len(numbers)}}


def write_in_shards(config: DemonstrationsConfig, context: StageContext) -> dict[str, Any]:
    """As many numbers as `total` says; the size of the shards is a line in the file $TOY_LOG."""
    _log(f"shards of {config.shard_size}")
    numbers = list(range(config.total))
    write_table(context.output / "demonstrations.parquet", polars.DataFrame({"number": numbers}))
    return {"rows": {"demonstrations": len(numbers)}}


def write_nothing(config: ProblemsConfig, context: StageContext) -> Mapping[str, Any]:
    """Return without a file."""
    return {}


def talk(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """Print what looks like the words of a worker, from here and from a program, and warn."""
    print('{"kind": "done"}', flush=True)
    subprocess.run(["echo", '{"kind": "error"}'], check=True)
    logging.getLogger("tailor_core.toy").warning("a warning for a person")
    (context.output / "empty").touch()
    return {}


def measure(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """As many training steps as `train` says, each with a metric."""
    for step in range(_size(config)):
        context.track({"loss": step / 2}, step)
    (context.output / "empty").touch()
    return {}


def die(config: ProblemsConfig, context: StageContext) -> dict[str, Any]:
    """Kill the process, with a last word."""
    print("last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _size(config: ProblemsConfig) -> int:
    assert isinstance(config.train, int)
    return config.train


def _log(line: str) -> None:
    path = os.environ.get("TOY_LOG")
    if path:
        with Path(path).open("a") as stream:
            stream.write(line + "\n")

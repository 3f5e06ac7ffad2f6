"""Verification and embedding of many trajectories, by whom `[execution] fan_out` has them made.

Run `python tests/benchmarks/bench_fan_out.py [rows] [rounds]` (20000 rows, one round; 200000 take half an hour). The
procedural teacher writes the trajectories first, shared out over all cores. Then contenders take turns, each in a
process of its own, and each makes all verdicts, with step checks, and all embeddings; all have to come to the same
bytes.

* in process: what a stage does by itself
* threads:    Prefect's `ThreadPoolTaskRunner`, two at a time, as a person would try first; Python runs one of them
* 1 worker, 2 workers: `fan_out = 1` and `2`, Prefect's `DaskTaskRunner` over processes of one thread each

Seconds are the median round: `whole` from the call to the table, and `work` of that what lies between the moment when
the workers are there and the last piece; the ratio is to `work` with one worker. Processor seconds are those of the
process that hands out and keeps, and of its workers. They hardly depend on what else the machine does: with P of the
first and W of the second in the row of one worker, two cores that nobody else wants show about 2 W : (W + P).
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tailor_core.artifacts.manifest import Manifest, content_digest, describe_files
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import table_bytes
from tailor_core.config.settings import Settings
from tailor_core.stages.context import FanOut, Keep, StageContext
from tailor_core.stages.execute import StageJob, config_of, execute, local_inputs
from tailor_core.stages.piecework import ROWS, make_table
from tailor_core.stages.registry import STAGES, load_target

TRAJECTORIES = 20_000
PIECES = 16
"""Of fewer trajectories the pieces are smaller, so that there are as many."""

ROOT = Path(__file__).parents[2]
WORKS = {
    "verdicts": "tailor_core.stages.verdicts:Judging",
    "embeddings": "tailor_core.stages.selection:Embedding",
}
CONTENDERS = ("in process", "threads", "1 worker", "2 workers")


def make_jobs(home: Path, rows: int) -> dict[str, StageJob]:
    """The jobs that verify and embed so many trajectories, which are made now."""
    from tailor_core.config.load import make_recipe
    from tailor_core.stages.spec import make_spec
    from tasks.fan_out import fan_out_over

    problems = max(200, min(20_000, rows // 10))
    values = {
        "name": "bench",
        "problems": {"train": problems},
        "primitives": {"rounds": 1, "probe_problems": 16},
        "demonstrations": {"total": rows},
    }
    recipe = make_recipe(values, "bench")
    store = str(home / "store")
    refs = {"probe": write_probe(Store(store), home)}

    def job_of(product: str, *inputs: str) -> StageJob:
        read = {name: refs[name] for name in inputs}
        spec = make_spec(STAGES[product], recipe, read)
        config = STAGES[product].config
        return StageJob(spec=spec, config=config, inputs=read, recipe="bench", home=str(home), store=store)

    for product, inputs in (
        ("problems", ()),
        ("primitives", ("problems", "probe")),
        ("demonstrations", ("problems", "primitives")),
    ):
        job = job_of(product, *inputs)
        refs[product] = execute(job, fan_out=fan_out_over(os.cpu_count() or 1, job, print)).manifest.ref
    return {
        "verdicts": job_of("verdicts", "problems", "demonstrations"),
        "embeddings": job_of("selection", "demonstrations"),
    }


def write_probe(store: Store, home: Path) -> ArtifactRef:
    """The artifact of a probe that shows nothing in particular."""
    key = "0" * 64
    directory = store.staging("probe", key, home)
    summary = {"pass_rate_by_difficulty": {}, "failures": {}, "wrong": 0}
    (directory / "summary.json").write_text(json.dumps(summary))
    files = describe_files(directory)
    digest = content_digest({name: entry["sha256"] for name, entry in files.items()})
    return store.commit(directory, Manifest(stage="probe", key=key, digest=digest, files=files, spec={})).ref


def threads(job: StageJob, say: Callable[[str], None]) -> FanOut:
    """The pieces by Prefect's own task runner, two threads."""
    from prefect.task_runners import ThreadPoolTaskRunner

    from tasks.fan_out import PIECE

    def fan_out(work: str, pieces: Sequence[range], keep: Keep) -> None:
        described = json.dumps(job.to_json())
        with ThreadPoolTaskRunner(max_workers=2) as runner:
            say("there")
            futures = [
                runner.submit(PIECE, {"job": described, "work": work, "start": one.start, "stop": one.stop})
                for one in pieces
            ]
            for piece, future in zip(pieces, futures, strict=True):
                keep(piece, future.result())

    return fan_out


def processor_seconds(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def measure(contender: str, job: StageJob, work: str) -> dict[str, Any]:
    """One table, in this process, which has made none before."""
    from tasks.fan_out import fan_out_over

    there, last = [time.monotonic()], [0.0]

    def say(_: str) -> None:
        there[0] = time.monotonic()

    fan_out = None
    if contender == "threads":
        fan_out = threads(job, say)
    elif contender != "in process":
        fan_out = fan_out_over(int(contender.split()[0]), job, say)

    def noted(name: str, pieces: Sequence[range], keep: Keep) -> None:
        def keep_and_note(piece: range, content: bytes) -> None:
            keep(piece, content)
            last[0] = time.monotonic()

        assert fan_out
        fan_out(name, pieces, keep_and_note)

    settings = Settings(home=Path(job.home), store=job.store)
    config = config_of(job)
    with tempfile.TemporaryDirectory() as workdir:
        inputs = local_inputs(job, Store(job.store), settings)
        context = StageContext(
            inputs=inputs,
            output=Path(workdir),
            workdir=Path(workdir),
            seed=0,
            fan_out=noted if fan_out else None,
        )
        own, started = processor_seconds(resource.RUSAGE_SELF), time.monotonic()
        makes = load_target(work)(config, inputs, 0)
        size = max(1, min(ROWS, len(makes) // PIECES))
        table = make_table(makes, config, context, contender, size)
        ended = time.monotonic()
    return {
        "whole": ended - started,
        "work": (last[0] or ended) - there[0],
        "own": processor_seconds(resource.RUSAGE_SELF) - own,
        "workers": processor_seconds(resource.RUSAGE_CHILDREN),
        "digest": hashlib.sha256(table_bytes(table)).hexdigest(),
    }


def main(rows: int, rounds: int) -> None:
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with tempfile.TemporaryDirectory() as folder, prefect_test_harness(server_startup_timeout=180):
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        os.environ |= {"PREFECT_API_URL": str(PREFECT_API_URL.value()), "PYTHONPATH": path}
        os.environ |= {"PREFECT_LOGGING_LEVEL": "WARNING", "DASK_LOGGING__DISTRIBUTED": "error"}
        jobs = make_jobs(Path(folder), rows)
        figures: dict[str, list[dict[str, dict[str, Any]]]] = {name: [] for name in CONTENDERS}
        for _ in range(rounds):
            for contender in CONTENDERS:
                figures[contender].append({})
                for what, work in WORKS.items():
                    told = [sys.executable, __file__, "measure", contender, work]
                    job = json.dumps(jobs[what].to_json())
                    done = subprocess.run(told, input=job, stdout=subprocess.PIPE, text=True, check=True)
                    figures[contender][-1][what] = json.loads(done.stdout.splitlines()[-1])
    show(rows, figures)


def show(rows: int, figures: dict[str, list[dict[str, dict[str, Any]]]]) -> None:
    for what in (*WORKS, "both"):
        parts = list(WORKS) if what == "both" else [what]
        digests = {turn[part]["digest"] for turns in figures.values() for turn in turns for part in parts}
        assert len(digests) == len(parts), f"{what}: the contenders do not come to the same bytes"

        def of(contender: str, name: str, parts: list[str] = parts) -> float:
            return median(sum(turn[part][name] for part in parts) for turn in figures[contender])

        print(f"{what}, {rows} trajectories")
        for contender in CONTENDERS:
            print(
                f"  {contender:<11} whole {of(contender, 'whole'):7.1f} s   work {of(contender, 'work'):7.1f} s  "
                f"{of('1 worker', 'work') / of(contender, 'work'):5.2f}x   processor: own "
                f"{of(contender, 'own'):6.1f} s, workers {of(contender, 'workers'):7.1f} s"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2], StageJob.from_json(json.load(sys.stdin)), sys.argv[3])))
    else:
        main(*(int(given) for given in [*sys.argv[1:], *(str(TRAJECTORIES), "1")[len(sys.argv) - 1 :]]))

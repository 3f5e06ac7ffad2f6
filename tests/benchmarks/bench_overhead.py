"""What a cached stage costs over a bare Prefect task with a cached result, in one process and against one server.

Run `python tests/benchmarks/bench_overhead.py [rounds]`. Ten stages in a row, each reading the one before it, and ten
tasks likewise, all with cached results, take turns; the figure is the median round, in milliseconds a stage, by the
clock and of processor time. Artifacts are small: to verify a large one takes as long as its bytes take to hash. What
happens once a run or once a process (opening the MLflow run, reading the code of the stages) is told apart.

* bare:   `@task(cache_policy=INPUTS + TASK_SOURCE, persist_result=True, result_serializer="json")`
* Tailor: a key from code, configuration and content; the artifact verified byte by byte; OpenLineage and MLflow told
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from tailor_core.config.settings import Settings, prepare_process, read_settings
from tailor_core.stages.context import StageContext
from tailor_core.stages.registry import STAGES, StageDefinition
from tasks.server import prefect_server

ROUNDS = 7
PRODUCTS = list(STAGES)[:10]
Times = tuple[float, float]
"""Seconds by the clock, and of processor time."""


def pass_on(config: Any, context: StageContext) -> dict[str, Any]:
    """A stage that writes what it reads."""
    text = "".join((directory / "text").read_text() for directory in context.inputs.values())
    (context.output / "text").write_text(text or "a thousand bytes" * 64)
    return {"rows": {}}


def ten_stages(settings: Settings) -> Callable[[], Times]:
    """A flow of ten stages; calling it gives the time that they took."""
    from prefect import flow

    from tailor_core.artifacts.refs import ArtifactRef
    from tailor_core.config.load import make_recipe
    from tasks.run import open_run
    from tasks.stage import StageTask

    stages = [
        StageTask(
            StageDefinition(
                product=product,
                function="bench_overhead:pass_on",
                config=STAGES[product].config,
                inputs=(before,) if before else (),
            )
        )
        for before, product in zip(["", *PRODUCTS], PRODUCTS, strict=False)
    ]

    @flow(name="stages")
    def run_stages() -> Times:
        with open_run(make_recipe({"name": "overhead"}, "overhead"), settings) as run:
            start = now()
            made: dict[str, ArtifactRef] = {}
            for stage in stages:
                product = stage.definition.product
                made[product] = stage(run, **{name: made[name] for name in stage.definition.inputs})
            return since(start)

    return run_stages


def ten_tasks() -> Callable[[], Times]:
    """A flow of ten bare tasks; calling it gives the time that they took."""
    from prefect import flow, task
    from prefect.cache_policies import INPUTS, TASK_SOURCE

    @task(cache_policy=INPUTS + TASK_SOURCE, persist_result=True, result_serializer="json")
    def count(value: dict[str, int]) -> dict[str, int]:
        return {"value": value["value"] + 1}

    @flow(name="tasks")
    def run_tasks() -> Times:
        start = now()
        value = {"value": 0}
        for _ in PRODUCTS:
            value = count(value)
        return since(start)

    return run_tasks


def now() -> Times:
    return time.perf_counter(), time.process_time()


def since(start: Times) -> Times:
    clock, processor = now()
    return clock - start[0], processor - start[1]


def read_code() -> Times:
    """The time to fingerprint the real stages, as the first plan or run of a process does."""
    from tailor_core.stages.fingerprint import code_fingerprint

    start = now()
    for definition in STAGES.values():
        code_fingerprint(definition.function.partition(":")[0])
    return since(start)


def told(name: str, times: list[Times]) -> Times:
    """Print and return the median milliseconds a stage."""
    per_stage = [1000 * median(one) / len(PRODUCTS) for one in zip(*times, strict=True)]
    print(f"  {name:28s} {per_stage[0]:7.1f} ms   processor {per_stage[1]:7.1f} ms")
    return per_stage[0], per_stage[1]


def main() -> None:
    """Compare over the number of rounds given on the command line, 7 without."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    clock, processor = read_code()
    with tempfile.TemporaryDirectory() as directory:
        settings = read_settings(directory)
        prepare_process(settings)
        with prefect_server(settings.server_log) as wait_until_ready:
            contenders = {"bare Prefect tasks": ten_tasks(), "Tailor's stages": ten_stages(settings)}
            wait_until_ready()
            for run in contenders.values():
                run()
            times: dict[str, list[Times]] = {name: [] for name in contenders}
            for _ in range(rounds):
                for name, run in contenders.items():
                    times[name].append(run())
    print(f"ten cached stages, a stage, median of {rounds} rounds")
    bare, ours = (told(name, found) for name, found in times.items())
    print(f"  {'difference':28s} {ours[0] - bare[0]:7.1f} ms   processor {ours[1] - bare[1]:7.1f} ms")
    print(
        f"once a process, the code of {len(STAGES)} real stages: {clock:.2f} s   processor {processor:.2f} s"
    )


if __name__ == "__main__":
    main()

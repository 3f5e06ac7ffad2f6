"""What it costs to run a stage elsewhere: a stage that does next to nothing, from the call to the artifact.

Run `python tests/benchmarks/bench_dispatch.py [rounds]` with an environment's `bin` first in PATH. It starts a Prefect
server and a worker, deploys `infra/prefect.yaml`, and tells the median of each, in seconds:

* local, subprocess, work_pool: as `[execution]` has it, the worker asking for work every second
* bare: that deployment by `run_deployment`, with Prefect's settings: the worker asks every 10 s, the caller every 5 s
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tailor_core.stages.context import StageContext
from tailor_core.stages.execute import StageJob
from tailor_core.stages.placement import Placement
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import make_spec

ROUNDS = 5
ROOT = Path(__file__).parents[2]
STAGE = StageDefinition(
    product="problems",
    function="bench_dispatch:write",
    config="tailor_core.config.problems:ProblemsConfig",
)


def write(config: Any, context: StageContext) -> dict[str, Any]:
    """Next to nothing."""
    (context.output / "text").write_text("done")
    return {}


def make_job(home: str, seed: int) -> StageJob:
    from tailor_core.config.load import make_recipe

    spec = make_spec(STAGE, make_recipe({"name": "bench", "seed": seed}, "bench"), {})
    return StageJob(spec=spec, config=STAGE.config, recipe="bench", home=home, store=f"{home}/store")


def timed(make: Callable[[int], object], rounds: int, first: int) -> str:
    """The median, and each round: the first one of a worker finds caches cold."""
    seconds = []
    for seed in range(first, first + rounds):
        started = time.monotonic()
        make(seed)
        seconds.append(time.monotonic() - started)
    return f"{median(seconds):6.2f} s  ({', '.join(f'{one:.2f}' for one in seconds)})"


@contextmanager
def working(pool: str, **variables: str) -> Iterator[None]:
    """A worker of the pool."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool],
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(15)  # it is up
        yield
    finally:
        worker.terminate()
        worker.wait()


def main(rounds: int) -> None:
    from prefect.deployments import run_deployment
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    from tasks.dispatch import dispatch

    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    with tempfile.TemporaryDirectory() as home, prefect_test_harness(server_startup_timeout=180):
        os.environ |= {"PREFECT_API_URL": str(PREFECT_API_URL.value()), "PYTHONPATH": path}
        for command in (
            ["work-pool", "create", "tailor-cpu", "--type", "process"],
            ["work-pool", "create", "tailor-gpu", "--type", "process"],
            ["--no-prompt", "deploy", "--all", "--prefect-file", "infra/prefect.yaml"],
        ):
            prefect = [sys.executable, "-m", "prefect", *command]
            subprocess.run(prefect, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

        def at(place: Placement) -> Callable[[int], object]:
            return lambda seed: dispatch(make_job(home, seed), place, lambda: lambda *_: None, print)

        print(f"local      {timed(at(Placement()), rounds, 100)}")
        print(f"subprocess {timed(at(Placement(where='subprocess')), rounds, 200)}")
        in_pool = Placement(where="work_pool", deployment="tailor-stage/cpu")
        with working("tailor-cpu", PREFECT_WORKER_QUERY_SECONDS="1"):
            print(f"work_pool  {timed(at(in_pool), rounds, 300)}")

        def bare(seed: int) -> object:
            job = make_job(home, seed).to_json()
            return run_deployment("tailor-stage/cpu", parameters={"job": job}, as_subflow=False)

        with working("tailor-cpu"):
            print(f"bare       {timed(bare, rounds, 400)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)

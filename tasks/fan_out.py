"""Shares the rows of a data stage out over Dask workers, as tasks of Prefect's `DaskTaskRunner`.

Through the scheduler go only a stage's job and the places of rows, and back come the pieces made, as Parquet files.
What they are made from each worker reads in the store, once for a stage: a scheduler that all inputs went through would
be the narrowest place of the cluster. A worker therefore needs the same code and libraries as the run (it refuses
otherwise), the store and the Prefect API, and no directory in common with anyone.

Dask gives the piece of a worker that died to another one. Prefect's server sees each piece as a task run.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from prefect import Task
from prefect.cache_policies import NO_CACHE

from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import table_bytes
from tailor_core.config.settings import HOME_VARIABLE, Settings, prepare_process
from tailor_core.errors import ArtifactError, MachineError, MissingExtraError, StageError
from tailor_core.stages.context import FanOut, Keep
from tailor_core.stages.execute import Say, StageJob, config_of, local_inputs
from tailor_core.stages.piecework import Piecework
from tailor_core.stages.registry import load_target
from tailor_core.stages.worker import check_environment

if TYPE_CHECKING:
    from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture

_AHEAD = 2
"""Pieces that a worker thread is given at a time: the next one lies there when it is done with one."""

_LOOK_SECONDS = 30
"""How often to see that there are workers, where nothing comes."""

_ONE_AT_A_TIME = threading.Lock()
"""A worker with several threads puts together what makes pieces once; Python 3.11 cannot parse in two threads."""

_WORKERS_SECONDS = 120
"""A cluster without any worker is waited for so long."""


def fan_out_over(workers: int | str, job: StageJob, say: Say) -> FanOut | None:
    """What has the pieces of a stage made by so many processes, or by the workers of a cluster; None for 0.

    workers: their number, on this machine, for as long as the stage needs them; or the address of a Dask scheduler
    say:     is told who makes them

    The function raises what the work raises, MissingExtraError where prefect-dask is not installed, and MachineError
    where there are no workers, or they die again and again.
    """
    if not workers:
        return None

    def fan_out(work: str, pieces: Sequence[range], keep: Keep) -> None:
        with _runner(workers, len(pieces)) as runner:

            def threads() -> int:
                return _count_threads(runner, workers, job.spec.stage)

            say(f"{job.spec.stage}: {len(pieces)} pieces for {threads()} worker threads")
            _hand_out(runner, threads, job, work, pieces, keep)

    return fan_out


def _hand_out(
    runner: DaskTaskRunner,
    threads: Callable[[], int],
    job: StageJob,
    work: str,
    pieces: Sequence[range],
    keep: Keep,
) -> None:
    """Have all pieces made, a few at a time for each worker thread: so many are in memory at most."""
    described = json.dumps(job.to_json())
    waiting = deque(pieces)
    under_way: dict[UUID, tuple[range, PrefectDaskFuture[bytes]]] = {}
    ended: queue.SimpleQueue[UUID] = queue.SimpleQueue()
    while waiting or under_way:
        for _ in range(min(_AHEAD * threads() - len(under_way), len(waiting))):
            piece = waiting.popleft()
            parameters = {"job": described, "work": work, "start": piece.start, "stop": piece.stop}
            future = runner.submit(PIECE, parameters)
            under_way[future.task_run_id] = piece, future
            future.add_done_callback(lambda done: ended.put(done.task_run_id))
        try:
            piece, future = under_way.pop(ended.get(timeout=_LOOK_SECONDS))
        except queue.Empty:
            continue  # to see that there still are workers
        keep(piece, _result(future, job.spec.stage, piece))


def _result(future: PrefectDaskFuture[bytes], stage: str, piece: range) -> bytes:
    """The piece, or what making it raised; MachineError where its workers died, StageError where they lack Tailor."""
    from distributed import CancelledError, KilledWorker

    place = f"{stage}: rows {piece.start} to {piece.stop - 1}"
    try:
        return future.result()
    except KilledWorker as error:
        raise MachineError(
            f"{place} were lost with {error.allowed_failures + 1} workers, each of which died over them, by a person "
            "or for want of memory; see the workers' logs, and run the same again, which goes on from what is done"
        ) from error
    except (CancelledError, ConnectionError) as error:
        raise MachineError(
            f"{place} cannot be had from the Dask cluster any more ({error}); see that its scheduler runs, and run the "
            "same again, which goes on from what is done"
        ) from error
    except RuntimeError as error:
        if "reach API" not in str(error):
            raise
        raise MachineError(
            f"{place}: a worker cannot reach the Prefect server ({error}); set PREFECT_API_URL where the run is to an "
            "address that leads there from the workers as well"
        ) from error
    except ImportError as error:
        raise StageError(
            f"{place}: a worker of the cluster cannot import what makes them ({error}); install the same Tailor there"
        ) from error


@contextmanager
def _runner(workers: int | str, most: int) -> Iterator[DaskTaskRunner]:
    """Prefect's task runner, with workers of its own where an address is not given; `most` of them have work."""
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise MissingExtraError(
            f"execution.fan_out = {workers!r} needs a package that is not installed; run: pip install 'tailor[dask]'"
        ) from None
    if isinstance(workers, str):
        with DaskTaskRunner(address=workers) as runner:
            yield runner
        return
    cluster = {
        "n_workers": min(workers, most),
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",  # a port that is free
        "security": True,  # else anyone on this machine could have the workers run whatever they like
        "env": {"POLARS_MAX_THREADS": "1"},
    }
    with _environment_kept(), DaskTaskRunner(cluster_kwargs=cluster) as runner:
        yield runner


@contextmanager
def _environment_kept() -> Iterator[None]:
    """What Dask sets for its workers, such as one thread for OpenMP, it sets in this process; that ends with them."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _count_threads(runner: DaskTaskRunner, workers: int | str, stage: str) -> int:
    """The threads of all workers that are there, one at least. MachineError where there is no cluster or no worker."""
    try:
        runner.client.wait_for_workers(1, timeout=_WORKERS_SECONDS)
        return sum(worker["nthreads"] for worker in runner.client.scheduler_info(-1)["workers"].values())
    except (OSError, TimeoutError) as error:
        raise MachineError(
            f"{stage}: execution.fan_out = {workers!r} leads to no Dask worker ({error}); start the scheduler and its "
            "workers, or give the number of processes that are to work on this machine"
        ) from error


def _make_piece(job: str, work: str, start: int, stop: int) -> bytes:
    """In a worker: the Parquet file of the rows from `start` to before `stop`."""
    with _ONE_AT_A_TIME:
        makes = _put_together(job, work)
    return table_bytes(makes.make(range(start, stop)))


@lru_cache(maxsize=1)
def _put_together(job: str, work: str) -> Piecework:
    """What makes the pieces of a stage, kept for the next piece. StageError where this is another Tailor."""
    todo = StageJob.from_json(json.loads(job))
    home = Path(os.environ.get(HOME_VARIABLE) or todo.home).expanduser().absolute()
    settings = Settings(home=home, store=todo.store)
    prepare_process(settings)
    check_environment(todo.spec)
    try:
        inputs = local_inputs(todo, Store(todo.store), settings)
    except ArtifactError as error:
        raise ArtifactError(
            f"{todo.spec.stage}: a worker on {platform.node()!r} cannot read what it needs ({error}); give all "
            "machines a store that they share, such as s3://..., in TAILOR_STORE"
        ) from error
    made: Piecework = load_target(work)(config_of(todo), inputs, todo.spec.seed or 0)
    return made


PIECE: Task[[str, str, int, int], bytes] = Task(
    fn=_make_piece,
    name="piece",
    task_run_name="rows {start} to {stop}",
    cache_policy=NO_CACHE,
    persist_result=False,
)

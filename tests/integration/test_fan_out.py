"""Rows shared out over real Dask workers: the same bytes whoever makes them, and whoever dies over them."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy_pieces
import toy_stages

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import InputError, MachineError, MissingExtraError, StageError
from tailor_core.stages.execute import Outcome, StageJob, execute
from tailor_core.stages.placement import Placement
from tailor_core.stages.spec import make_spec
from tasks import fan_out
from tasks.dispatch import dispatch

pytestmark = pytest.mark.integration

distributed = pytest.importorskip("distributed", reason="prefect-dask is not installed (extra dask)")

COUNT = 30
STARTS = list(range(0, COUNT, toy_pieces.SIZE))


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """A Prefect server for all tests here; it takes its time to start."""
    from prefect.settings import PREFECT_LOGGING_LEVEL, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=180),
        temporary_settings({PREFECT_LOGGING_LEVEL: "CRITICAL"}),
    ):
        yield


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of `toy_pieces` that all workers look into."""
    directory = tmp_path_factory.mktemp("told")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOY_PIECES", str(directory))
        yield directory


@pytest.fixture(scope="module")
def cluster(told: Path) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread; a piece may die twice before it is given up."""
    import dask

    with (
        pytest.MonkeyPatch.context() as patch,
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
    ):
        patch.syspath_prepend(str(Path(toy_pieces.__file__).parent))
        for name, value in os.environ.items():
            patch.setenv(name, value)  # Dask changes some for its workers
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
        ) as made:
            yield made.scheduler_address


@pytest.fixture(autouse=True)
def nothing_happens(told: Path) -> None:
    """Whatever a test before had told the workers is over."""
    for path in told.iterdir():
        path.unlink()


def make_job(settings: Settings, home: str = "home", store: str = "") -> StageJob:
    """The job that squares thirty numbers, which are made now."""
    recipe = make_recipe({"name": "toy", "seed": 3, "problems": {"train": COUNT}}, "toy")
    place = settings.home / home
    made: dict[str, ArtifactRef] = {}
    for stage in (toy_stages.PROBLEMS, toy_pieces.SQUARES):
        job = StageJob(
            spec=make_spec(stage, recipe, made),
            config=stage.config,
            inputs=made,
            recipe="toy",
            home=str(place),
            store=store or f"{place}/store",
        )
        if stage is toy_stages.PROBLEMS:
            made = {"problems": execute(job).manifest.ref}
    return job


def share(job: StageJob, workers: int | str) -> Outcome:
    return dispatch(job, Placement(fan_out=workers), lambda: lambda *_: None, lambda _: None)


def begun(told: Path) -> list[tuple[int, int]]:
    """Process and first row of each piece that was begun."""
    log = told / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(process), int(start)) for process, start in map(str.split, lines)]


def test_workers_make_the_same_bytes_as_the_stage_itself_and_share_the_work(
    settings: Settings, cluster: str, told: Path
) -> None:
    alone = execute(make_job(settings, "alone")).manifest
    assert {process for process, _ in begun(told)} == {os.getpid()}
    (told / "log").unlink()
    shared = share(make_job(settings, "shared"), cluster).manifest
    assert (shared.digest, shared.files) == (alone.digest, alone.files)
    assert sorted(start for _, start in begun(told)) == STARTS
    workers = {process for process, _ in begun(told)}
    assert len(workers) == 2
    assert os.getpid() not in workers


def test_the_piece_of_a_worker_that_was_killed_is_made_by_another(
    settings: Settings, cluster: str, told: Path
) -> None:
    (told / "die-8-once").touch()
    shared = share(make_job(settings), cluster).manifest
    again = [start for _, start in begun(told)].count(8)
    assert again == 2
    assert not (told / "die-8-once").exists()
    assert shared.digest == execute(make_job(settings, "alone")).manifest.digest


def test_a_piece_over_which_every_worker_dies_ends_the_stage_and_what_is_done_is_not_done_again(
    settings: Settings, cluster: str, told: Path
) -> None:
    (told / "die-28").touch()
    with pytest.raises(MachineError, match=r"^verdicts: rows 28 to 29 were lost with 2 workers"):
        share(make_job(settings), cluster)
    (told / "die-28").unlink()
    done = {start for _, start in begun(told)} - {28}
    (told / "log").unlink()
    share(make_job(settings), cluster)
    assert {start for _, start in begun(told)} == {*STARTS} - done


def test_what_the_work_raises_in_a_worker_is_raised_here(
    settings: Settings, cluster: str, told: Path
) -> None:
    (told / "fail-12").touch()
    with pytest.raises(InputError) as error:
        share(make_job(settings), cluster)
    assert str(error.value) == "row 12 is wrong; mend it"


def test_a_worker_with_other_code_refuses(settings: Settings, cluster: str) -> None:
    job = make_job(settings)
    spec = dataclasses.replace(job.spec, code={**job.spec.code, "toy_pieces": "other"})
    with pytest.raises(StageError, match=r"has other code than the run that sent .*toy_pieces"):
        share(dataclasses.replace(job, spec=spec), cluster)


def test_processes_started_for_a_stage_read_its_inputs_in_the_store_and_change_nothing_here(
    settings: Settings, told: Path, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers have a home of their own: what they share with the run is the store."""
    alone = execute(make_job(settings, "alone")).manifest
    (told / "log").unlink()
    job = make_job(settings, store=s3_url)
    monkeypatch.setenv("TAILOR_HOME", str(settings.home / "workers"))
    before = dict(os.environ)
    shared = share(job, 2).manifest
    assert dict(os.environ) == before
    assert shared.files == alone.files
    assert os.getpid() not in {process for process, _ in begun(told)}
    assert list((settings.home / "workers" / "cache" / "problems").iterdir())


def test_where_no_worker_is_that_is_one_sentence(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    monkeypatch.setattr(fan_out, "_WORKERS_SECONDS", 0.2)
    with (
        distributed.LocalCluster(
            n_workers=0, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
        ) as empty,
        pytest.raises(MachineError, match=r"execution.fan_out = 'tcp://.* leads to no Dask worker"),
    ):
        share(make_job(settings), empty.scheduler_address)
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "300ms"}),
        pytest.raises(MachineError, match=r"execution.fan_out = 'tcp://127.0.0.1:9' leads to no Dask worker"),
    ):
        share(make_job(settings), "tcp://127.0.0.1:9")


def test_without_the_package_that_is_one_sentence(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefect_dask.task_runners", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tailor\[dask\]'"):
        share(make_job(settings), 2)

"""Stages that workers of work pools run, as `infra/prefect.yaml` deploys them: told, followed, cancelled, killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
import toy_stages
from small_run import RECIPE

from tailor_core.artifacts.store import Store
from tailor_core.config.load import flat, make_recipe
from tailor_core.config.settings import Settings
from tailor_core.errors import MachineError, StageError
from tailor_core.stages.execute import Outcome, StageJob, execute
from tailor_core.stages.placement import Placement
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import make_spec
from tasks import work_pool
from tasks.dispatch import dispatch

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
POOLS = ("tailor-cpu", "tailor-gpu")
IN_POOL = Placement(where="work_pool", deployment="tailor-stage/gpu")

SEND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it runs in the background ignore it
import json, sys
from tailor_core.stages.execute import StageJob
from tailor_core.stages.placement import Placement
from tasks.dispatch import dispatch
job, place = map(json.loads, sys.argv[1:])
dispatch(StageJob.from_json(job), Placement.from_json(place), lambda: lambda *_: None, print)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables of a process that reaches a Prefect server on which everything is deployed."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        variables = {
            **os.environ,
            "PREFECT_API_URL": str(PREFECT_API_URL.value()),
            "PREFECT_HOME": str(tmp_path_factory.mktemp("prefect")),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TOY_LOG": str(tmp_path_factory.mktemp("toy") / "toy.log"),
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        }
        for pool in POOLS:
            prefect(variables, "work-pool", "create", pool, "--type", "process")
        prefect(variables, "--no-prompt", "deploy", "--all", "--prefect-file", "infra/prefect.yaml")
        yield variables


@pytest.fixture(scope="module")
def workers(environment: dict[str, str]) -> Iterator[None]:
    """A worker of each pool."""
    with working("tailor-cpu", environment), working("tailor-gpu", environment):
        yield


@pytest.fixture(autouse=True)
def sees_the_server(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def toy_log(environment: dict[str, str]) -> Path:
    """The file in which toy stages note that they ran; the workers were told of it when they began."""
    path = Path(environment["TOY_LOG"])
    path.write_text("")
    return path


@contextmanager
def working(pool: str, environment: Mapping[str, str]) -> Iterator[psutil.Popen]:
    """A worker of a pool; killed with all that it started."""
    worker = psutil.Popen(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--limit", "2"],
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield worker
    finally:
        kill(worker)


def kill(process: psutil.Process) -> None:
    """A process and all below it, as when a machine loses its power."""
    for one in [*process.children(recursive=True), process]:
        with suppress(psutil.NoSuchProcess):
            one.kill()


def prefect(environment: Mapping[str, str], *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        env=dict(environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def cancel(run_id: str | UUID) -> None:
    """As `prefect flow-run cancel` does, which takes longer to start than a small stage may take."""
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    with get_client(sync_client=True) as client:
        result = client.set_flow_run_state(UUID(str(run_id)), Cancelling())
    assert result.status.value == "ACCEPT", result


def make_job(definition: StageDefinition, settings: Settings, train: int = 4, **rest: Any) -> StageJob:
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": train}}, "toy")
    return StageJob(
        spec=make_spec(definition, recipe, {}),
        config=definition.config,
        recipe="toy",
        home=str(settings.home),
        store=settings.store,
        **rest,
    )


class Told:
    """What a dispatched stage tells."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.metrics: list[tuple[dict[str, float], int]] = []
        self.begun = 0

    def begin(self) -> Callable[[Mapping[str, float], int], None]:
        self.begun += 1
        return lambda metrics, step: self.metrics.append((dict(metrics), step))

    def dispatch(self, job: StageJob, place: Placement = IN_POOL) -> Outcome:
        return dispatch(job, place, self.begin, self.said.append)


def send(job: StageJob) -> subprocess.Popen[str]:
    """A process that sends a stage to the pool and follows it."""
    arguments = [json.dumps(job.to_json()), json.dumps(IN_POOL.to_json())]
    return subprocess.Popen(
        [sys.executable, "-c", SEND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def flow_runs(key: str) -> list[tuple[str, Any]]:
    """The states of the runs of a stage key, oldest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_ASC)
        mine = [run for run in runs if any(key in tag for tag in run.tags)]
        return [(str(run.state_name), run) for run in mine]


def states(key: str) -> list[str]:
    return [state for state, _ in flow_runs(key)]


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.2)


def workers_of(key: str) -> list[psutil.Process]:
    """The processes that run the stage of a key, anywhere on this machine."""
    begun = re.compile(rf"\S+ -m tailor_core\.stages\.worker \S*{key[:12]}\S*")
    return [process for process in psutil.process_iter() if begun.fullmatch(cmdline(process))]


def cmdline(process: psutil.Process) -> str:
    """What it was started as; nothing where it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_all_deployments_are_made_with_a_form_and_with_schedules_that_rest(
    environment: dict[str, str],
) -> None:
    found = {
        name: json.loads(prefect(environment, "deployment", "inspect", name, "--output", "json"))
        for name in (
            "tailor/kk-tiny",
            "tailor/evaluation",
            "tailor-stage/cpu",
            "tailor-stage/gpu",
            "tailor-upkeep/nightly",
        )
    }
    kk_tiny = found["tailor/kk-tiny"]
    fields = kk_tiny["parameter_openapi_schema"]["properties"]
    assert all(field["description"] for field in fields.values())
    assert "policy" in json.dumps(fields["until"])
    assert "policy" in json.dumps(fields["force"])
    assert kk_tiny["parameters"] == {"recipe": "kk-tiny", "overrides": ["execution.gpu=work_pool"]}
    assert [schedule["active"] for schedule in kk_tiny["schedules"]] == [False]
    assert found["tailor/evaluation"]["parameters"]["until"] == "evaluation"
    assert found["tailor-stage/gpu"]["work_pool_name"] == "tailor-gpu"
    assert found["tailor-stage/cpu"]["work_pool_name"] == "tailor-cpu"
    assert found["tailor-upkeep/nightly"]["global_concurrency_limit"]["limit"] == 1


def test_a_worker_makes_what_this_process_would_and_all_that_it_tells_arrives(
    workers: None, settings: Settings, toy_log: Path
) -> None:
    job, told = make_job(toy_stages.PROBLEMS, settings), Told()
    outcome = told.dispatch(job)
    assert (outcome.hit, told.begun, told.metrics) == (False, 1, [({"loss": 0.5}, 1)])
    assert outcome.manifest.environment["process"] != os.getpid()
    other = Settings(home=settings.home / "other", store=str(settings.home / "other" / "store"))
    here = execute(make_job(toy_stages.PROBLEMS, other)).manifest
    assert here.digest == outcome.manifest.digest
    again = Told()
    assert again.dispatch(job).hit
    assert again.begun == 0
    assert len(flow_runs(job.spec.key)) == 1, "a hit sends nothing"
    forced = make_job(toy_stages.PROBLEMS, settings, force=True)
    assert not Told().dispatch(forced).hit
    assert len(flow_runs(job.spec.key)) == 2


def test_what_a_stage_says_and_measures_arrives_in_order_however_much_it_is(
    workers: None, settings: Settings
) -> None:
    """The server gives at most 200 records at once."""
    told = Told()
    told.dispatch(make_job(toy_stages.TALKATIVE, settings))
    assert told.said == ["a warning for a person"]
    told.dispatch(make_job(toy_stages.MEASURED, settings, train=430))
    assert told.metrics == [({"loss": step / 2}, step) for step in range(430)]


def test_a_failure_is_its_own_sentence_or_leads_to_the_run_that_failed(
    workers: None, settings: Settings
) -> None:
    lazy = make_job(toy_stages.LAZY, settings)
    with pytest.raises(StageError) as here:
        execute(lazy)
    with pytest.raises(StageError) as there:
        Told().dispatch(lazy)
    assert str(there.value) == str(here.value)
    failing = make_job(toy_stages.FAILING, settings)
    for _ in range(2):  # the second attempt is another run
        with pytest.raises(
            MachineError, match=r"OSError: the disk went away\); see flow run 'toy problems' \("
        ):
            Told().dispatch(failing)
    assert states(failing.spec.key) == ["Failed", "Failed"]


def test_a_stage_that_takes_too_long_is_ended(workers: None, settings: Settings, toy_log: Path) -> None:
    job = make_job(toy_stages.SLOW, settings, train=5000)
    limited = Placement(where="work_pool", deployment="tailor-stage/gpu", time_limit=2)
    with pytest.raises(StageError, match=r"execution\.time_limit = 2 seconds"):
        Told().dispatch(job, limited)
    assert states(job.spec.key) == ["Failed"]
    assert workers_of(job.spec.key) == []


def test_who_comes_after_a_killed_run_follows_its_stage_and_starts_none(
    workers: None, settings: Settings, toy_log: Path
) -> None:
    job = make_job(toy_stages.SLOW, settings, train=150)
    killed = send(job)
    wait_for(lambda: "part 3\n" in toy_log.read_text(), "the stage")
    killed.kill()
    killed.wait()
    told = Told()
    outcome = told.dispatch(job)
    assert (outcome.hit, told.begun) == (False, 1)
    assert (told.metrics[0], told.metrics[-1]) == (({"progress": 0.0}, 0), ({"loss": 0.5}, 1))
    assert "following flow run 'toy problems'" in told.said[0]
    assert toy_log.read_text().splitlines().count("count_slowly") == 1
    assert len(flow_runs(job.spec.key)) == 1


def test_who_is_interrupted_ends_the_stage_as_well(workers: None, settings: Settings, toy_log: Path) -> None:
    job = make_job(toy_stages.SLOW, settings, train=4000)
    sender = send(job)
    wait_for(lambda: "part 3\n" in toy_log.read_text(), "the stage")
    [worker] = workers_of(job.spec.key)
    sender.send_signal(signal.SIGINT)
    sender.wait(60)
    wait_for(lambda: not worker.is_running(), "the end of the stage's process")
    # A busy server may lose the word that it is over; nobody follows a run that is being cancelled.
    [state] = states(job.spec.key)
    assert state in ("Cancelling", "Cancelled", "Crashed")


def test_a_stage_whose_machine_went_away_is_begun_again_and_goes_on(
    workers: None,
    settings: Settings,
    environment: dict[str, str],
    toy_log: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Prefect goes on to show such a run as running."""
    job = make_job(toy_stages.SLOW, settings, train=200)
    monkeypatch.setattr(work_pool, "_SILENT_SECONDS", 15)
    prefect(environment, "work-pool", "create", "tailor-lost", "--type", "process")
    deployment = "infra/prefect.yaml"
    content = (ROOT / deployment).read_text().replace("name: tailor-gpu", "name: tailor-lost")
    lost = settings.home / "prefect.yaml"
    lost.write_text(content)
    prefect(environment, "--no-prompt", "deploy", "-n", "gpu", "--prefect-file", str(lost))
    try:
        with working("tailor-lost", environment) as worker:
            sender = send(job)
            wait_for(lambda: "part 3\n" in toy_log.read_text(), "the stage")
            kill(worker)
        sender.kill()
        assert states(job.spec.key) == ["Running"]
        prefect(environment, "--no-prompt", "deploy", "-n", "gpu", "--prefect-file", deployment)
        with pytest.raises(MachineError, match="Nothing was heard of the stage"):
            Told().dispatch(job)
        assert not Told().dispatch(job).hit
    finally:
        prefect(environment, "--no-prompt", "deploy", "-n", "gpu", "--prefect-file", deployment)
    assert states(job.spec.key) == ["Crashed", "Completed"]
    lines = toy_log.read_text().splitlines()
    assert [lines.count(f"part {n}") for n in range(200)] == [1] * 200


def test_a_deployment_that_is_not_there_is_one_sentence(settings: Settings) -> None:
    job = make_job(toy_stages.PROBLEMS, settings)
    nowhere = Placement(where="work_pool", deployment="tailor-stage/nowhere")
    with pytest.raises(StageError, match="no deployment 'tailor-stage/nowhere'; run prefect deploy"):
        Told().dispatch(job, nowhere)


def test_a_cancelled_run_takes_the_stage_that_it_waits_for_with_it(
    workers: None, environment: dict[str, str], small_recipe: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    parameters = {"recipe": str(small_recipe), "home": str(home), "until": "probe"}
    told = prefect(environment, "deployment", "run", "tailor/any", "--params", json.dumps(parameters))
    [run_id] = re.findall(r"UUID: (\S+)", told)

    def stages() -> list[Any]:
        return [run for state, run in flow_runs("tailor-probe") if run.parameters["job"]["home"] == str(home)]

    wait_for(lambda: any(run.state_name == "Running" for run in stages()), "the stage")
    cancel(run_id)
    wait_for(lambda: [run.state_name for run in stages()] == ["Cancelled"], "the end of the stage")
    wait_for(lambda: "Cancelled" in prefect(environment, "flow-run", "inspect", run_id), "the end of the run")
    wait_for(lambda: not [one for one in psutil.process_iter() if str(home) in cmdline(one)], "its process")
    assert [manifest.stage for manifest in Store(str(home / "store")).manifests()] == ["backbone", "problems"]


def test_upkeep_is_done_by_a_worker(workers: None, environment: dict[str, str], finished: Settings) -> None:
    parameters = json.dumps({"home": str(finished.home), "store": finished.store})
    told = prefect(
        environment, "deployment", "run", "tailor-upkeep/nightly", "--params", parameters, "--watch"
    )
    assert "Completed" in told


def overrides(backbone: Path) -> Sequence[str]:
    """The small recipe as overrides of `kk-tiny`."""
    values = tomllib.loads(RECIPE.format(backbone=backbone))
    values.pop("description")
    return [f"{name}={json.dumps(value)}" for name, value in flat(values).items()]


@pytest.mark.timeout(1800)
def test_a_deployed_recipe_whose_rl_fails_is_retried_in_the_ui_and_runs_to_its_end_on_the_gpu_pool(
    workers: None, environment: dict[str, str], tmp_path: Path, backbone: Path
) -> None:
    """The button in the UI sets the state that is set here; what was made before is not made again."""
    from prefect.client.orchestration import get_client
    from prefect.states import AwaitingRetry

    home = tmp_path / "home"
    parameters = {"overrides": ["execution.gpu=work_pool", *overrides(backbone)], "home": str(home)}
    told = prefect(environment, "deployment", "run", "tailor/kk-tiny", "--params", json.dumps(parameters))
    run_id = UUID(re.findall(r"UUID: (\S+)", told)[0])

    def policies() -> list[Any]:
        return [run for _, run in flow_runs("tailor-policy") if run.parameters["job"]["home"] == str(home)]

    with get_client(sync_client=True) as client:

        def is_in(*names: str) -> bool:
            run = client.read_flow_run(run_id)
            assert run.state, "it has begun"
            assert run.state_name in names or not run.state.is_final(), run.state
            return run.state_name in names

        wait_for(lambda: any(run.state_name == "Running" for run in policies()), "RL", 900)
        cancel(policies()[0].id)
        wait_for(lambda: is_in("Failed"), "the failure of the run")
        store = Store(str(home / "store"))
        before = {manifest.stage: manifest for manifest in store.manifests()}
        assert "warm_start" in before
        assert "policy" not in before
        client.set_flow_run_state(run_id, AwaitingRetry())
        wait_for(lambda: is_in("Completed"), "the end of the run", 900)
        wait_for(lambda: "report" in stages_made(messages(client, run_id)), "the last lines of its log")
        lines = messages(client, run_id)
    after = {manifest.stage: manifest for manifest in store.manifests()}
    assert {stage: after[stage] for stage in before} == before
    retried = lines[max(n for n, line in enumerate(lines) if line.startswith("problems ")) :]
    words = stages_made(retried)
    assert {stage for stage, word in words.items() if word == "made"} == {"policy", "evaluation", "report"}
    assert words.keys() == after.keys()
    assert (home / "reports" / "kk-tiny.html").exists()
    assert not list((home / "runs").glob("*.json")), "`tailor recover` has nothing to do"
    sent = {stage: flow_runs(manifest.key) for stage, manifest in after.items()}
    counts = {stage: len(runs) for stage, runs in sent.items() if runs}
    assert counts == {"probe": 1, "warm_start": 1, "policy": 2, "evaluation": 1}
    assert {run.work_pool_name for runs in sent.values() for _, run in runs} == {"tailor-gpu"}


def stages_made(lines: Sequence[str]) -> dict[str, str]:
    """Stage -> made or hit, as a run says it."""
    return dict(match.groups() for line in lines if (match := re.match(r"(\w+) +(made|hit) ", line)))


def messages(client: Any, run_id: UUID) -> list[str]:
    """All that a run said."""
    from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

    mine, found = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])), list[Any]()
    while page := client.read_logs(mine, offset=len(found)):
        found += page
    return [record.message for record in found]

"""Stages as Prefect tasks against a real server: cached, verified, retried, killed."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import toy_stages

from tailor_core.config.keyed import unkeyed_values
from tailor_core.config.load import make_recipe
from tailor_core.stages.execute import StageJob, untold
from tailor_core.stages.placement import Placement
from tailor_core.stages.spec import make_spec

pytestmark = pytest.mark.integration

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prefect server for all tests here; it takes its time to start."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield str(PREFECT_API_URL.value())


@pytest.fixture
def results(server: str, tmp_path: Path) -> Iterator[Path]:
    """Where Prefect keeps results, of this test alone."""
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, PREFECT_LOGGING_LEVEL, temporary_settings

    path = tmp_path / "prefect-results"
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: path, PREFECT_LOGGING_LEVEL: "CRITICAL"}):
        yield path


@pytest.fixture(autouse=True)
def no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow has tests of its own, and takes seconds to open."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run_toy(home: Path, **arguments: Any) -> dict[str, Any]:
    from toy_flow import toy

    found: dict[str, Any] = toy(home, **arguments)
    return found


def hits(found: dict[str, Any]) -> list[bool]:
    return [found[stage]["hit"] for stage in ("problems", "verdicts", "sft_dataset")]


def digests(found: dict[str, Any]) -> list[str]:
    return [found[stage]["digest"] for stage in ("problems", "verdicts", "sft_dataset")]


def artifact(home: Path, found: dict[str, Any], stage: str) -> Path:
    return home / "store" / str(found[stage]["uri"])


def task_states(name: str) -> list[str]:
    """The names of the states that the runs of a task ended in, oldest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import TaskRunSort

    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(sort=TaskRunSort.END_TIME_DESC)
    return [run.state.name for run in reversed(runs) if run.name.startswith(name) and run.state]


def test_a_second_run_is_served_by_prefects_cache_and_makes_nothing(
    results: Path, home: Path, toy_log: Path
) -> None:
    first = run_toy(home)
    made = toy_log.read_text()
    second = run_toy(home)
    assert (hits(first), hits(second)) == ([False] * 3, [True] * 3)
    assert digests(first) == digests(second)
    assert made.split() == ["count", "halve", "add_up"]
    assert toy_log.read_text() == made
    for _ in range(50):  # the server records task runs a little later
        if task_states("sft_dataset")[-2:] == ["Completed", "Cached"]:
            break
        time.sleep(0.2)
    assert task_states("sft_dataset")[-2:] == ["Completed", "Cached"]


def test_prefect_keeps_references_only(results: Path, home: Path) -> None:
    found = run_toy(home, train=3000)
    stored = [json.loads(path.read_text()) for path in results.iterdir()]
    values = [
        json.loads(record["result"]) if isinstance(record["result"], str) else record["result"]
        for record in stored
    ]
    assert {json.dumps(value, sort_keys=True) for value in values} == {
        json.dumps({k: v for k, v in found[stage].items() if k != "hit"}, sort_keys=True) for stage in found
    }
    assert all(path.name.startswith("tailor-") for path in results.iterdir())


def test_a_damaged_artifact_is_made_again_and_nothing_else(results: Path, home: Path, toy_log: Path) -> None:
    first = run_toy(home)
    table = artifact(home, first, "verdicts") / "verdicts.parquet"
    content = table.read_bytes()
    table.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    second = run_toy(home)
    assert hits(second) == [True, False, True]
    assert digests(second) == digests(first)
    assert table.read_bytes() == content
    assert toy_log.read_text().split() == ["count", "halve", "add_up", "halve"]


def test_with_prefects_results_lost_the_store_still_serves(results: Path, home: Path, toy_log: Path) -> None:
    first = run_toy(home)
    for path in results.iterdir():
        path.write_text("{torn") if path.stat().st_ino % 2 else path.unlink()
    second = run_toy(home)
    assert hits(second) == [True] * 3
    assert digests(second) == digests(first)
    assert len(toy_log.read_text().split()) == 3


def test_a_store_that_moved_still_serves(results: Path, home: Path, toy_log: Path, tmp_path: Path) -> None:
    first = run_toy(home)
    home.rename(tmp_path / "moved")
    second = run_toy(tmp_path / "moved")
    assert hits(second) == [True] * 3
    assert digests(second) == digests(first)


def test_a_cached_reference_to_content_that_was_replaced_does_not_count(
    results: Path, home: Path, tmp_path: Path
) -> None:
    """The store was filled anew elsewhere, by a stage that does not repeat itself exactly."""
    first = run_toy(home)
    kept = {path.name: path.read_text() for path in results.iterdir()}
    key = first["verdicts"]["key"]
    name = f"tailor-verdicts-{key}"
    (results / name).write_text(kept[name].replace(first["verdicts"]["digest"], "0" * 64))
    assert digests(run_toy(home)) == digests(first)


def test_only_what_depends_on_a_changed_value_is_made_again(results: Path, home: Path, toy_log: Path) -> None:
    run_toy(home)
    changed = run_toy(home, more={"verdicts": {"sound_steps_from": []}, "policy": {"beta": 0.5}})
    assert hits(changed) == [True, False, True], "the changed stage gave the same content"
    assert hits(run_toy(home, train=5)) == [False] * 3


def test_a_forced_stage_that_repeats_itself_makes_nothing_else_run(
    results: Path, home: Path, toy_log: Path
) -> None:
    first = run_toy(home)
    forced = run_toy(home, force=["problems"])
    assert hits(forced) == [False, True, True]
    assert digests(forced) == digests(first)
    assert toy_log.read_text().split() == ["count", "halve", "add_up", "count"]
    assert hits(run_toy(home)) == [True] * 3


def test_a_forced_stage_with_other_content_makes_what_follows_run_and_keeps_the_old(
    results: Path, home: Path
) -> None:
    first = run_toy(home, first="dice")
    forced = run_toy(home, first="dice", force=["problems"])
    assert hits(forced) == [False] * 3
    assert forced["problems"]["key"] == first["problems"]["key"]
    assert forced["problems"]["digest"] != first["problems"]["digest"]
    [aside] = (home / "store" / ".quarantine").iterdir()
    assert json.loads((aside / "manifest.json").read_text())["digest"] == first["problems"]["digest"]
    again = run_toy(home, first="dice")
    assert hits(again) == [True] * 3, "Prefect's cache knows the new one"
    assert digests(again) == digests(forced)


def test_a_run_ends_after_the_stage_that_was_asked_for(results: Path, home: Path, toy_log: Path) -> None:
    assert run_toy(home, until="verdicts").keys() == {"problems", "verdicts"}
    assert toy_log.read_text().split() == ["count", "halve"]
    assert hits(run_toy(home)) == [True, True, False]


def test_a_result_that_prefect_could_not_store_costs_nothing(
    results: Path, home: Path, toy_log: Path
) -> None:
    """Prefect reports such a task as completed, and has nothing cached."""
    results.write_text("no directory")
    first = run_toy(home)
    second = run_toy(home)
    assert (hits(first), hits(second)) == ([False] * 3, [True] * 3)
    assert results.is_file()
    assert toy_log.read_text().split() == ["count", "halve", "add_up"]


def test_a_failure_of_the_machine_is_tried_again_and_then_goes_through(
    results: Path, home: Path, toy_log: Path
) -> None:
    with pytest.raises(OSError, match="the disk went away"):
        run_toy(home, first="fail")
    assert toy_log.read_text().split() == ["fail", "fail"]
    failed = [path for path in (home / "lineage").glob("problems-*") if '"FAIL"' in path.read_text()]
    assert len(failed) == 2


def test_every_attempt_and_every_hit_leaves_a_lineage_event(results: Path, home: Path) -> None:
    for _ in range(2):
        run_toy(home)
    found = [
        json.loads(path.read_text().splitlines()[-1])
        for path in sorted((home / "lineage").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        if not path.name.startswith("run-")
    ]
    told = [
        (
            event["job"]["name"],
            {tag["key"]: tag["value"] for tag in event["run"]["facets"]["tags"]["tags"]}["cached"],
        )
        for event in found
    ]
    stages = ["toy.problems", "toy.verdicts", "toy.sft_dataset"]
    assert told == [(stage, cached) for cached in ("false", "true") for stage in stages]


def test_a_flow_run_leaves_lineage_of_its_own_whose_children_its_stages_are(
    results: Path, home: Path
) -> None:
    run_toy(home)
    with pytest.raises(OSError, match="went away"):
        run_toy(home, first="fail")
    told = {}
    for path in (home / "lineage").glob("run-*"):
        start, end = map(json.loads, path.read_text().splitlines())
        assert start["eventType"] == "START"
        children = [
            json.loads(other.read_text().splitlines()[-1])
            for other in (home / "lineage").iterdir()
            if f'"runId": "{start["run"]["runId"]}"' in other.read_text() and other != path
        ]
        told[end["eventType"]] = [event["eventType"] for event in children]
    assert told == {"COMPLETE": ["COMPLETE"] * 3, "FAIL": ["FAIL"] * 2}


def test_a_run_leaves_a_summary_in_prefect_that_leads_to_digests_lineage_and_mlflow(
    results: Path, home: Path
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
    from toy_flow import toy

    for arguments in ({}, {}, {"first": "fail"}):
        with suppress(OSError):
            toy(home, published=True, **arguments)
    found = run_toy(home)
    named = ArtifactFilter(key=ArtifactFilterKey(any_=["tailor-toy"]))
    with get_client(sync_client=True) as client:
        told = [str(one.data) for one in client.read_artifacts(artifact_filter=named)]
        flow_runs = {one.flow_run_id for one in client.read_artifacts(artifact_filter=named)}
    assert len(flow_runs) == 3
    for word in ("made", "hit"):
        [text] = [
            one
            for one in told
            if all(
                re.search(rf"\| {stage} \| {word} \| .* \| `{found[stage]['digest'][:12]}` \|", one)
                for stage in found
            )
        ]
        assert f"`tailor lineage sft_dataset@{found['sft_dataset']['digest'][:12]} --home {home}`" in text
        assert "- MLflow: run `none` in `http://127.0.0.1:9`" in text
        assert f"- store: `{home}/store`" in text
    for text in told:
        [events] = re.findall(r"lineage events: `(.*)`", text)
        assert Path(events).exists()


@pytest.mark.parametrize("where", ["local", "subprocess"])
def test_every_stage_has_a_page_of_its_task_run_and_says_how_far_it_is_wherever_it_runs(
    results: Path,
    home: Path,
    toy_log: Path,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    python_environment: dict[str, str],
) -> None:
    monkeypatch.setenv("PYTHONPATH", python_environment["PYTHONPATH"])
    changes = {"name": f"pages-{where}", "execution": {"cpu": where}}
    found = run_toy(home, more=changes, first="slow")
    run_toy(home, more=changes, first="slow")
    run_toy(home, more=changes, first="slow", train=5)
    pages, bars, names = shown(f"pages-{where}")
    first, again, other = (one for one in pages["problems"] if one)
    for text, began in (
        (first, "**Made** in this run: `never run in this store`."),
        (again, "**Hit**"),
        (other, "**Made** in this run: `problems.train 4 -> 5`."),
    ):
        assert text.startswith(began)
    assert f"- content: `{found['problems']['digest'][:12]}`" in first
    assert f"`file://{home}/store/{found['problems']['uri']}`" in again
    assert {stage: len(of) for stage, of in pages.items()} == dict.fromkeys(found, 3)
    assert bars == [100.0, 100.0], "a hit has nothing to tell"
    assert names[0] == f"problems {found['problems']['key'][:8]}"


def shown(recipe: str) -> tuple[dict[str, list[str]], list[float], list[str]]:
    """What Prefect has of the runs of a recipe, oldest first: pages by stage, progress, and names of the task runs."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    pages: dict[str, list[str]] = {}
    bars, names = [], []
    named = ArtifactFilter(key=ArtifactFilterKey(like_=f"tailor-{recipe}-%"))
    with get_client(sync_client=True) as client:
        for one in sorted(client.read_artifacts(artifact_filter=named), key=lambda one: str(one.created)):
            assert one.task_run_id
            if one.type == "progress":
                bars.append(float(str(one.data)))
                continue
            stage = str(one.key).removeprefix(f"tailor-{recipe}-").replace("-", "_")
            pages.setdefault(stage, []).append(str(one.data))
            names.append(read_task_run(client, one.task_run_id))
    return pages, bars, names


def read_task_run(client: Any, identity: Any) -> str:
    """The name of a task run, which the server learns of a little later."""
    from prefect.exceptions import ObjectNotFound

    for _ in range(50):
        with suppress(ObjectNotFound):
            return str(client.read_task_run(identity).name)
        time.sleep(0.2)
    raise AssertionError("the page belongs to no task run")


def test_stages_in_processes_of_their_own_make_the_same_and_their_metrics_reach_mlflow(
    results: Path,
    home: Path,
    toy_log: Path,
    monkeypatch: pytest.MonkeyPatch,
    python_environment: dict[str, str],
) -> None:
    from mlflow import MlflowClient

    here = run_toy(home.with_name("here"))
    monkeypatch.setenv("PYTHONPATH", python_environment["PYTHONPATH"])
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    below = {"execution": {"cpu": "subprocess"}}
    found = run_toy(home, more=below)
    assert (hits(found), digests(found)) == ([False] * 3, digests(here))
    assert sorted(path.name.partition("-")[0] for path in (home / "stages").iterdir()) == [
        "problems",
        "sft_dataset",
        "verdicts",
    ]
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("toy")
    [run] = client.search_runs([experiment.experiment_id], "attributes.run_name = 'problems'")
    assert [(one.value, one.step) for one in client.get_metric_history(run.info.run_id, "loss")] == [(0.5, 1)]
    assert run.info.status == "FINISHED"
    assert hits(run_toy(home, more=below)) == [True] * 3
    with pytest.raises(OSError, match=r"problems: its process failed \(OSError: the disk went away\)"):
        run_toy(home.with_name("failing"), first="fail", more=below)
    assert toy_log.read_text().split().count("fail") == 2, "a failure of the machine is tried again"


def start(
    server: str, home: Path, results: Path, log: Path, environment: dict[str, str]
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(TESTS / "toy_flow.py"), str(home), "14"],
        env={
            **environment,
            "PREFECT_API_URL": server,
            "PREFECT_LOGGING_LEVEL": "CRITICAL",
            "PREFECT_LOCAL_STORAGE_PATH": str(results),
            "TOY_LOG": str(log),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_flow_goes_on_where_it_was(
    server: str, results: Path, home: Path, toy_log: Path, python_environment: dict[str, str]
) -> None:
    for part in (2, 8):
        process = start(server, home, results, toy_log, python_environment)
        deadline = time.monotonic() + 60
        while f"part {part}\n" not in toy_log.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    resumed = run_toy(home, train=14, first="slow")
    lines = toy_log.read_text().splitlines()
    assert [lines.count(f"part {n}") for n in range(14)] == [1] * 14
    undisturbed = run_toy(home.with_name("other"), train=14)
    assert digests(resumed) == digests(undisturbed)


def test_two_flows_at_once_make_each_stage_once(
    server: str, results: Path, home: Path, toy_log: Path, python_environment: dict[str, str]
) -> None:
    processes = [start(server, home, results, toy_log, python_environment) for _ in range(2)]
    answers = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert answers[0][0] == answers[1][0] != ""
    lines = toy_log.read_text().splitlines()
    assert [lines.count(name) for name in ("count_slowly", "halve", "add_up")] == [1, 1, 1]


def test_who_waits_for_a_killed_flow_goes_on_where_that_one_was(
    server: str, results: Path, home: Path, toy_log: Path, python_environment: dict[str, str]
) -> None:
    holder = start(server, home, results, toy_log, python_environment)
    wait_for(lambda: "part 1\n" in toy_log.read_text())
    os.kill(holder.pid, signal.SIGSTOP)  # it holds its locks and makes nothing
    waiter = start(server, home, results, toy_log, python_environment)
    try:
        assert waiter.stderr
        told = next((line for line in waiter.stderr if "waiting for it" in line), "")
        # It is Prefect's lock, on the task: the stage's own, on the artifact, has another name.
        assert re.search(rf"tailor-problems-\w{{64}} is being made by process {holder.pid} ", told)
        os.kill(holder.pid, signal.SIGKILL)
        out, error = waiter.communicate(timeout=120)
    finally:
        for process in (holder, waiter):
            process.kill()
            process.wait()
    assert waiter.returncode == 0, error
    lines = toy_log.read_text().splitlines()
    assert [lines.count(f"part {n}") for n in range(14)] == [1] * 14
    assert out.strip() == run_toy(home.with_name("other"), train=14)["sft_dataset"]["digest"]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def job_of_a_teacher(home: Path, variable: str) -> StageJob:
    teacher = {"kind": "chat", "model": "m", "key_variable": variable}
    recipe = make_recipe({"name": "toy", "teacher": teacher}, "toy")
    return StageJob(
        spec=make_spec(toy_stages.QUOTING, recipe, {}),
        config=toy_stages.QUOTING.config,
        recipe="toy",
        home=str(home),
        store=str(home / "store"),
        unkeyed=unkeyed_values(recipe.section("demonstrations")),
    )


@pytest.mark.parametrize("where", ["local", "subprocess", "a worker's flow"])
def test_a_teachers_key_comes_from_the_secret_block_of_its_name_and_is_told_nowhere(
    where: str, results: Path, home: Path, python_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.blocks.system import Secret

    from flows.stage_runner import stage_runner
    from tasks.dispatch import dispatch

    monkeypatch.setenv("PYTHONPATH", python_environment["PYTHONPATH"])
    monkeypatch.setenv("TOY_TEACHER_KEY", "")
    secret = f"planted-{where[:5]}"
    Secret(value=secret).save("toy-teacher-key", overwrite=True)
    job = job_of_a_teacher(home, "TOY_TEACHER_KEY")
    place = Placement(where="local" if where == "local" else "subprocess")
    run = stage_runner if where == "a worker's flow" else lambda _: dispatch(job, place, untold, print)
    with pytest.raises(Exception, match=r"the key .*is wrong") as caught:
        run(job.to_json())  # type: ignore[no-untyped-call]
    shown = "".join(traceback.format_exception(caught.value))
    assert hashlib.sha256(secret.encode()).hexdigest() in shown, "it is the key of the block"
    assert "the key '***' is wrong" in shown
    assert secret not in shown + json.dumps(job.to_json())
    for path in home.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def test_without_a_secret_block_no_key_is_set(
    results: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.secrets import provide_key

    monkeypatch.delenv("TOY_OTHER_KEY", raising=False)
    provide_key(job_of_a_teacher(home, "TOY_OTHER_KEY"))
    assert "TOY_OTHER_KEY" not in os.environ

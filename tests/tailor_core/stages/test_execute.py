"""Running a stage: once, whole, and with whatever a killed attempt left behind."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import toy_stages

from tailor_core.artifacts.locks import BusyError, held
from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_table
from tailor_core.config.load import make_recipe
from tailor_core.config.settings import Settings
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.errors import ArtifactError, StageError
from tailor_core.stages.context import Track
from tailor_core.stages.execute import StageJob, execute, untold
from tailor_core.stages.registry import StageDefinition
from tailor_core.stages.spec import make_spec

pytestmark = pytest.mark.integration


def make_job(
    definition: StageDefinition, settings: Settings, inputs: dict[str, Any] | None = None, train: int = 4
) -> StageJob:
    recipe = make_recipe({"name": "toy", "seed": 10, "problems": {"train": train}}, "toy")
    return StageJob(
        spec=make_spec(definition, recipe, inputs or {}),
        config=definition.config,
        inputs=inputs or {},
        recipe="toy",
        home=str(settings.home),
        store=settings.store,
    )


def calls(log: Path, name: str) -> int:
    return log.read_text().splitlines().count(name)


def start_worker(job: StageJob, tmp_path: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job.to_json()))
    return subprocess.Popen(
        [sys.executable, "-m", "tailor_core.stages.worker", str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition: Any, what: str) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail(f"waited in vain for {what}")


def test_a_stage_is_run_once_and_then_found(settings: Settings, store: Store, toy_log: Path) -> None:
    job = make_job(toy_stages.PROBLEMS, settings)
    first = execute(job)
    second = execute(StageJob.from_json(json.loads(json.dumps(job.to_json()))))
    assert (first.hit, second.hit) == (False, True)
    assert second.manifest == first.manifest
    assert calls(toy_log, "count") == 1
    table = read_table(store.local(first.manifest.ref, settings.cache) / "problems.parquet")
    assert table["number"].to_list() == [10, 11, 12, 13]


def test_the_manifest_says_what_was_made_of_what_by_what(settings: Settings) -> None:
    problems = execute(make_job(toy_stages.PROBLEMS, settings)).manifest
    verdicts = execute(make_job(toy_stages.VERDICTS, settings, {"problems": problems.ref})).manifest
    assert verdicts.inputs == {
        "problems": {"stage": "problems", "key": problems.key, "digest": problems.digest}
    }
    assert verdicts.summary["rows"] == {"verdicts": 4}
    assert verdicts.table_types == {"verdicts.parquet": {"number": "Int64"}}
    assert verdicts.producer["function"] == "toy_stages:halve"
    assert verdicts.spec["config"] == VerdictsConfig().model_dump(mode="json")
    assert verdicts.seconds >= 0
    assert verdicts.created.endswith("+00:00")


def test_equal_content_under_another_key_is_a_hit_downstream(settings: Settings, toy_log: Path) -> None:
    """Two ways to make the same numbers: what follows is made once."""
    one = execute(make_job(toy_stages.PROBLEMS, settings)).manifest.ref
    again = execute(make_job(toy_stages.SLOW, settings)).manifest.ref
    assert again.key != one.key
    assert again.digest == one.digest
    first = execute(make_job(toy_stages.VERDICTS, settings, {"problems": one}))
    second = execute(make_job(toy_stages.VERDICTS, settings, {"problems": again}))
    assert (first.hit, second.hit) == (False, True)
    assert calls(toy_log, "halve") == 1


def test_while_a_stage_is_made_its_workdir_is_held_whatever_the_store(settings: Settings) -> None:
    """Two runs of a home with different stores would else share it, and upkeep take it from a living one."""

    def begin() -> Track:
        with (
            pytest.raises(BusyError),
            held(settings.locks / f"{job.spec.stage}-{job.spec.key}.lock", "it", timeout=0),
        ):
            pass
        return untold()

    job = make_job(toy_stages.PROBLEMS, settings)
    assert not execute(job, begin=begin).hit


def test_a_forced_stage_that_repeats_itself_leaves_the_old_artifact(
    settings: Settings, store: Store, toy_log: Path
) -> None:
    job = make_job(toy_stages.PROBLEMS, settings)
    first = execute(job)
    told: list[str] = []
    again = execute(dataclasses.replace(job, force=True), say=told.append)
    assert (again.hit, calls(toy_log, "count")) == (False, 2)
    assert again.manifest == first.manifest
    assert store.quarantined() == {}
    assert told == []


def test_a_forced_stage_with_other_content_puts_the_old_artifact_aside(
    settings: Settings, store: Store, toy_log: Path
) -> None:
    job = make_job(toy_stages.DICE, settings)
    first = execute(job).manifest
    told: list[str] = []
    second = execute(dataclasses.replace(job, force=True), say=told.append).manifest
    assert second.digest != first.digest
    assert store.find(first.stage, first.key) == second
    [aside] = store.quarantined()
    assert store.directory
    kept = (store.directory / ".quarantine" / aside / "manifest.json").read_text()
    assert Manifest.from_text(kept) == first, "nothing is lost"
    assert told == [
        f"problems: other content than before, {first.digest[:12]} -> {second.digest[:12]}; "
        "what was there is in quarantine"
    ]
    assert execute(job).hit
    assert calls(toy_log, "throw") == 2


def test_a_store_that_lost_what_it_took_is_noticed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "_publish", lambda self, directory, manifest: None)
    job = make_job(toy_stages.PROBLEMS, settings)
    with pytest.raises(ArtifactError, match=r"was written, but the store .* does not have it"):
        execute(job)
    assert (settings.work / f"problems-{job.spec.key}").exists(), "the next attempt may need it"


@pytest.mark.parametrize("damage", ["delete", "change", "truncate", "tear", "forget"])
def test_damage_is_noticed_and_costs_that_stage_alone(
    settings: Settings, store: Store, toy_log: Path, damage: str
) -> None:
    job = make_job(toy_stages.PROBLEMS, settings)
    before = execute(job).manifest
    directory = store.local(before.ref, settings.cache)
    file, manifest = directory / "problems.parquet", directory / "manifest.json"
    content = file.read_bytes()
    if damage == "delete":
        file.unlink()
    elif damage == "change":
        file.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    elif damage == "truncate":
        file.write_bytes(content[:-7])
    elif damage == "tear":
        manifest.write_bytes(manifest.read_bytes()[:-40])
    else:
        manifest.unlink()
    after = execute(job)
    assert not after.hit
    assert after.manifest.digest == before.digest
    assert file.read_bytes() == content
    assert calls(toy_log, "count") == 2
    assert execute(job).hit


def test_a_stage_that_raises_leaves_nothing_to_find(settings: Settings, store: Store) -> None:
    job = make_job(toy_stages.FAILING, settings)
    for _ in range(2):
        with pytest.raises(OSError, match="went away"):
            execute(job)
    assert store.find("problems", job.spec.key) is None
    assert store.directory
    assert list((store.directory / ".tmp").iterdir()) == []


def test_a_stage_that_writes_no_file_is_refused(settings: Settings) -> None:
    with pytest.raises(StageError, match="wrote no file"):
        execute(make_job(toy_stages.LAZY, settings))


def test_the_tracker_is_asked_for_only_when_the_stage_runs(settings: Settings) -> None:
    begun: list[tuple[dict[str, float], int]] = []

    def begin() -> Any:
        return lambda metrics, step: begun.append((dict(metrics), step))

    job = make_job(toy_stages.PROBLEMS, settings)
    execute(job, begin)
    assert begun == [({"loss": 0.5}, 1)]
    execute(job, begin)
    assert len(begun) == 1


def test_a_killed_stage_goes_on_where_it_was_and_ends_like_an_undisturbed_one(
    settings: Settings, tmp_path: Path, toy_log: Path, python_environment: dict[str, str]
) -> None:
    job = make_job(toy_stages.SLOW, settings, train=12)
    for done in (2, 5):
        worker = start_worker(job, tmp_path, {**python_environment, "TOY_LOG": str(toy_log)})
        wait_for(lambda done=done: calls(toy_log, f"part {done}"), f"part {done}")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert Store(settings.store).find("problems", job.spec.key) is None
    resumed = execute(job)
    assert not resumed.hit
    assert [calls(toy_log, f"part {n}") for n in range(12)] == [1] * 12, "no part was made twice"
    undisturbed = execute(make_job(toy_stages.PROBLEMS, settings, train=12))
    assert resumed.manifest.digest == undisturbed.manifest.digest
    assert not (settings.work / f"problems-{job.spec.key}").exists()


def test_two_processes_at_once_make_it_once(
    settings: Settings, tmp_path: Path, toy_log: Path, python_environment: dict[str, str]
) -> None:
    job = make_job(toy_stages.SLOW, settings, train=20)
    environment = {**python_environment, "TOY_LOG": str(toy_log)}
    workers = [start_worker(job, tmp_path, environment) for _ in range(2)]
    results = []
    told = ""
    for worker in workers:
        out, error = worker.communicate(timeout=240)
        assert worker.returncode == 0, error
        results.append(json.loads(out.splitlines()[-1]))
        told += error
    assert sorted(result["hit"] for result in results) == [False, True]
    assert results[0]["ref"] == results[1]["ref"]
    assert calls(toy_log, "count_slowly") == 1
    assert "is being made by process" in told


def test_a_remote_store_serves_inputs_through_a_copy(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", store=f"memory://{tmp_path.name}")
    problems = execute(make_job(toy_stages.PROBLEMS, settings)).manifest
    verdicts = execute(make_job(toy_stages.VERDICTS, settings, {"problems": problems.ref})).manifest
    total = execute(
        make_job(toy_stages.SFT_DATASET, settings, {"problems": problems.ref, "verdicts": verdicts.ref})
    ).manifest
    local = Store(settings.store).local(total.ref, settings.cache)
    numbers = [10, 11, 12, 13]
    assert json.loads((local / "nested" / "sum.json").read_text()) == sum(numbers) + sum(
        n // 2 for n in numbers
    )


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"spec": 3}'])
def test_a_worker_without_a_job_says_so_and_exits_2(
    tmp_path: Path, python_environment: dict[str, str], content: str | None
) -> None:
    from tailor_core.stages.worker import main

    path = tmp_path / "job.json"
    if content is not None:
        path.write_text(content)
    assert main([str(path)]) == 2
    assert main([]) == 2

"""`tailor recover` where neither Prefect nor MLflow has a database yet: records, temporary files, what it says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows import recover_cli
from flows.cli import app
from tailor_core.catalog.connection import open_catalog
from tailor_core.config.settings import Settings
from tailor_core.stages.runs import read_records, registered
from tailor_core.tracking.attempts import read_flow_run
from tailor_core.tracking.openlineage import LineageLog

KEY = "ab" * 32


@pytest.fixture(autouse=True)
def nothing_is_prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The process of the tests keeps its variables; commands are called in a directory of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recover_cli, "prepare_process", lambda settings: None)


def recover(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["recover", "--home", str(settings.home), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def killed(settings: Settings) -> str:
    """The id of a run that was killed in `problems`."""
    with registered(settings, ["run", "kk-tiny", "--set", "seed=3"]) as record:
        path = settings.home / "runs" / f"{record.id}.json"
        text = path.read_text()
    path.write_text(text)
    (settings.home / "store" / ".tmp" / f"problems-{KEY}-12345678").mkdir(parents=True)
    (settings.work / f"problems-{KEY}").mkdir(parents=True)
    return record.id


def test_a_home_without_runs_has_nothing_to_recover(settings: Settings) -> None:
    assert recover(settings) == "nothing to recover\n"


def test_a_killed_run_is_put_in_order_once(settings: Settings, killed: str) -> None:
    text = recover(settings)
    assert f"killed: run {killed} of `tailor run kk-tiny --set seed=3` (process " in text
    assert f"removed: {settings.home}/store/.tmp/problems-{KEY}-12345678" in text
    assert (settings.work / f"problems-{KEY}").exists(), "the next attempt goes on from there"
    again = recover(settings).splitlines()
    assert again[0] == "nothing to recover"
    assert again[1].startswith(f"--resume would run again: run {killed} of `tailor run kk-tiny")


def test_lineage_and_the_catalog_are_told_that_a_run_was_killed(settings: Settings, killed: str) -> None:
    log = LineageLog(directory=settings.lineage, recipe="kk-tiny", run_id=killed)
    living = LineageLog(directory=settings.lineage, recipe="kk-tiny")
    for one in (log, living):
        one.start()
        one.attempt("problems", KEY, []).start()
    assert "set to ABORT: lineage of problems" in recover(settings, "--dry-run")
    text = recover(settings)
    assert "set to ABORT: lineage of problems\n" in text
    assert "set to ABORT: lineage of kk-tiny\n" in text
    assert f"brought up to date: {settings.catalog}\n" in text
    with open_catalog(settings.catalog, read_only=True) as connection:
        states = connection.execute("select run, state from attempts").fetchall()
    assert dict(states) == {killed: "ABORT", living.run_id: "START"}
    told = {run: read_flow_run(settings.lineage, run) for run in (killed, living.run_id)}
    assert {run: one and one.state for run, one in told.items()} == dict(states)
    assert "ABORT" not in recover(settings)


def test_a_dry_run_changes_nothing(settings: Settings, killed: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in settings.home.rglob("*") if path.is_file()}
    text = recover(settings, "--dry-run", "--resume")
    assert all(line.startswith("(dry run) ") for line in text.splitlines())
    assert f"(dry run) killed: run {killed}" in text
    after = {path: path.stat().st_mtime_ns for path in settings.home.rglob("*") if path.is_file()}
    assert {path: time for path, time in after.items() if path.suffix != ".lock"} == before


def test_a_live_run_is_left_alone(settings: Settings) -> None:
    with registered(settings, ["run", "kk-tiny"]) as record:
        text = recover(settings)
        assert text.startswith(f"left alone, for it lives: run {record.id} of `tailor run kk-tiny`")
        assert [one.id for one in read_records(settings)] == [record.id]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are run; the one with seed=4 fails."""
    seen: list[list[str]] = []

    def run(command: list[str], env: dict[str, str], cwd: Path | None, check: bool) -> Any:
        seen.append([*command, env["TAILOR_HOME"], env["TAILOR_STORE"]])
        if cwd:
            Path(cwd, "here").touch()
        return subprocess.CompletedProcess(command, 7 if "seed=4" in command else 0)

    monkeypatch.setattr(recover_cli.subprocess, "run", run)
    return seen


def test_resume_runs_the_command_again_as_it_was_run(
    settings: Settings, killed: str, commands: list[list[str]]
) -> None:
    text = recover(settings, "--resume")
    assert f"resuming: run {killed}" in text
    assert [command[1:] for command in commands] == [
        ["-m", "flows.cli", "run", "kk-tiny", "--set", "seed=3", str(settings.home), settings.store]
    ]


def test_a_resumed_run_that_fails_gives_the_command_its_status(
    settings: Settings, killed: str, commands: list[list[str]], tmp_path: Path
) -> None:
    path = settings.home / "runs" / f"{killed}.json"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "command": ["run", "kk-tiny", "--set", "seed=4"]})
    )
    result = CliRunner().invoke(app, ["recover", "--home", str(settings.home), "--resume"])
    assert result.exit_code == 7


def test_a_run_that_fails_again_keeps_no_other_from_being_resumed(
    settings: Settings, killed: str, commands: list[list[str]]
) -> None:
    path = settings.home / "runs" / f"{killed}.json"
    failing = {**json.loads(path.read_text()), "id": "other", "started": "2020-01-01T00:00:00+00:00"}
    failing["command"] = ["run", "kk-tiny", "--set", "seed=4"]
    path.with_name("other.json").write_text(json.dumps(failing))
    result = CliRunner().invoke(app, ["recover", "--home", str(settings.home), "--resume"])
    assert result.exit_code == 7
    assert [command[6] for command in commands] == ["seed=4", "seed=3"]


def test_a_run_is_resumed_where_it_was_called_for_its_paths_may_be_relative(
    settings: Settings, killed: str, commands: list[list[str]], tmp_path: Path
) -> None:
    path = settings.home / "runs" / f"{killed}.json"
    record = json.loads(path.read_text())
    assert record["directory"] == str(Path.cwd())
    path.write_text(json.dumps({**record, "directory": str(tmp_path / "elsewhere")}))
    (tmp_path / "elsewhere").mkdir()
    recover(settings, "--resume")
    assert (tmp_path / "elsewhere" / "here").exists()
    (tmp_path / "elsewhere" / "here").unlink()
    (tmp_path / "elsewhere").rmdir()
    recover(settings, "--resume")
    assert len(commands) == 2, "from here, where that directory is gone"
    path.write_text(json.dumps({name: value for name, value in record.items() if name != "directory"}))
    recover(settings, "--resume")
    assert len(commands) == 3, "a record of an older version says none"


def test_a_dry_run_says_what_would_be_run_again(settings: Settings, killed: str) -> None:
    again = f"(dry run) --resume would run again: run {killed} of `tailor run kk-tiny --set seed=3`"
    assert again in recover(settings, "--dry-run")
    recover(settings)
    assert again in recover(settings, "--dry-run")
    with registered(settings, ["run", "igsm-tiny"]) as living:
        assert f"again: run {living.id}" not in recover(settings, "--dry-run")


def test_two_killed_runs_of_the_same_work_are_run_again_once(
    settings: Settings, killed: str, commands: list[list[str]], make_copy: Callable[[str], None]
) -> None:
    make_copy(killed)
    recover(settings, "--resume")
    assert len(commands) == 1


@pytest.fixture
def make_copy(settings: Settings) -> Callable[[str], None]:
    def copy(run: str) -> None:
        value = json.loads((settings.home / "runs" / f"{run}.json").read_text())
        (settings.home / "runs" / "other.json").write_text(json.dumps({**value, "id": "other"}))

    return copy

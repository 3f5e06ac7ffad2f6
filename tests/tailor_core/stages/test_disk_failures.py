"""Disks that are full or read-only, and stores that fail mid-write: one clear error, and the next attempt succeeds."""

from __future__ import annotations

import errno
import json
import resource
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import toy_stages
from test_execute import calls, make_job

from tailor_core.artifacts.access import disk_failure
from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError, MachineError
from tailor_core.stages.execute import StageJob, execute, find_intact

ROOM = 100_000
"""Bytes that a file may have: less than the table of the job below."""


def limited(job: StageJob, tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A worker that cannot write large files, as on a disk that is full."""
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job.to_json()))
    return subprocess.run(
        [sys.executable, "-m", "tailor_core.stages.worker", str(path)],
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_full_disk_is_one_sentence_and_leaves_no_artifact(
    settings: Settings, store: Store, tmp_path: Path, python_environment: dict[str, str]
) -> None:
    job = make_job(toy_stages.PROBLEMS, settings, train=100_000)
    result = limited(job, tmp_path, python_environment)
    assert result.returncode == 2
    assert result.stderr.startswith("problems: the disk under ")
    assert "failed (File too large); free space" in result.stderr
    assert "Traceback" not in result.stderr
    assert list(store.manifests()) == []
    assert store.directory
    assert list((store.directory / ".tmp").iterdir()) == []
    made = execute(job).manifest
    assert find_intact(store, "problems", job.spec.key) == made


def test_a_store_that_cannot_be_written_is_one_sentence(settings: Settings) -> None:
    """/sys takes no directory, not even from root."""
    job = make_job(toy_stages.PROBLEMS, Settings(home=settings.home, store="/sys/tailor-store"))
    with pytest.raises(ArtifactError, match=r"cannot be locked: '/sys/tailor-store/.* is not writable \("):
        execute(job)


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.integration)])
def remote(request: pytest.FixtureRequest) -> str:
    return f"memory://{uuid.uuid4().hex}" if request.param == "memory" else request.getfixturevalue("s3_url")


@pytest.mark.parametrize("method", ["put_file", "pipe_file"])
def test_a_store_that_fails_mid_write_costs_that_attempt_alone(
    remote: str, tmp_path: Path, toy_log: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    job = make_job(toy_stages.SLOW, Settings(home=tmp_path / "home", store=remote), train=3)
    store = Store(remote)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "connection reset")

    with monkeypatch.context() as patch:
        patch.setattr(store._fs, method, fail)  # fsspec gives equal stores the same filesystem
        with pytest.raises(ArtifactError, match=r"cannot be written \(connection reset\)"):
            execute(job)
    assert list(store.manifests()) == []
    outcome = execute(job)
    assert store.damage(outcome.manifest) == ""
    assert [calls(toy_log, f"part {n}") for n in range(3)] == [1] * 3, "what was done was not done again"
    assert execute(job).hit


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left"), "No space left on device"),
        (OSError(errno.EROFS, "x"), "Read-only file system"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left on device"),
        (OSError("the disk went away"), ""),
        (FileNotFoundError(errno.ENOENT, "a bug"), ""),
        (ValueError("a bug"), ""),
        (RuntimeError("not found (os error 2)"), ""),
    ],
)
def test_what_the_disk_is_to_blame_for(tmp_path: Path, error: Exception, told: str) -> None:
    assert disk_failure(error, tmp_path) == told


def test_what_torch_raises_on_a_full_disk_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tailor_core.artifacts import access

    error = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534")
    assert disk_failure(error, tmp_path) == ""
    monkeypatch.setattr(access, "_FULL_BELOW_BYTES", 1 << 62)
    assert disk_failure(error, tmp_path) == "No space left on device"


def test_a_failure_of_the_machine_is_tried_again() -> None:
    assert isinstance(MachineError("problems: the disk failed"), OSError), "what tasks.stage looks for"
    assert str(MachineError("problems: the disk failed")) == "problems: the disk failed"

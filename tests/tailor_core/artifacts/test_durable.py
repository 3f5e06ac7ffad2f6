"""What vouches for other files appears after those are on the disk."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_store import commit

from tailor_core.artifacts import durable
from tailor_core.artifacts.durable import write_last
from tailor_core.artifacts.store import Store


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """What was synced, and whether its directory held a file `marker` or a manifest then."""
    found: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        marked = any((path.parent / name).exists() for name in ("marker", "manifest.json", "complete.json"))
        found.append((path.name, marked))

    monkeypatch.setattr(durable.os, "fsync", fsync)
    return found


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system has no /proc")


def test_files_and_directories_come_before_the_marker(tmp_path: Path, synced: list[tuple[str, bool]]) -> None:
    inner = tmp_path / "made" / "inner"
    inner.mkdir(parents=True)
    for path in (tmp_path / "made" / "weights", inner / "more"):
        path.write_text("bytes")
    write_last(tmp_path / "made" / "marker", "text")
    assert {name for name, _ in synced[:5]} == {"weights", "inner", "more", "marker.partial", "made"}
    assert {name: marked for name, marked in synced[:5] if name != "made"} == dict.fromkeys(
        ("weights", "inner", "more", "marker.partial"), False
    )
    assert [name for name, _ in synced[5:]] == ["made", tmp_path.name], "and so is the rename"
    assert (tmp_path / "made" / "marker").read_text() == "text"
    assert not list((tmp_path / "made").glob("*.partial"))


def test_an_artifact_is_on_the_disk_before_its_manifest(
    store: Store, tmp_path: Path, synced: list[tuple[str, bool]]
) -> None:
    manifest = commit(store, tmp_path)
    for name in manifest.files:
        assert (Path(name).name, False) in synced


def test_a_checkpoint_is_on_the_disk_before_its_marker(
    tmp_path: Path, synced: list[tuple[str, bool]]
) -> None:
    from tailor_core.training.checkpoints import _Seal, newest_checkpoint

    (tmp_path / "checkpoint-3").mkdir()
    (tmp_path / "checkpoint-3" / "model.safetensors").write_text("weights")
    alone = SimpleNamespace(
        is_main_process=True, num_processes=1, distributed_type="NO", wait_for_everyone=lambda: None
    )
    trainer: Any = SimpleNamespace(accelerator=alone)
    arguments = SimpleNamespace(output_dir=tmp_path)
    _Seal(trainer, "digest").on_save(arguments, SimpleNamespace(global_step=3), None)
    assert ("model.safetensors", False) in synced
    assert ("checkpoint-3", False) in synced
    found = newest_checkpoint(tmp_path)
    assert found
    assert (found.step, found.data) == (3, "digest")

"""Garbage collection and copying: what is reachable stays, what goes goes whole, and a writer is never raced."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tailor_core.artifacts.gc import GRACE_SECONDS, delete_garbage, find_garbage, newest_of_each
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.manifest import Manifest, content_digest, describe_files
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.transfer import transfer
from tailor_core.errors import ArtifactError

LATER = time.time() + GRACE_SECONDS + 24 * 3600  # well after whatever a long run of tests makes
OLD = "2020-01-01T00:00:00+00:00"


def make(
    store: Store, tmp_path: Path, name: str, *inputs: Manifest, created: str = OLD, recipe: str = "toy"
) -> Manifest:
    """An artifact at stage/key, given as that text."""
    stage, key = name.split("/")
    directory = store.staging(stage, key, tmp_path / "fallback")
    (directory / "data.bin").write_bytes(name.encode())
    files = describe_files(directory)
    return store.commit(
        directory,
        Manifest(
            stage=stage,
            key=key,
            digest=content_digest({file: entry["sha256"] for file, entry in files.items()}),
            files=files,
            spec={},
            inputs={one.stage: {"stage": one.stage, "key": one.key, "digest": one.digest} for one in inputs},
            producer={"recipe": recipe},
            created=created,
        ),
    )


def places(store: Store) -> list[str]:
    return [one.ref.uri for one in store.manifests()]


def test_what_was_made_from_nothing_kept_goes_and_all_else_stays(any_store: Store, tmp_path: Path) -> None:
    old_problems = make(any_store, tmp_path, "problems/1")
    problems = make(any_store, tmp_path, "problems/2")
    make(any_store, tmp_path, "probe/1", old_problems)
    probe = make(any_store, tmp_path, "probe/2", problems)
    policy = make(any_store, tmp_path, "policy/1", probe)
    garbage = find_garbage(any_store, [("policy", policy.key)], now=LATER)
    assert [one.ref.uri for one in garbage.artifacts] == ["probe/1", "problems/1"], "each before its inputs"
    assert garbage.kept == 3
    assert garbage.size == len("probe/1") + len("problems/1")
    assert len(places(any_store)) == 5, "finding deletes nothing"
    assert delete_garbage(any_store, garbage, tmp_path / "locks") == garbage.size
    assert places(any_store) == ["policy/1", "probe/2", "problems/2"]
    left = [path for path in any_store.objects() if not path.startswith(".")]
    assert len(left) == 6, "nothing of what was deleted is left"


def test_what_is_young_stays_with_all_it_was_made_from(any_store: Store, tmp_path: Path) -> None:
    problems = make(any_store, tmp_path, "problems/1")
    make(any_store, tmp_path, "probe/1", problems, created=datetime.now(UTC).isoformat())
    assert find_garbage(any_store, []).artifacts == ()
    assert len(find_garbage(any_store, [], now=LATER).artifacts) == 2


def test_what_was_copied_just_now_stays_whenever_it_was_made(any_store: Store, tmp_path: Path) -> None:
    """A collection in the middle of a push would tear it apart, for what is needed comes before what needs it."""
    away = Store(tmp_path / "away")
    problems = make(away, tmp_path, "problems/1")
    probe = make(away, tmp_path, "probe/1", problems)
    copied = transfer(probe, away, any_store, locks=tmp_path / "locks", staging=tmp_path / "staging")
    next(copied)
    assert find_garbage(any_store, []).artifacts == ()
    list(copied)
    assert find_garbage(any_store, []).artifacts == ()
    assert len(find_garbage(any_store, [], now=LATER).artifacts) == 2


def test_a_writer_that_ends_while_it_is_looked_at_is_none(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = store.staging("problems", "2", tmp_path)

    def rglob(self: Path, pattern: str) -> Iterator[Path]:
        shutil.rmtree(left)
        return iter(())

    monkeypatch.setattr(Path, "rglob", rglob)
    assert find_garbage(store, [], now=LATER).leftovers == ()
    assert not left.exists()


def test_a_key_that_a_writer_holds_stays(any_store: Store, tmp_path: Path) -> None:
    make(any_store, tmp_path, "problems/1")
    make(any_store, tmp_path, "problems/2")
    any_store.staging("problems", "3", tmp_path / "staging")
    garbage = find_garbage(any_store, [], now=LATER)
    told: list[str] = []
    locks = tmp_path / "locks"
    with (
        held(any_store.lock_file("problems", "1", locks), "it"),
        held(any_store.lock_file("problems", "3", locks), "it"),
    ):
        delete_garbage(any_store, garbage, locks, told.append)
    assert places(any_store) == ["problems/1"]
    assert len(told) == (2 if any_store.directory else 1)
    assert told[-1].startswith("problems 1 is still being made by process ")
    if any_store.directory:
        assert len(list((any_store.directory / ".tmp").iterdir())) == 1


def test_leftovers_of_an_attempt_that_was_killed_go_once_they_are_old(
    any_store: Store, tmp_path: Path
) -> None:
    kept = make(any_store, tmp_path, "problems/1")
    if any_store.directory:
        left = any_store.staging("problems", "2", tmp_path)
        (left / "half").write_bytes(b"half")
    else:
        any_store._fs.pipe_file(any_store._at("problems/2/0123/half"), b"half")
        any_store._fs.pipe_file(any_store._at("problems/1/loser/half"), b"half")
    roots = [("problems", kept.key)]
    assert any_store.find("problems", "2") is None
    assert find_garbage(any_store, roots).leftovers == ()
    garbage = find_garbage(any_store, roots, now=LATER)
    assert [(one.stage, one.size) for one in garbage.leftovers] == [("problems", 4)] * (
        1 if any_store.directory else 2
    )
    delete_garbage(any_store, garbage, tmp_path / "locks")
    assert find_garbage(any_store, roots, now=LATER).leftovers == ()
    assert any_store.damage(kept) == ""
    assert places(any_store) == ["problems/1"]


def test_what_is_quarantined_stays(any_store: Store, tmp_path: Path) -> None:
    make(any_store, tmp_path, "problems/1")
    any_store.quarantine("problems", "1")
    garbage = find_garbage(any_store, [], now=LATER)
    assert (garbage.artifacts, garbage.leftovers) == ((), ())
    assert len(any_store.quarantined()) == 1


def test_the_newest_of_each_recipe_and_stage(store: Store, tmp_path: Path) -> None:
    for number, year, recipe in ((1, 2020, "a"), (2, 2022, "a"), (3, 2021, "a"), (4, 2019, "b")):
        make(store, tmp_path, f"problems/{number}", created=f"{year}-01-01T00:00:00+00:00", recipe=recipe)
    assert newest_of_each(store.manifests()) == {
        ("a", "problems"): ("problems", "2"),
        ("b", "problems"): ("problems", "4"),
    }


def test_a_read_only_store_is_one_sentence_and_stays_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(store, tmp_path, "problems/1")
    garbage = find_garbage(store, [], now=LATER)

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ArtifactError, match=r"cannot be written \(Read-only file system\)"):
        delete_garbage(store, garbage, tmp_path / "locks")
    assert [store.damage(one) for one in store.manifests()] == [""]


def test_an_artifact_is_copied_with_all_it_was_made_from(any_store: Store, tmp_path: Path) -> None:
    problems = make(any_store, tmp_path, "problems/1")
    probe = make(any_store, tmp_path, "probe/1", problems)
    make(any_store, tmp_path, "probe/2")
    there, back = Store(tmp_path / "there"), Store(f"memory://{tmp_path.name}/back")
    options = {"locks": tmp_path / "locks", "staging": tmp_path / "staging"}
    assert list(transfer(probe, any_store, there, **options)) == [(problems, True), (probe, True)]
    assert list(transfer(probe, any_store, there, **options)) == [(problems, False), (probe, False)]
    assert places(there) == ["probe/1", "problems/1"]
    list(transfer(probe, there, back, **options))
    assert [back.damage(one) for one in back.manifests()] == ["", ""]
    assert list((tmp_path / "staging").iterdir()) == []


def test_a_copy_that_would_be_incomplete_or_wrong_is_refused(any_store: Store, tmp_path: Path) -> None:
    problems = make(any_store, tmp_path, "problems/1")
    probe = make(any_store, tmp_path, "probe/1", problems)
    there = Store(tmp_path / "there")
    options = {"locks": tmp_path / "locks", "staging": tmp_path / "staging"}
    any_store._fs.pipe_file(any_store._file(problems, "data.bin"), b"Problems/1")
    with pytest.raises(ArtifactError, match="is damaged"):
        list(transfer(probe, any_store, there, **options))
    assert places(there) == []
    any_store.delete("problems", "1")
    with pytest.raises(ArtifactError, match=r"'problems' artifact 1, of which .* was made, is missing"):
        list(transfer(probe, any_store, there, **options))
    lone = make(any_store, tmp_path, "probe/3")
    other = Store(tmp_path / "other")
    directory = other.staging("probe", "3", tmp_path)
    (directory / "x").write_text("x")
    files = describe_files(directory)
    digest = content_digest({name: entry["sha256"] for name, entry in files.items()})
    other.commit(directory, Manifest(stage="probe", key="3", digest=digest, files=files, spec={}))
    with pytest.raises(ArtifactError, match="holds other content"):
        list(transfer(lone, any_store, other, **options))

"""What dead writers left is removed; what someone holds, or needs, is not."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
from test_store import KEY, commit

from tailor_core.artifacts.leftovers import (
    ABANDONED_SECONDS,
    remove_abandoned,
    remove_leftovers,
    remove_unused_copies,
)
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.store import Store, key_lock

OTHER = "cd" * 32


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture(params=["file", "memory"])
def some_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "file" else f"memory://{uuid.uuid4().hex}")


def staging(store: Store, work: Path, key: str = KEY) -> Path:
    path = store.staging("problems", key, work / "staging")
    (path / "half").write_text("half")
    return path


def workdir(work: Path, key: str = KEY) -> Path:
    path = work / f"problems-{key}"
    (path / "checkpoint-3").mkdir(parents=True)
    return path


def remove(store: Store, work: Path, dry_run: bool = False) -> list[Path]:
    return list(remove_leftovers(store, work, work.parent / "locks", dry_run=dry_run))


def test_staging_directories_that_nobody_holds_go(some_store: Store, work: Path) -> None:
    path = staging(some_store, work)
    assert remove(some_store, work, dry_run=True)[:1] == [path]
    assert path.exists()
    assert path in remove(some_store, work)
    assert not path.exists()
    remove(some_store, work)
    assert remove(some_store, work) == []


def test_what_a_writer_holds_stays(some_store: Store, work: Path) -> None:
    lock = some_store.lock_file("problems", KEY, work.parent / "locks")
    with ExitStack() as locks:
        for one in some_store.maker_locks("problems", KEY, work.parent / "locks"):
            locks.enter_context(held(one, "problems"))
        path, other = staging(some_store, work), staging(some_store, work, OTHER)
        made = workdir(work)
        found = remove(some_store, work)
        assert lock not in found
        assert other in found
        assert path.exists()
        assert made.exists()
        assert lock.exists()


def test_what_a_writer_holds_stays_whichever_store_it_writes_to(work: Path, tmp_path: Path) -> None:
    """Upkeep looks at all stores of a home, and its workdirs and what waits for an upload belong to none of them."""
    far, near = Store(f"memory://{uuid.uuid4().hex}"), Store(str(tmp_path / "store"))
    commit(near, tmp_path)
    with held(far.lock_file("problems", KEY, work.parent / "locks"), "problems"):
        path, made = staging(far, work), workdir(work)
        assert remove(near, work) == []
        assert path.exists()
        assert made.exists()
    assert set(remove(near, work)) >= {path, made}


def test_a_workdir_stays_until_its_artifact_is_there(some_store: Store, work: Path, tmp_path: Path) -> None:
    needed, done = workdir(work, OTHER), workdir(work, KEY)
    commit(some_store, tmp_path)
    found = remove(some_store, work)
    assert done in found
    assert needed not in found
    assert needed.exists()
    assert not done.exists()
    assert some_store.find("problems", KEY)


def test_checkpoints_of_what_is_made_anew_stay_though_the_store_has_it_as_it_was(
    some_store: Store, work: Path, tmp_path: Path
) -> None:
    """A run with --force that was killed goes on there; so does one for another store."""
    commit(some_store, tmp_path)
    checkpoint = workdir(work) / "checkpoint-3" / "weights"
    checkpoint.write_text("weights")
    os.utime(checkpoint, (time.time() + 60,) * 2)
    assert not [path for path in remove(some_store, work) if path.suffix != ".lock"]
    assert checkpoint.exists()
    os.utime(checkpoint, (time.time() - 60,) * 2)
    assert workdir_of(checkpoint) in remove(some_store, work)


def workdir_of(checkpoint: Path) -> Path:
    return checkpoint.parents[1]


def test_lock_files_that_nobody_holds_go(some_store: Store, work: Path) -> None:
    lock = some_store.lock_file("problems", KEY, work.parent / "locks")
    with held(lock, "problems"):
        pass
    (lock.with_suffix(".holder")).write_text("process 1 since 12:00:00")
    assert remove(some_store, work) == [lock]
    assert list(lock.parent.iterdir()) == []


def test_workdirs_that_were_left_for_long_go_and_no_others(work: Path) -> None:
    left, busy, new = (workdir(work, key * 32) for key in ("ab", "cd", "ef"))
    (left / "checkpoint-3" / "weights").write_text("weights")
    now = time.time()
    for path in (left, busy, new):
        for one in (path, *path.rglob("*")):
            os.utime(one, times=(now - ABANDONED_SECONDS - 60,) * 2)
    os.utime(new / "checkpoint-3")
    locks = work.parent / "locks"
    with held(key_lock("problems", "cd" * 32, locks), "problems"):
        for dry_run in (True, False):
            assert left.exists()
            found = list(remove_abandoned(work, locks, dry_run=dry_run))
            assert found == [(left, len("weights"))]
    assert [path.exists() for path in (left, busy, new)] == [False, True, True]


def test_nothing_there_is_nothing_to_remove(some_store: Store, work: Path) -> None:
    assert remove(some_store, work) == []


def test_copies_of_a_distant_store_go_when_nothing_read_them_for_long(work: Path, tmp_path: Path) -> None:
    far, cache = Store(f"memory://{uuid.uuid4().hex}"), tmp_path / "cache"
    ref = commit(far, tmp_path).ref
    copy = far.local(ref, cache)
    torn = copy.with_name(f"{copy.name}.partial")
    torn.mkdir()
    (torn / "half").write_text("half")
    assert list(remove_unused_copies(cache)) == []
    for path in (copy, torn):
        os.utime(path, (0, 0))
    assert [path for path, _ in remove_unused_copies(cache, dry_run=True)] == [copy, torn]
    far.local(ref, cache)
    assert list(remove_unused_copies(cache)) == [(torn, 4)], "the other was read just now"
    os.utime(copy, (0, 0))
    with held(copy.with_name(f"{copy.name}.lock"), "it is copied"):
        assert list(remove_unused_copies(cache)) == []
    [(gone, size)] = remove_unused_copies(cache)
    assert (gone, size > 0, copy.exists()) == (copy, True, False)

"""What writers that died left behind: staging directories, workdirs of what was made after all, lock files.

Whoever writes holds the lock of the key, and the kernel frees that however a process ends. So what lies under a lock
that nobody holds belongs to nobody, and is removed with the lock held. What lies in a store is under the lock of that
store, and what lies in a home's work directory under the one of the home, whichever store it is for.
"""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tailor_core.artifacts.locks import BusyError, held
from tailor_core.artifacts.refs import is_name
from tailor_core.artifacts.store import LOCKS, TEMPORARY, Store, key_lock

ABANDONED_SECONDS = 14 * 24 * 3600.0
"""How long nothing was written in a workdir that nobody will go on in."""

_CLOCK_SECONDS = 2.0
"""S3 tells whole seconds, of a clock of its own."""

_KeyDirectory = tuple[Path, str, str]
"""A directory, and the stage and key that it is of."""


def remove_leftovers(store: Store, work: Path, locks: Path, *, dry_run: bool = False) -> Iterator[Path]:
    """Remove what dead writers left in a local store, in `work` and in `locks`; each path, also with `dry_run`.

    A workdir goes only where its artifact came to the store after it: the next attempt needs it otherwise, also where
    that makes anew what the store has. Uploads that did not end are left to garbage collection, since their writer may
    be on another host.
    """
    yield from _unheld(_staged(work / "staging"), locks, dry_run)
    yield from _unheld((one for one in _workdirs(work) if _served(store, *one)), locks, dry_run)
    yield from _unheld_locks(locks, dry_run)
    if store.directory:
        yield from _unheld(_staged(store.own(TEMPORARY)), store.own(LOCKS), dry_run)
        yield from _unheld_locks(store.own(LOCKS), dry_run)


def remove_abandoned(
    work: Path, locks: Path, *, dry_run: bool = False, now: float | None = None
) -> Iterator[tuple[Path, int]]:
    """Remove workdirs in which nothing was written for ABANDONED_SECONDS; each with its bytes, also with `dry_run`.

    They are of stages that were killed or failed and whose recipe was changed since: nobody will go on there.
    """
    newest = (time.time() if now is None else now) - ABANDONED_SECONDS
    for path, stage, key in _workdirs(work):
        try:
            with held(key_lock(stage, key, locks), f"{stage} {key[:12]}", timeout=0):
                states = [one.lstat() for one in (path, *path.rglob("*"))]
                if max(state.st_mtime for state in states) <= newest:
                    if not dry_run:
                        shutil.rmtree(path)
                    yield path, sum(state.st_size for state in states if stat.S_ISREG(state.st_mode))
        except (BusyError, FileNotFoundError):
            continue


def remove_unused_copies(cache: Path, *, dry_run: bool = False) -> Iterator[tuple[Path, int]]:
    """Remove copies of a distant store's artifacts that nothing read for ABANDONED_SECONDS, and torn ones; as above."""
    newest = time.time() - ABANDONED_SECONDS
    for path in sorted(one for one in cache.glob("*/*") if one.is_dir() and not one.is_symlink()):
        copied = path.with_name(path.name.removesuffix(".partial"))
        try:
            with held(copied.with_name(f"{copied.name}.lock"), f"the copy {copied.name}", timeout=0):
                if path.stat().st_mtime <= newest:
                    size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
                    if not dry_run:
                        shutil.rmtree(path)
                    yield path, size
        except (BusyError, FileNotFoundError):
            continue


def _served(store: Store, workdir: Path, stage: str, key: str) -> bool:
    """Whether the store has an artifact of the key that came after all that was written in its workdir."""
    if store.find(stage, key) is None:
        return False
    written = max((one.lstat().st_mtime for one in workdir.rglob("*") if not one.is_dir()), default=0.0)
    return written <= store.arrived(stage, key) + _CLOCK_SECONDS


def _staged(parent: Path) -> Iterator[_KeyDirectory]:
    """Staging directories, by the key that they are of: `<stage>-<key>-<number>`."""
    return _of_keys((path, path.name.rpartition("-")[0]) for path in parent.glob("*-*-*"))


def _workdirs(work: Path) -> Iterator[_KeyDirectory]:
    """Workdirs, by the key that they are of: `<stage>-<key>`."""
    return _of_keys((path, path.name) for path in work.glob("*-*"))


def _of_keys(named: Iterable[tuple[Path, str]]) -> Iterator[_KeyDirectory]:
    for path, name in sorted(named):
        stage, _, key = name.partition("-")
        if is_name(stage) and is_name(key) and not path.is_symlink():
            yield path, stage, key


def _unheld(found: Iterable[_KeyDirectory], locks: Path, dry_run: bool) -> Iterator[Path]:
    """Remove the directories of keys whose lock nobody holds."""
    for path, stage, key in found:
        try:
            with held(key_lock(stage, key, locks), f"{stage} {key[:12]}", timeout=0):
                if path.exists():
                    if not dry_run:
                        shutil.rmtree(path)
                    yield path
        except BusyError:
            continue


def _unheld_locks(directory: Path, dry_run: bool) -> Iterator[Path]:
    """A waiter that has opened a file which is then removed notices it, and opens the next (filelock 4)."""
    for path in sorted(directory.glob("*.lock")):
        try:
            with held(path, path.stem, timeout=0):
                if not dry_run:
                    path.unlink()
                yield path
        except BusyError:
            continue

"""Garbage collection: mark what is reachable from the artifacts to keep, sweep the rest.

An artifact is reachable when it is kept, or an input, directly or not, of one that is. Nothing that came to the store
just now is touched, neither an artifact, made here or copied from elsewhere, which a run may be about to read, nor what
a writer has begun; and what is deleted is deleted with its key's lock held, where a lock that another process holds
means that it stays.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tailor_core.artifacts.ancestry import Place, place_of, with_ancestors
from tailor_core.artifacts.locks import BusyError, held
from tailor_core.artifacts.manifest import MANIFEST, Manifest
from tailor_core.artifacts.refs import is_name
from tailor_core.artifacts.store import TEMPORARY, Store

GRACE_SECONDS = 3600.0
"""How long something must have been in the store to be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What an attempt that did not end left in a store: files that no manifest vouches for."""

    stage: str
    key: str
    paths: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """What a collection would delete: artifacts, each before its inputs, and leftovers."""

    kept: int
    artifacts: tuple[Manifest, ...]
    leftovers: tuple[Leftover, ...]

    @property
    def size(self) -> int:
        """Bytes that would be freed."""
        return sum(one.size for one in self.artifacts) + sum(one.size for one in self.leftovers)


def newest_of_each(manifests: Iterable[Manifest]) -> dict[tuple[str, str], Place]:
    """(recipe, stage) -> the place of the artifact that the recipe made last."""
    ordered = sorted(manifests, key=lambda manifest: (manifest.created, manifest.key))
    return {(str(one.producer.get("recipe", "")), one.stage): place_of(one) for one in ordered}


def find_garbage(store: Store, kept: Iterable[Place], *, now: float | None = None) -> Garbage:
    """What is not reachable from the artifacts to keep, and came to the store more than GRACE_SECONDS ago.

    ArtifactError where the store cannot be read.
    """
    newest_doomed = (time.time() if now is None else now) - GRACE_SECONDS
    everything = {place_of(manifest): manifest for manifest in store.manifests()}
    reachable = {place_of(manifest) for manifest in with_ancestors(store, kept)}
    young = {place for place in everything.keys() - reachable if store.arrived(*place) > newest_doomed}
    doomed = everything.keys() - reachable - {place_of(one) for one in with_ancestors(store, young)}
    inputs_first = [one for one in with_ancestors(store, doomed) if place_of(one) in doomed]
    leftovers = _local_leftovers(store.own(TEMPORARY)) if store.directory else _leftovers(store, everything)
    return Garbage(
        kept=len(everything) - len(doomed),
        artifacts=tuple(reversed(inputs_first)),
        leftovers=tuple(one for one, changed in leftovers if changed <= newest_doomed),
    )


def delete_garbage(
    store: Store, garbage: Garbage, locks: Path, on_busy: Callable[[str], None] | None = None
) -> int:
    """Delete what `find_garbage` found, and return the bytes that were freed.

    `locks` is where locks lie if the store is not local. `on_busy` is told of what another process works on,
    which stays. ArtifactError where the store cannot be written.
    """
    freed = 0
    doomed: list[Leftover | Manifest] = [*garbage.leftovers, *garbage.artifacts]
    for one in doomed:
        try:
            with held(store.lock_file(one.stage, one.key, locks), f"{one.stage} {one.key[:12]}", timeout=0):
                if isinstance(one, Manifest):
                    store.delete(one.stage, one.key)
                else:
                    store.remove(one.paths)
                freed += one.size
        except BusyError as error:
            if on_busy:
                on_busy(str(error))
    return freed


def _leftovers(store: Store, artifacts: Mapping[Place, Manifest]) -> Iterator[tuple[Leftover, float]]:
    """Files that no manifest vouches for, and when the last of them changed: uploads that did not end."""
    found: dict[Place, dict[str, int]] = {}
    for path, size in store.objects().items():
        stage, _, rest = path.partition("/")
        key, _, name = rest.partition("/")
        if name and is_name(stage) and is_name(key):
            manifest = artifacts.get((stage, key))
            if name != MANIFEST and not (manifest and path in store.files(manifest)):
                found.setdefault((stage, key), {})[path] = size
    for (stage, key), sizes in found.items():
        paths = tuple(sorted(sizes))
        try:
            changed = max(store.changed(path) for path in paths)
        except FileNotFoundError:  # its writer came to an end meanwhile
            continue
        yield Leftover(stage=stage, key=key, paths=paths, size=sum(sizes.values())), changed


def _local_leftovers(temporary: Path) -> Iterator[tuple[Leftover, float]]:
    """Staging directories, and when the last file of each changed."""
    for path in sorted(one for one in temporary.glob("*-*-*") if not one.is_symlink()):
        stage, _, key = path.name.rpartition("-")[0].partition("-")
        try:
            states = [one.lstat() for one in (path, *path.rglob("*"))]
        except FileNotFoundError:  # its writer came to an end meanwhile
            continue
        size = sum(state.st_size for state in states if stat.S_ISREG(state.st_mode))
        leftover = Leftover(stage=stage, key=key, paths=(f"{TEMPORARY}/{path.name}",), size=size)
        yield leftover, max(state.st_mtime for state in states)

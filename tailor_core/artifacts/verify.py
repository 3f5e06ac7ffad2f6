"""Checking what a store holds against its manifests, and putting aside what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tailor_core.artifacts.locks import BusyError, held
from tailor_core.artifacts.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One artifact that was looked at. `damage` is empty where it is whole, else `moved_to` says where it is."""

    stage: str
    key: str
    damage: str = ""
    moved_to: str = ""


def verify(
    store: Store,
    locks: Path,
    *,
    stage: str | None = None,
    prefix: str = "",
    deep: bool = False,
    on_busy: Callable[[str], None] | None = None,
) -> Iterator[Finding]:
    """Compare each artifact's files with its manifest by size, and with `deep` by digest; move what fails aside.

    What fails is quarantined, never deleted. `on_busy` is told of what another process works on, which is not
    looked at. ArtifactError where the store cannot be read or written.
    """
    for one in store.stages() if stage is None else [stage]:
        for key in store.keys(one):
            if key.startswith(prefix):
                try:
                    with held(store.lock_file(one, key, locks), f"{one} {key[:12]}", timeout=0):
                        yield from _verify(store, one, key, deep)
                except BusyError as error:
                    if on_busy:
                        on_busy(str(error))


def _verify(store: Store, stage: str, key: str, deep: bool) -> Iterator[Finding]:
    manifest = store.find(stage, key)
    if manifest:
        damage = store.damage(manifest, deep=deep)
    elif store.has_manifest(stage, key):
        damage = "its manifest is damaged"
    elif store.directory:
        damage = "its manifest is missing"
    else:  # an upload that goes on elsewhere, or that ended early: garbage collection knows
        return
    moved_to = store.quarantine(stage, key) if damage else ""
    yield Finding(stage=stage, key=key, damage=damage, moved_to=moved_to)

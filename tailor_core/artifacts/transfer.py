"""Copying an artifact from one store to another, with everything that it was made from."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tailor_core.artifacts.ancestry import inputs_of, place_of, with_ancestors
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.store import Store
from tailor_core.errors import ArtifactError


def transfer(
    manifest: Manifest, source: Store, target: Store, *, locks: Path, staging: Path
) -> Iterator[tuple[Manifest, bool]]:
    """Copy an artifact and its ancestors, inputs first; each, and whether it was copied or there already.

    `locks` and `staging` serve where the target is not local. ArtifactError before anything is copied where the
    source lacks an ancestor, or the target has other content in the place of one; and where bytes arrive damaged.
    """
    wanted = with_ancestors(source, [place_of(manifest)])
    _refuse_gaps(wanted, source)
    _refuse_conflicts(wanted, target)
    for one in wanted:
        with held(target.lock_file(one.stage, one.key, locks), f"{one.stage} {one.key[:12]}"):
            standing = target.find(one.stage, one.key)
            there = standing is not None and not target.damage(standing)
            if not there:
                directory = target.staging(one.stage, one.key, staging)
                try:
                    source.fetch(one, directory)
                    target.commit(directory, one)
                finally:
                    shutil.rmtree(directory, ignore_errors=True)
        yield one, not there


def _refuse_gaps(wanted: list[Manifest], source: Store) -> None:
    digests = {place_of(one): one.digest for one in wanted}
    for one in wanted:
        for entry, place in zip(sorted(one.inputs.items()), inputs_of(one), strict=True):
            if digests.get(place) != entry[1]["digest"]:
                state = "holds other content" if place in digests else "is missing"
                raise ArtifactError(
                    f"the {place[0]!r} artifact {place[1][:12]}, of which the {one.stage!r} artifact "
                    f"{one.key[:12]} was made, {state} in the store {source.url!r}; run its recipe there again"
                )


def _refuse_conflicts(wanted: list[Manifest], target: Store) -> None:
    for one in wanted:
        standing = target.find(one.stage, one.key)
        if standing and standing.digest != one.digest:
            raise ArtifactError(
                f"the {one.stage!r} artifact {one.key[:12]} holds other content in the store {target.url!r}; "
                "copy to another store, or collect it there with `tailor store gc`"
            )

"""The merger: the store's manifests and tables and a home's events become `lineage.duckdb`.

There is no other way to make that file, and all of it can be made again at any time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.store import Store
from tailor_core.catalog.build import building
from tailor_core.catalog.connection import Connection
from tailor_core.catalog.ingest import (
    clear_records,
    has_gone,
    ingest_artifact,
    insert_records,
    missing_artifacts,
)
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError
from tailor_core.tracking.attempts import read_attempts

T = TypeVar("T")
Row = dict[str, Any]

_BATCH = 200
"""How many manifests or attempts are held at a time."""


@dataclass(slots=True, kw_only=True)
class Merged:
    """What a merge came to: how many artifacts and attempts there are, and what had to be left out, and why."""

    artifacts: int = 0
    attempts: int = 0
    left_out: list[str] = field(default_factory=list)


class _StoreShrankError(Exception):
    """The store has less than the catalog: rows go only by making it anew."""


def merge(settings: Settings, store: Store, *, fresh: bool) -> Merged:
    """Bring `lineage.duckdb` up to date, or make it from nothing.

    The rows of an artifact that cannot be read are left out. ArtifactError where the store cannot be read, or the
    catalog cannot be written.
    """
    try:
        with building(settings.catalog, fresh=fresh) as connection:
            return _fill(connection, settings, store)
    except _StoreShrankError:
        return merge(settings, store, fresh=True)


def _fill(connection: Connection, settings: Settings, store: Store) -> Merged:
    merged = Merged()
    clear_records(connection)
    for manifests in _batches(store.manifests()):
        insert_records(connection, "artifacts", [_artifact_row(one, store) for one in manifests])
        inputs = [row for one in manifests for row in _input_rows(one)]
        insert_records(connection, "artifact_inputs", inputs)
        merged.artifacts += len(manifests)
    for attempts in _batches(read_attempts(settings.lineage)):
        insert_records(connection, "attempts", [asdict(one) for one in attempts])
        merged.attempts += len(attempts)
    if has_gone(connection):
        raise _StoreShrankError
    for stage, key, digest in missing_artifacts(connection):
        try:
            with _local(store, stage, key, settings.work) as directory:
                ingest_artifact(connection, stage, digest, directory)
        except ArtifactError as error:
            merged.left_out.append(str(error))
    return merged


def _batches(values: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(values)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _artifact_row(manifest: Manifest, store: Store) -> Row:
    return {
        "stage": manifest.stage,
        "key": manifest.key,
        "digest": manifest.digest,
        "recipe": str(manifest.producer.get("recipe", "")),
        "uri": store.uri(manifest.ref),
        "created": manifest.created or None,
        "seconds": manifest.seconds,
        "row_count": manifest.rows,
        "file_count": len(manifest.files),
        "bytes": manifest.size,
        "spec": manifest.spec,
        "summary": manifest.summary,
        "producer": manifest.producer,
        "environment": manifest.environment,
    }


def _input_rows(manifest: Manifest) -> list[Row]:
    return [
        {
            "stage": manifest.stage,
            "key": manifest.key,
            "name": name,
            "input_stage": given["stage"],
            "input_key": given["key"],
            "input_digest": given["digest"],
        }
        for name, given in manifest.inputs.items()
    ]


@contextmanager
def _local(store: Store, stage: str, key: str, work: Path) -> Iterator[Path]:
    """An artifact's files: where they are in a local store, else a copy that goes again."""
    manifest = store.find(stage, key)
    if manifest is None:
        raise ArtifactError(
            f"the {stage!r} artifact {key[:12]} went away meanwhile; run `tailor catalog rebuild` again"
        )
    if store.directory:
        if damage := store.damage(manifest, deep=False):  # a link could lead to any table of this machine
            raise ArtifactError(
                f"the {stage!r} artifact {key[:12]} is damaged ({damage}); run `tailor store verify`, and make it again"
            )
        yield store.directory / manifest.ref.uri
        return
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="catalog-", dir=work) as copy:
        store.fetch(manifest, Path(copy))
        yield Path(copy)

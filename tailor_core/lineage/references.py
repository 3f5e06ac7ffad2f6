"""What a person calls an artifact: `policy`, `policy@3f2a`, `3f2a`, or `models:/kk-tiny@policy`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tailor_core.catalog.connection import Connection
from tailor_core.catalog.queries import query
from tailor_core.errors import InputError
from tailor_core.tracking.model_registry import find_registered

_SHOWN = 3


class Place(NamedTuple):
    """Stage and key of an artifact."""

    stage: str
    key: str


def resolve(connection: Connection, reference: str, tracking_uri: str) -> Place:
    """The artifact that a reference means.

    A stage alone means the artifact of it that was made or used last; digits are the beginning of a digest or of a
    key; `models:/...` is looked up in MLflow's registry. InputError where nothing, or more than one thing, is meant.
    """
    if reference.startswith("models:"):
        found = find_registered(tracking_uri, reference)
        return _match(connection, reference, found.stage, found.digest)
    stages = query(connection, "lineage/list_stages")["stage"].to_list()
    stage, at, prefix = reference.partition("@")
    if stage not in stages:
        _refuse_unmade(connection, reference, stage)
    if at or stage not in stages:
        stage, prefix = (stage, prefix) if at else ("", stage)
        if stage and stage not in stages:
            raise InputError(
                f"REF = {reference!r} names no stage that has artifacts; use {', '.join(stages) or '-'}"
            )
        return _match(connection, reference, stage, prefix)
    return Place(*query(connection, "lineage/find_newest", stage=stage).row(0)[:2])


def _refuse_unmade(connection: Connection, reference: str, stage: str) -> None:
    """InputError where a stage was tried, and has no artifact to show for it."""
    attempts = query(connection, "lineage/list_attempts", stage=stage, key="")
    for last in attempts.head(1).iter_rows(named=True):
        raise InputError(
            f"REF = {reference!r} has no artifact; the last of all attempts at {stage} ({attempts.height}): "
            f"{describe_attempt(last)}; mend what failed and run the recipe again"
        )


def describe_attempt(attempt: Mapping[str, Any]) -> str:
    """A row of the query lineage/list_attempts in words."""
    if attempt["state"] == "COMPLETE":
        return f"{'found' if attempt['cached'] else 'made'} {attempt['ended']}"
    if attempt["state"] == "START":
        return f"begun {attempt['started']}, running or killed"
    ended = "killed" if attempt["state"] == "ABORT" else f"failed ({attempt['error']})"
    return f"begun {attempt['started']}, {ended}"


def _match(connection: Connection, reference: str, stage: str, prefix: str) -> Place:
    """The newest of the artifacts that match, which must all have one content."""
    found = query(connection, "lineage/find_artifacts", stage=stage, prefix=prefix) if prefix else None
    if found is None or not found.height:
        raise InputError(
            f"REF = {reference!r} matches no artifact in the catalog; give a stage, STAGE@DIGEST, the first digits of "
            "a digest, or models:/NAME@ALIAS, and run `tailor catalog rebuild` where the artifact is new"
        )
    contents = found.unique(["stage", "digest"], maintain_order=True)
    if contents.height > 1:
        shown = ", ".join(f"{one}@{digest[:12]}" for one, _, digest in contents.head(_SHOWN).iter_rows())
        raise InputError(
            f"REF = {reference!r} matches {contents.height} artifacts ({shown}"
            f"{', ...' if contents.height > _SHOWN else ''}); give more digits"
        )
    return Place(*found.row(0)[:2])

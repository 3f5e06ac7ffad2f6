"""What an artifact was made from, directly or not, as the manifests of a store say."""

from __future__ import annotations

from collections.abc import Iterable

from tailor_core.artifacts.manifest import Manifest
from tailor_core.artifacts.store import Store

Place = tuple[str, str]
"""Stage and key: where an artifact lies in a store."""


def place_of(manifest: Manifest) -> Place:
    """Where an artifact lies."""
    return manifest.stage, manifest.key


def inputs_of(manifest: Manifest) -> list[Place]:
    """Where the artifacts that this one was made from lie."""
    return [(one["stage"], one["key"]) for _, one in sorted(manifest.inputs.items())]


def with_ancestors(store: Store, places: Iterable[Place]) -> list[Manifest]:
    """The artifacts at these places and all that they were made from, each after its inputs.

    What the store lacks is left out. ArtifactError where the store cannot be read.
    """
    found: dict[Place, Manifest | None] = {}
    todo = [(place, False) for place in sorted(places, reverse=True)]
    order: list[Manifest] = []
    while todo:
        place, inputs_are_done = todo.pop()
        manifest = found.get(place)
        if inputs_are_done and manifest:
            order.append(manifest)
        elif place not in found:
            manifest = found[place] = store.find(*place)
            if manifest:
                todo.append((place, True))
                todo += [(one, False) for one in inputs_of(manifest)]
    return order

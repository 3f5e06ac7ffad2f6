"""Lineage: each stage's key, the digest of what it made, its inputs and settings, when it ran, where and how long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tailor_core.artifacts.manifest import Manifest
from tailor_core.config.load import flat, shown
from tailor_core.errors import ArtifactError
from tailor_core.report.lineage_graph import Drawing, draw
from tailor_core.report.materials import Materials
from tailor_core.report.text import count, duration, humanise, label, moment, size

_HIDDEN_FACTS = ("process",)
_SETTING_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Origin:
    """One stage's artifact.

    inputs:   product, digest, and whether the product here has that digest
    settings: name and value of what the stage's section of the recipe said
    total:    rows of all its tables; recipe: the one that made it, which may be another than this page's
    """

    stage: str
    title: str
    key: str
    digest: str
    inputs: tuple[tuple[str, str, bool], ...]
    rows: str
    bytes: str
    seconds: str
    created: str
    settings: tuple[tuple[str, str], ...]
    total: str
    recipe: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """All stages, those without a manifest, the machines that made them (pairs of name and value), and the graph."""

    origins: tuple[Origin, ...]
    unknown: tuple[str, ...]
    machine: tuple[tuple[str, str], ...]
    drawing: Drawing


def describe_lineage(materials: Materials, order: Iterable[str]) -> Lineage:
    """The stages in `order`; ArtifactError where no input has a manifest."""
    manifests = {product: materials.manifests[product] for product in order if product in materials.manifests}
    if not manifests:
        raise ArtifactError("No input artifact has a readable manifest.")
    facts: dict[str, list[str]] = {}
    for manifest in manifests.values():
        for name, value in manifest.environment.items():
            if name not in _HIDDEN_FACTS and str(value) not in facts.setdefault(str(name), []):
                facts[str(name)].append(str(value))
    return Lineage(
        origins=tuple(_origin(product, manifest, manifests) for product, manifest in manifests.items()),
        unknown=tuple(humanise(product) for product in materials.inputs if product not in manifests),
        machine=tuple((humanise(name), label("; ".join(values), 200)) for name, values in facts.items()),
        drawing=draw({product: list(manifest.inputs) for product, manifest in manifests.items()}),
    )


def _origin(product: str, manifest: Manifest, manifests: Mapping[str, Manifest]) -> Origin:
    rows = manifest.summary.get("rows", {})
    return Origin(
        stage=product,
        title=humanise(product),
        key=manifest.key,
        digest=manifest.digest,
        inputs=tuple(
            (name, str(ref["digest"]), name not in manifests or manifests[name].digest == ref["digest"])
            for name, ref in manifest.inputs.items()
        ),
        rows=", ".join(f"{count(number)} {humanise(name)}" for name, number in rows.items()) or "-",
        bytes=size(sum(int(entry["size"]) for entry in manifest.files.values())),
        seconds=duration(manifest.seconds),
        created=moment(manifest.created),
        settings=tuple(
            (label(name, 60), label(shown(value), _SETTING_LENGTH))
            for name, value in flat(_settings(manifest)).items()
        ),
        total=f"{count(manifest.rows)} rows" if manifest.rows else "",
        recipe=label(str(manifest.producer.get("recipe", ""))),
    )


def _settings(manifest: Manifest) -> dict[str, object]:
    """Configuration and seed, as far as the manifest says them."""
    config = manifest.spec.get("config")
    seed = manifest.spec.get("seed")
    return {**(config if isinstance(config, Mapping) else {}), **({} if seed is None else {"seed": seed})}

"""The top of the page: what ran, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from tailor_core.report.charts import draw_splits
from tailor_core.report.materials import Materials
from tailor_core.report.results import Results, describe_split, main_split
from tailor_core.report.sentences import between, say_outcome
from tailor_core.report.svg import Chart
from tailor_core.report.text import duration, label, moment, percent, points

_NEWEST_FIRST = ("evaluation", "policy", "warm_start", "sft_dataset", "selection", "verdicts")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model's pass@1 on the main split, and what it gained over the model before it (or nothing)."""

    label: str
    colour: str
    value: str
    interval: str
    gain: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What ran: heading and facts, each a pair of name and value."""

    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """The result on the main split, which is the first in distribution."""

    split: str
    confidence: str
    outcomes: tuple[Outcome, ...]
    sentences: tuple[str, ...]
    chart: Chart


def describe_setting(materials: Materials, title: str) -> Setting:
    """What the manifests say of the run; facts that no manifest tells are left out."""
    manifests = materials.manifests
    ordered = [manifests[p] for p in _NEWEST_FIRST if p in manifests] + list(manifests.values())
    recipes = [str(m.producer["recipe"]) for m in ordered if m.producer.get("recipe")]
    versions = [str(m.producer["tailor"]) for m in ordered if m.producer.get("tailor")]
    seeds = [str(m.spec["seed"]) for m in ordered if m.spec.get("seed") is not None]
    libraries: dict[str, str] = {}
    for manifest in reversed(ordered):
        libraries.update(manifest.spec.get("libraries", {}))
    facts = [
        ("Environment", _configured(materials, "problems", "environment", "name")),
        ("Backbone", _configured(materials, "backbone", "name")),
        ("Seed", seeds[0] if seeds else ""),
        ("Tailor", versions[0] if versions else ""),
        ("Python", next((str(m.environment["python"]) for m in ordered if "python" in m.environment), "")),
        *((name, libraries.get(name, "")) for name in ("torch", "transformers", "trl")),
        ("Stage time in all", duration(sum(m.seconds for m in manifests.values())) if manifests else ""),
        ("Finished", moment(max((m.created for m in manifests.values()), default=""))),
    ]
    heading = title or (recipes[0] if recipes else "Tailor report")
    return Setting(label(heading, 80), tuple((name, label(value, 60)) for name, value in facts if value))


def _configured(materials: Materials, product: str, *path: str) -> str:
    """A value of the configuration that a stage ran with; empty where it is not told."""
    manifest = materials.manifests.get(product)
    value = manifest.spec.get("config") if manifest else None
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if value is not None else ""


def describe_outcome(results: Results) -> Headline:
    """The headline figures."""
    split = main_split(results)
    answered = [model for model in results.models if (model.name, split) in results.overall]
    outcomes = []
    for place, model in enumerate(answered):
        accuracy = results.overall[model.name, split].accuracy
        step = results.compare(model.name, answered[place - 1].name, split) if place else None
        outcomes.append(
            Outcome(
                model.label,
                model.colour,
                percent(accuracy.value),
                between(accuracy),
                f"{points(step.difference.value)} points" if step else "",
            )
        )
    return Headline(
        split=describe_split(split),
        confidence=percent(results.confidence, 0),
        outcomes=tuple(outcomes),
        sentences=tuple(say_outcome(results)),
        chart=draw_splits(results),
    )

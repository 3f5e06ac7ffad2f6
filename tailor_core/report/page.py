"""Puts the page together: one section after the other, each from its own artifacts, in a fixed order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailor_core.config.report import ReportConfig
from tailor_core.environments.base import get_environment
from tailor_core.errors import ArtifactError, TailorError
from tailor_core.report.accuracy import describe_accuracy
from tailor_core.report.curves import describe_training
from tailor_core.report.diversity import describe_diversity
from tailor_core.report.embedding_map import describe_map
from tailor_core.report.funnel import describe_funnel
from tailor_core.report.headline import describe_outcome, describe_setting
from tailor_core.report.lineage import describe_lineage
from tailor_core.report.materials import Materials
from tailor_core.report.moves import describe_moves
from tailor_core.report.primitives import describe_library
from tailor_core.report.rendering import render
from tailor_core.report.results import read_results
from tailor_core.report.svg import Chart
from tailor_core.report.text import clip
from tailor_core.report.traces import describe_traces

ORDER = (
    "problems",
    "backbone",
    "probe",
    "primitives",
    "demonstrations",
    "verdicts",
    "selection",
    "sft_dataset",
    "warm_start",
    "policy",
    "evaluation",
)
"""Products in the order in which a run makes them."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its template is `<name>.html`; where `view` is None, `missing` says why."""

    name: str
    title: str
    view: Any
    missing: str


@dataclass(frozen=True, slots=True)
class Page:
    """The finished page, and its charts as SVG text by name."""

    html: str
    charts: Mapping[str, str]
    missing: tuple[str, ...]


def build_page(inputs: Mapping[str, Path], config: ReportConfig) -> Page:
    """The page of the input artifacts (product -> directory); equal inputs give equal text."""
    materials = Materials(inputs)
    setting = describe_setting(materials, config.title)
    sections = tuple(_section(*part) for part in _parts(materials, config))
    charts = {chart.name: str(chart.svg) for section in sections for chart in _charts(section.view)}
    html = render(
        "page.html",
        styles=["page.css"],
        scripts=["page.js", "sections.js"],
        title=setting.title,
        description="",
        facts=setting.facts,
        sections=sections,
    )
    return Page(html, charts, tuple(section.name for section in sections if section.missing))


def _parts(materials: Materials, config: ReportConfig) -> list[tuple[str, str, Callable[[], Any]]]:
    unit = _unit(materials)
    made_before = (*ORDER, *(product for product in materials.inputs if product not in ORDER))
    return [
        ("headline", "Result", lambda: describe_outcome(read_results(materials))),
        ("accuracy", "Accuracy", lambda: describe_accuracy(read_results(materials), unit)),
        ("training", "Training", lambda: describe_training(materials)),
        ("funnel", "Rows, stage by stage", lambda: describe_funnel(materials, made_before)),
        (
            "primitives",
            "Primitives",
            lambda: describe_library(
                materials, characters=config.trace_characters, rejected_shown=config.rejected_primitives
            ),
        ),
        ("diversity", "Diversity", lambda: describe_diversity(materials)),
        ("map", "Embedding map", lambda: describe_map(materials, points=config.map_points)),
        ("moves", "Moves that survive", lambda: describe_moves(materials, read_results(materials))),
        (
            "traces",
            "Sample traces",
            lambda: describe_traces(
                materials, per_model=config.traces_per_model, characters=config.trace_characters, unit=unit
            ),
        ),
        ("lineage", "Lineage", lambda: describe_lineage(materials, made_before)),
    ]


def _section(name: str, title: str, describe: Callable[[], Any]) -> Section:
    try:
        return Section(name, title, describe(), "")
    except ArtifactError as error:
        return Section(name, title, None, str(error))
    except Exception as error:  # whatever form an artifact has: a page with a gap is worth more than none
        what = clip(f"{type(error).__name__}: {error}", 300)
        return Section(name, title, None, f"What it is made from does not have the expected form ({what}).")


def _unit(materials: Materials) -> str:
    """What the difficulty of a problem counts, such as people."""
    manifest = materials.manifests.get("problems")
    try:
        name = manifest.spec["config"]["environment"]["name"] if manifest else ""
        return get_environment(str(name)).main_difficulty
    except (KeyError, TypeError, TailorError):
        return "difficulty"


def _charts(view: Any) -> Iterator[Chart]:
    """All charts in a view, in order."""
    if isinstance(view, Chart):
        yield view
    elif dataclasses.is_dataclass(view):
        for field in dataclasses.fields(view):
            yield from _charts(getattr(view, field.name))
    elif isinstance(view, tuple):
        for part in view:
            yield from _charts(part)

"""Puts a study's page together: one section after the other, in the paper's order, in one file.

As on a run's page, style, script and figures are inline, a content security policy forbids all else, and text is
escaped by Jinja2's autoescape and made visible by `text.visible`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tailor_core.report.study.ablations import describe_ablations
from tailor_core.report.study.accuracy import describe_accuracy
from tailor_core.report.study.blocks import Section
from tailor_core.report.study.coverage import describe_coverage
from tailor_core.report.study.data import describe_data
from tailor_core.report.study.headline import describe_headline
from tailor_core.report.study.primitives import describe_primitives
from tailor_core.report.study.provenance import describe_provenance
from tailor_core.report.study.study import Study
from tailor_core.report.study.training import describe_training
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import count, duration, label, visible

SECTIONS = (
    describe_headline,
    describe_coverage,
    describe_primitives,
    describe_training,
    describe_accuracy,
    describe_data,
    describe_ablations,
    describe_provenance,
)


def describe_sections(study: Study) -> tuple[Section, ...]:
    """All sections in order, each with its figures and tables."""
    return tuple(describe(study) for describe in SECTIONS)


def render(study: Study, sections: Sequence[Section]) -> str:
    """The page; equal studies give equal text."""
    own = Environment(
        loader=PackageLoader("tailor_core.report.study"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared = Environment(loader=PackageLoader("tailor_core.report"))
    script = _source(own, "study.js") + _source(shared, "sections.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return own.get_template("study.html").render(
        title=label(study.title, 120),
        description=label(study.description, 400),
        facts=_facts(study),
        sections=sections,
        palette=PALETTE,
        style=Markup(_source(shared, "page.css") + _source(own, "study.css")),
        script=Markup(script),
        script_digest=digest,
    )


def _facts(study: Study) -> list[tuple[str, str]]:
    seeds = sorted({trial.seed for trial in study.trials})
    finished = [trial for trial in study.trials if trial.refs]
    seconds = sum(trial.seconds for trial in study.trials)
    facts = [
        ("Reference", study.reference.title if study.reference else "none"),
        ("Arms", count(len(study.arms))),
        ("Backbones", label(", ".join(study.backbones), 200)),
        ("Seeds", label(", ".join(map(str, seeds)), 100)),
        ("Trials", f"{count(len(finished))} of {count(len(study.trials))} finished"),
    ]
    if study.results.cells:
        main = next((c for c in study.results.cells if not c.split.startswith("ood")), study.results.cells[0])
        facts.append(("Test problems", count(main.problems)))
    if study.results.settings.target is not None:
        facts.append(("Target", f"{100 * study.results.settings.target:.4g}%"))
    if seconds:
        facts.append(("Stage time in all", duration(seconds)))
    return facts


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _shown(value: Any) -> Any:
    """Of every value that a template prints: text is made visible, markup of ours is left alone."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

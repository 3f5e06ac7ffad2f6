"""Puts a study's page together: one section after the other, in the paper's order, in one file."""

from __future__ import annotations

from collections.abc import Sequence

from tailor_core.report.rendering import render
from tailor_core.report.study.ablations import describe_ablations
from tailor_core.report.study.accuracy import describe_accuracy
from tailor_core.report.study.blocks import Section
from tailor_core.report.study.coverage import describe_coverage
from tailor_core.report.study.data import describe_data
from tailor_core.report.study.headline import describe_headline
from tailor_core.report.study.lookup import first_in_distribution
from tailor_core.report.study.primitives import describe_primitives
from tailor_core.report.study.provenance import describe_provenance
from tailor_core.report.study.study import Study
from tailor_core.report.study.training import describe_training
from tailor_core.report.text import count, duration, label

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


def render_study(study: Study, sections: Sequence[Section]) -> str:
    """The page; equal studies give equal text."""
    return render(
        "study.html",
        package="tailor_core.report.study",
        styles=["page.css", "study.css"],
        scripts=["study.js", "sections.js"],
        title=label(study.title, 120),
        description=label(study.description, 400),
        facts=_facts(study),
        sections=sections,
    )


def _facts(study: Study) -> list[tuple[str, str]]:
    seeds = sorted({trial.seed for trial in study.trials})
    finished = [trial for trial in study.trials if trial.refs]
    # Stages that trials share were executed once.
    times = {trial.refs[product]: seconds for trial in finished for product, seconds in trial.times.items()}
    seconds = sum(times.values())
    facts = [
        ("Reference", study.reference.title if study.reference else "none"),
        ("Arms", count(len(study.arms))),
        ("Backbones", label(", ".join(study.backbones), 200)),
        ("Seeds", label(", ".join(map(str, seeds)), 100)),
        ("Trials", f"{count(len(finished))} of {count(len(study.trials))} finished"),
    ]
    if study.results.cells:
        split = first_in_distribution([cell.split for cell in study.results.cells])
        asked = next(cell.problems for cell in study.results.cells if cell.split == split)
        facts.append(("Test problems", count(asked)))
    if study.results.settings.target is not None:
        facts.append(("Target", f"{100 * study.results.settings.target:.4g}%"))
    if seconds:
        facts.append(("Stage time in all", duration(seconds)))
    return facts

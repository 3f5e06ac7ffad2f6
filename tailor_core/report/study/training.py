"""Training curves: held-out accuracy along RL against steps, samples and tokens; reward, KL, entropy and length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy
import polars
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, MaxNLocator

from tailor_core.report.curves import smooth
from tailor_core.report.study.arms import Arm
from tailor_core.report.study.blocks import Block, Figures, Heading, Legend, Missing, Section, Switch, Words
from tailor_core.report.study.drawing import (
    Drawing,
    arm_handles,
    belong,
    finished,
    mark,
    only_grid,
    shares,
    sheet,
)
from tailor_core.report.study.figures import interval_text, share_cell
from tailor_core.report.study.study import Study, part
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, heading, nothing
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import label, percent, quantity
from tailor_core.study.curves import Curve

Along = Literal["steps", "samples", "tokens"]

ALONG: dict[Along, str] = {
    "steps": "steps of RL",
    "samples": "completions sampled",
    "tokens": "tokens, prompts included",
}

_POINTS = 60
"""Drawn of a course of many steps."""

_WINDOW_SHARE = 12
"""The mean that smooths a course runs over one twelfth of its steps."""


@dataclass(frozen=True, slots=True)
class Course:
    """What is logged at every step of RL: the column, its title, and what it is."""

    column: str
    title: str
    meaning: str


COURSES = (
    Course("reward", "Training reward", "mean over the completions of a step"),
    Course("kl", "KL to the start of RL", "nats a token"),
    Course("entropy", "Entropy", "nats a token"),
    Course("mean_length", "Length", "mean tokens of a completion"),
)


def describe_training(study: Study) -> Section:
    """The section; a sentence for what the trials did not keep."""
    return Section("training", "Training curves", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    curves = [curve for curve in study.results.curves if len(curve.steps) > 1]
    yield Legend(study.compared)
    if curves:
        yield Words(
            f"Accuracy (pass@1) on held-out problems of the split validation: the mean over seeds, and the band of its "
            f"{percent(study.results.settings.confidence, 0)} interval over seeds and problems.",
            "about",
        )
        ways = [(ALONG[along], Figures(tuple(_accuracy(study, along)))) for along in ALONG]
        yield Switch("Against", tuple(ways))
        yield _table(study)
    else:
        yield Missing(
            "No trial kept models on the way of RL (policy.snapshots), so there are no learning curves."
        )
    if study.evidence.training.is_empty():
        yield Missing("No trial that came to its end has a log of its steps of RL.")
        return
    yield Heading("What RL logs")
    yield Words("At every step, the mean over seeds, smoothed over one twelfth of the steps.", "about")
    yield Figures(tuple(_courses(study)))


def _accuracy(study: Study, along: Along) -> Iterator[Drawing]:
    for backbone in study.backbones:
        found = {curve.arm: curve for curve in study.results.curves if curve.backbone == backbone}
        arms = [arm for arm in study.compared if arm.name in found and _known(found[arm.name], along)]
        if arms:
            yield _curves(study, backbone, along, [(arm, found[arm.name]) for arm in arms])


def _sampled(spent: float, href: str) -> Cell:
    """Completions or tokens; nothing where no training log tells."""
    return nothing() if math.isnan(spent) else Cell(quantity(spent), "", spent, {}, href)


def _known(curve: Curve, along: Along) -> bool:
    places = getattr(curve, along)
    return len(places) > 1 and bool(numpy.isfinite(numpy.array(places, dtype=numpy.float64)).all())


def _curves(study: Study, backbone: str, along: Along, found: list[tuple[Arm, Curve]]) -> Drawing:
    name = f"accuracy-by-{along}{study.place(backbone)}"
    title = f"Held-out accuracy by {ALONG[along]}{study.on(backbone)}"
    target = study.results.settings.target
    with sheet(name, title, height=3.4, width=5.4) as drawn:
        said = []
        for arm, curve in found:
            places = getattr(curve, along)
            colour = PALETTE[arm.colour]
            belong(
                arm,
                drawn.axes.fill_between(places, curve.low, curve.high, color=colour, alpha=0.1, linewidth=0),
                *drawn.axes.plot(places, curve.mean, **mark(arm, markersize=4.5)),
            )
            said.append(f"{arm.title}: {percent(curve.mean[0])} to {percent(curve.mean[-1])}")
        if target is not None:
            drawn.axes.axhline(target, color=PALETTE["muted"], linewidth=1, linestyle=(0, (4, 3)))
            drawn.axes.annotate(
                f"target {percent(target, 0)}",
                (1, target),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                xytext=(0, 2),
                ha="right",
                va="bottom",
                fontsize=8.5,
                color=PALETTE["muted"],
            )
        _axes(drawn.axes, ALONG[along])
        shares(drawn.axes, flat=False)
        drawn.arms = arm_handles([arm for arm, _ in found])
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def _axes(axes: Axes, name: str) -> None:
    axes.set_xlabel(name)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    only_grid(axes, "y")


def _courses(study: Study) -> Iterator[Drawing]:
    for backbone in study.backbones:
        mine = part(study.evidence.training, backbone=backbone)
        for course in COURSES:
            known = mine.filter(polars.col(course.column).is_finite())
            if not known.is_empty():
                yield _course(study, backbone, course, known)


def _course(study: Study, backbone: str, course: Course, frame: polars.DataFrame) -> Drawing:
    name = f"training-{course.column.replace('_', '-')}{study.place(backbone)}"
    title = f"{course.title}{study.on(backbone)}"
    with sheet(name, title, height=2.4, caption=course.meaning) as drawn:
        arms, said = [], []
        for arm in study.compared:
            means = (
                part(frame, arm=arm.name).group_by("step").agg(polars.col(course.column).mean()).sort("step")
            )
            if means.is_empty():
                continue
            steps = means["step"].to_numpy()
            values = means[course.column].to_numpy()
            smoothed = smooth(values, max(1, len(values) // _WINDOW_SHARE))
            shown = numpy.unique(numpy.linspace(0, len(steps) - 1, _POINTS).round().astype(int))
            look = mark(arm, markersize=4, markevery=max(1, len(shown) // 6))
            belong(arm, *drawn.axes.plot(steps[shown], smoothed[shown], **look))
            arms.append(arm)
            said.append(f"{arm.title}: {quantity(float(values[0]))} to {quantity(float(values[-1]))}")
        _axes(drawn.axes, "step of RL")
        drawn.arms = arm_handles(arms)
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def steps_cell(curve: Curve | None, href: str) -> Cell:
    """Steps to the target, and with how many seeds it was reached."""
    to = curve.steps_to_target if curve else None
    if to is None:
        return nothing()
    reached = f"{to.reached} of {to.seeds} seeds"
    if to.mean is None:
        return Cell("not reached", reached, None, {"reached": 0, "seeds": to.seeds}, href)
    sign = "" if to.reached == to.seeds else "≥ "
    low, high = (to.interval.low, to.interval.high) if to.interval else (None, None)
    more = {"low": low, "high": high, "reached": to.reached, "seeds": to.seeds}
    return Cell(f"{sign}{to.mean:.1f}", reached, to.mean, more, href)


def _table(study: Study) -> Table:
    found = {(curve.backbone, curve.arm): curve for curve in study.results.curves}
    lines = []
    for backbone, arm in study.each():
        curve = found.get((backbone, arm.name))
        if curve is None:
            continue
        href = study.href(backbone, arm.name)
        lines.append(
            (
                *study.names(backbone, arm),
                Cell(percent(curve.mean[0]), "", curve.mean[0], {}, href),
                Cell(
                    percent(curve.mean[-1]),
                    interval_text(curve.low[-1], curve.high[-1]),
                    curve.mean[-1],
                    {"low": curve.low[-1], "high": curve.high[-1]},
                    href,
                ),
                share_cell(curve.area, href),
                steps_cell(curve, href),
                _sampled(curve.samples[-1], href),
                _sampled(curve.tokens[-1], href),
            )
        )
    return Table(
        "curves",
        "Learning curves in figures",
        (
            heading("arm", "Arm"),
            BACKBONE,
            Column("first", "Start", "accuracy on validation problems before RL"),
            Column("last", "End", "accuracy on validation problems at the last step"),
            Column("area", "Area under the curve", "mean accuracy along RL"),
            Column("steps_to_target", "Steps to target", label(_target(study), 80)),
            Column("samples", "Completions", "sampled in all, mean over seeds"),
            Column("tokens", "Tokens", "of prompts and completions in all, mean over seeds"),
        ),
        tuple(lines),
        folded=True,
    )


def _target(study: Study) -> str:
    target = study.results.settings.target
    return "no target is set" if target is None else f"steps of RL until the accuracy is {percent(target)}"

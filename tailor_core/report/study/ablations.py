"""Ablations: the reference's method with a part left out, and along each sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tailor_core.report.results import describe_split
from tailor_core.report.study.arms import Arm, Sweep, arm_of, value_text
from tailor_core.report.study.blocks import Block, Figures, Heading, Legend, Missing, Section, Words
from tailor_core.report.study.drawing import (
    Drawing,
    Sheet,
    after,
    arm_handles,
    before,
    before_and_after,
    belong,
    finished,
    mark,
    only_grid,
    shares,
    sheet,
)
from tailor_core.report.study.figures import share_cell
from tailor_core.report.study.forest import draw_accuracy
from tailor_core.report.study.lookup import Lookup
from tailor_core.report.study.study import Study
from tailor_core.report.study.tables import BACKBONE, Column, Table, csv_name, heading, words
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import label, percent
from tailor_core.study.figures import Estimate


def describe_ablations(study: Study) -> Section:
    """The section; a sentence where the study has none."""
    return Section("ablations", "Ablations and sweeps", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    lookup = Lookup(study.results)
    ablations = ablations_of(study)
    if not ablations and not study.sweeps:
        yield Missing("The study has no arms that leave a part of the reference out, and no sweeps.")
        return
    if not lookup.splits:
        yield Missing("No trial came to its end yet.")
        return
    if ablations:
        reference = study.reference
        shown = (reference, *ablations) if reference else ablations
        yield Words("Arms of the reference's method, each with a part left out or changed.", "about")
        yield Legend(shown)
        drawings: list[Drawing] = []
        for backbone in study.backbones:
            drawings += draw_accuracy(study, lookup, backbone, lookup.main_split, shown, name="ablations-on")
        yield Figures(tuple(drawings))
    for place, sweep in enumerate(study.sweeps, 1):
        yield Heading(label(sweep.title or sweep.name, 120))
        drawings = [one for b in study.backbones for one in _sweep(study, lookup, b, place, sweep)]
        if drawings:
            yield Figures(tuple(drawings))
            yield _table(study, lookup, place, sweep)
        else:
            yield Missing("No trial of this sweep came to its end.")


def ablations_of(study: Study) -> tuple[Arm, ...]:
    """The other arms of the reference's method that are no value of a sweep."""
    reference = study.reference
    if reference is None:
        return ()
    return tuple(a for a in study.compared if a.method == reference.method and not a.reference)


def _sweep(study: Study, lookup: Lookup, backbone: str, place: int, sweep: Sweep) -> Iterator[Drawing]:
    split, values = lookup.main_split, list(sweep.values)
    starts = [lookup.start(backbone, arm, split) for arm in sweep.values.values()]
    policies = [lookup.accuracy(backbone, arm, "policy", split) for arm in sweep.values.values()]
    if not any(policies):
        return
    title = f"Accuracy by {label(sweep.title or sweep.name)}{study.on(backbone)}"
    caption = f"on {describe_split(split)}"
    if sweep.default is not None:
        caption += f"; {value_text(sweep.default)} is the default"
    name = f"sweep-{csv_name(sweep.name)}-{place}{study.place(backbone)}"
    own = arm_of(sweep, study.arms)
    with sheet(name, title, height=2.9, caption=caption) as drawn:
        _line(drawn, starts, before(own))
        _line(drawn, policies, after(own))
        if sweep.default in values:
            at = values.index(sweep.default)
            drawn.axes.axvspan(at - 0.4, at + 0.4, color=PALETTE["band"], zorder=0, linewidth=0)
        others = _beside(study, lookup, backbone, drawn, sweep)
        ticks = [label(value_text(value), 12) for value in values]
        drawn.axes.set_xticks(range(len(values) + bool(others)), [*ticks, "other arms"] if others else ticks)
        drawn.axes.set_xlabel(label(sweep.name))
        shares(drawn.axes, flat=False)
        only_grid(drawn.axes, "y")
        drawn.keys = before_and_after(own)
        drawn.arms = arm_handles(others, linestyle="none")
        said = (f"{value_text(v)}: {percent(p.mean)}" for v, p in zip(values, policies, strict=True) if p)
        drawn.description = "Policies: " + "; ".join(said) + "."
    yield finished(drawn)


def _line(drawn: Sheet, estimates: Sequence[Estimate | None], look: dict[str, Any]) -> None:
    """A line through the estimates that there are, each with its interval."""
    known = [(at, estimate) for at, estimate in enumerate(estimates) if estimate]
    for at, estimate in known:
        ends = [estimate.interval.low, estimate.interval.high]
        drawn.axes.plot([at, at], ends, color=look["color"], linewidth=1.2)
    drawn.axes.plot([at for at, _ in known], [estimate.mean for _, estimate in known], **look)


def _beside(study: Study, lookup: Lookup, backbone: str, drawn: Sheet, sweep: Sweep) -> list[Arm]:
    """The policies of the arms that have no value on this axis, as dots right of it."""
    shown = []
    for arm in study.compared:
        policy = lookup.accuracy(backbone, arm.name, "policy", lookup.main_split)
        if policy and arm.name not in sweep.values.values():
            look = mark(arm, linestyle="none", markersize=5)
            belong(arm, *drawn.axes.plot(len(sweep.values), policy.mean, **look))
            shown.append(arm)
    return shown


def _table(study: Study, lookup: Lookup, place: int, sweep: Sweep) -> Table:
    lines = []
    for backbone in study.backbones:
        for value, name in sweep.values.items():
            if not study.of_arm(backbone, name):
                continue
            href = study.href(backbone, name)
            start = lookup.start(backbone, name, lookup.main_split)
            splits = (lookup.main_split, *lookup.other_splits)
            policies = [lookup.accuracy(backbone, name, "policy", split) for split in splits]
            lines.append(
                (
                    words(value_text(value), href=href),
                    words(label(backbone)),
                    share_cell(start, href),
                    *(share_cell(policy, href) for policy in policies),
                )
            )
    return Table(
        f"sweep-{csv_name(sweep.name)}-{place}",
        f"Accuracy by {label(sweep.title or sweep.name)}",
        (
            heading("value", label(sweep.name)),
            BACKBONE,
            Column(
                "start", "Before RL", "accuracy of the warm start, or of the base model where there is none"
            ),
            *(
                Column(split, f"Policy, {describe_split(split)}", "pass@1")
                for split in (lookup.main_split, *lookup.other_splits)
            ),
        ),
        tuple(lines),
        folded=True,
    )

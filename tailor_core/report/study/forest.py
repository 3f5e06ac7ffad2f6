"""Arms below each other with their intervals: accuracies before and after RL, and differences to the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from tailor_core.evaluation.intervals import Interval
from tailor_core.report.results import describe_split
from tailor_core.report.study.arms import Arm
from tailor_core.report.study.drawing import Drawing, Sheet, belong, finished, mark, rows, shares, sheet
from tailor_core.report.study.figures import signed_interval
from tailor_core.report.study.lookup import Lookup
from tailor_core.report.study.study import Study
from tailor_core.report.study.tables import csv_name
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import percent
from tailor_core.study.comparison import Quantity

_ROW = 0.3
_APART = 0.17


def draw_accuracy(
    study: Study, lookup: Lookup, backbone: str, split: str, arms: Sequence[Arm], name: str = "accuracy-on"
) -> Iterator[Drawing]:
    """Accuracy of the model that RL began at (hollow) and of the policy (filled) of each arm."""
    pairs = [
        (arm, lookup.start(backbone, arm.name, split), lookup.accuracy(backbone, arm.name, "policy", split))
        for arm in arms
    ]
    found = [pair for pair in pairs if pair[1] or pair[2]]
    if not found:
        return
    title = f"Accuracy before and after RL, {describe_split(split)}{study.on(backbone)}"
    file = f"{name}-{csv_name(split)}{study.place(backbone)}"
    with sheet(file, title, height=0.75 + _ROW * len(found)) as drawn:
        said = []
        for row, (arm, start, policy) in enumerate(found):
            if start:
                _point(drawn, arm, start.interval, row - _APART / 2, hollow=True)
            if policy:
                _point(drawn, arm, policy.interval, row + _APART / 2, hollow=False)
            before = percent(start.mean) if start else "unknown"
            after = percent(policy.mean) if policy else "unknown"
            said.append(f"{arm.title}: {before} before RL, {after} after")
        rows(drawn.axes, [arm.title for arm, _, _ in found])
        shares(drawn.axes, flat=True)
        drawn.keys = [_key("before RL", hollow=True), _key("policy", hollow=False)]
        drawn.description = "; ".join(said) + "."
    yield finished(drawn)


def draw_differences(
    study: Study, lookup: Lookup, backbone: str, quantity: Quantity, split: str
) -> Iterator[Drawing]:
    """The reference minus each arm, in percentage points; right of zero the reference is ahead."""
    found = [
        (arm, comparison)
        for arm in study.compared
        if (comparison := lookup.comparison(backbone, arm.name, quantity, split))
    ]
    if not found or study.reference is None:
        return
    title = f"{study.reference.title} minus each arm, {quantity}{study.on(backbone)}"
    file = f"difference-{csv_name(quantity)}-on-{csv_name(split)}{study.place(backbone)}"
    caption = f"points on {describe_split(split)}; right of zero {study.reference.title} is ahead"
    with sheet(file, title, height=0.55 + _ROW * len(found), caption=caption) as drawn:
        drawn.axes.axvline(0, color=PALETTE["muted"], linewidth=1.2, zorder=2)
        said = []
        for row, (arm, comparison) in enumerate(found):
            _point(drawn, arm, comparison.interval, row, hollow=False)
            limits = signed_interval(comparison.interval.low, comparison.interval.high)
            said.append(f"{arm.title}: {100 * comparison.difference:+.1f} ({limits})")
        rows(drawn.axes, [arm.title for arm, _ in found])
        shares(drawn.axes, flat=True)
        drawn.axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:+.4g}"))
        drawn.description = "; ".join(said) + "."
    yield finished(drawn)


def _key(text: str, *, hollow: bool) -> Line2D:
    look: dict[str, Any] = {
        "color": PALETTE["muted"],
        "markerfacecolor": "none" if hollow else PALETTE["muted"],
    }
    return Line2D([], [], marker="o", markersize=6, linestyle="none", label=text, **look)


def _point(drawn: Sheet, arm: Arm, interval: Interval, height: float, *, hollow: bool) -> None:
    look = mark(arm, linestyle="none")
    limits = [interval.low, interval.high]
    width = 1.1 if hollow else 2.0
    belong(
        arm,
        *drawn.axes.plot(
            limits, [height, height], color=look["color"], linewidth=width, solid_capstyle="butt", zorder=3
        ),
        *drawn.axes.plot(interval.value, height, **{**look, "markerfacecolor": "none"} if hollow else look),
    )

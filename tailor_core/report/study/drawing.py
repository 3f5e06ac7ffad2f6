"""A figure of the study in its three forms: in the page, alone as SVG, and as PNG.

What belongs to an arm has the arm's class (`group-<place>`), by which the page's legend switches it on and off.
The page has that one legend; the files have their own below the axes.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tailor_core.report.study.arms import Arm
from tailor_core.report.svg import PALETTE, Chart, canvas, finish
from tailor_core.report.text import label

WIDTH = 4.5
"""Inches, as of the charts of a run's page; text keeps its size on a phone."""

MODELS = {"data": "data", "base": "base", "warm_start": "warm start", "policy": "policy"}
"""What a figure is of, in words, in the order in which a run makes them."""

DOTS_PER_INCH = 160
_MODEL_MARKERS = {"data": "^", "base": "o", "warm_start": "D", "policy": "s"}
_MODEL_COLOURS = {"data": "extra-1", "base": "base", "warm_start": "warm", "policy": "policy"}
_POINTS_PER_INCH = 72
_LEGEND_ROW = 0.19
_CHARACTER = 0.072
"""Inches of a row of the legend, and about of a character in it."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A finished figure: in the page, and the two files; `group` is set where all of it is of one arm."""

    chart: Chart
    alone: str
    png: bytes
    caption: str = ""
    group: str = ""

    @property
    def name(self) -> str:
        return self.chart.name


@dataclass(slots=True)
class Sheet:
    """A figure that is being drawn; `result` is there once the block of `sheet` has ended.

    keys: of the legend above the axes, in all forms; arms: of the one below, which only the files have
    """

    figure: Figure
    axes: Axes
    keys: list[Line2D] = field(default_factory=list)
    arms: list[Line2D] = field(default_factory=list)
    description: str = ""
    result: Drawing | None = None


@contextmanager
def sheet(
    name: str, title: str, *, height: float, width: float = WIDTH, caption: str = "", group: str = ""
) -> Iterator[Sheet]:
    """Draw a figure within the block; its `description` has to be said there."""
    with canvas(width, height) as (figure, axes):
        drawn = Sheet(figure, axes)
        axes.tick_params(length=0)
        yield drawn
        if drawn.keys:
            _explain(figure, drawn.keys)
        below = _add_legend(figure, drawn.arms) if drawn.arms else 0.0
        whole = finish(figure, name, title, drawn.description)
        figure.set_layout_engine("none")  # it is laid out by now
        chart = Chart(name, title, drawn.description, _without_legend(whole.svg, below))
        drawn.result = Drawing(chart, _plain(str(whole.svg)), _png(figure), caption, group)


def finished(drawn: Sheet) -> Drawing:
    """What a block of `sheet` drew."""
    assert drawn.result is not None, "a figure is finished where its block ends"
    return drawn.result


def mark(arm: Arm, **changes: Any) -> dict[str, Any]:
    """How an arm's points and lines are drawn."""
    colour = PALETTE[arm.colour]
    return {
        "color": colour,
        "marker": arm.marker,
        "markersize": 6.5 if arm.reference else 5.5,
        "markeredgewidth": 1.3,
        "linestyle": arm.line,
        "linewidth": 2.4 if arm.reference else 1.5,
        "zorder": 4 if arm.reference else 3,
        **changes,
    }


def belong(arm: Arm, *artists: Artist) -> None:
    """Say that these are of the arm: its legend switches them."""
    for artist in artists:
        artist.set_gid(arm.group)


def model_look(model: str) -> dict[str, Any]:
    """How points of a model, or of its data, are drawn where colours do not tell arms apart."""
    return {
        "color": PALETTE[_MODEL_COLOURS[model]],
        "marker": _MODEL_MARKERS[model],
        "markersize": 5.5,
        "linestyle": "none",
        "zorder": 3,
    }


def model_keys(models: Sequence[str]) -> list[Line2D]:
    """The legend's entries of models."""
    return [Line2D([], [], label=MODELS[model], **model_look(model)) for model in models]


def before(arm: Arm) -> dict[str, Any]:
    """How the course of what an arm's RL began at is drawn: hollow and dashed."""
    return mark(arm, linestyle="--", linewidth=1.4, markersize=4.5, markerfacecolor="none")


def after(arm: Arm) -> dict[str, Any]:
    """How the course of an arm's policy is drawn: filled."""
    return mark(arm, linestyle="-", linewidth=2.0, markersize=4.5)


def before_and_after(arm: Arm) -> list[Line2D]:
    """The legend's entries of both."""
    return [Line2D([], [], label="before RL", **before(arm)), Line2D([], [], label="policy", **after(arm))]


def arm_handles(arms: Sequence[Arm], **changes: Any) -> list[Line2D]:
    """The legend's entries of arms."""
    return [Line2D([], [], label=label(arm.title, 24), **mark(arm, **changes)) for arm in arms]


def shares(axes: Axes, *, flat: bool, whole: bool = False) -> None:
    """An axis of percentages: of the values (`flat`: along x), from 0 to 1 where `whole`."""
    axis = axes.xaxis if flat else axes.yaxis
    if whole:
        (axes.set_xlim if flat else axes.set_ylim)(0, 1)
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))


def only_grid(axes: Axes, axis: str) -> None:
    """Grid lines across one axis, and no line at its start."""
    axes.grid(visible=False, axis="x" if axis == "y" else "y")
    axes.spines["left" if axis == "y" else "bottom"].set_visible(False)


def rows(axes: Axes, names: Sequence[str]) -> None:
    """A row for each name, from above."""
    axes.set_yticks(range(len(names)), [label(name, 30) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    only_grid(axes, "x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0, pad=6)


def _explain(figure: Figure, keys: Sequence[Line2D]) -> None:
    figure.legend(
        handles=list(keys),
        loc="outside upper left",
        ncols=len(keys),
        fontsize=9,
        handletextpad=0.3,
        columnspacing=1.2,
        borderaxespad=0.1,
        borderpad=0.1,
    )


def _add_legend(figure: Figure, handles: Sequence[Line2D]) -> float:
    """Put it below all else, in room of its own; the inches that it takes."""
    width, height = figure.get_size_inches()
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), int(width / (0.45 + _CHARACTER * longest))))
    room = 0.1 + _LEGEND_ROW * -(-len(handles) // columns)
    figure.set_size_inches(width, height + room)
    share = room / (height + room)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0, share, 1, 1 - share))
    legend = figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0, share),
        ncols=columns,
        fontsize=9,
        handletextpad=0.5,
        columnspacing=1.2,
        handlelength=1.9,
        borderpad=0.2,
        borderaxespad=0.1,
    )
    legend.set_in_layout(False)
    legend.set_gid("group-legend")
    return room


def _without_legend(svg: Markup, below: float) -> Markup:
    """The chart without the legend that takes the last inches of it: the page has its own."""
    if not below:
        return svg
    root = ET.fromstring(str(svg))
    for parent in root.iter():
        for child in list(parent):
            if child.get("class") == "group-legend":
                parent.remove(child)
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    root.set("viewBox", f"{left:g} {top:g} {width:g} {height - below * _POINTS_PER_INCH:g}")
    return Markup(ET.tostring(root, encoding="unicode"))


def _plain(svg: str) -> str:
    """An SVG file that programs without CSS variables can read as well."""
    return '<?xml version="1.0" encoding="utf-8"?>\n' + re.sub(r"var\(--[\w-]+, ([^()]*)\)", r"\1", svg)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()

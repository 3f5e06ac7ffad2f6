"""Charts of the evaluation: pass@1 by split and by difficulty, and the moves that models show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MultipleLocator

from tailor_core.report.results import Interval, Model, Results, describe_split, is_in_distribution
from tailor_core.report.svg import PALETTE, Chart, canvas, finish
from tailor_core.report.text import percent

WIDTH = 4.5
"""Inches; 324 units of the drawing, so that text keeps its size on a phone."""

_SPREAD = 0.5
"""Room that the models of one category take, of the 1 that there is."""


def draw_splits(results: Results) -> Chart:
    """pass@1 of each model on each split, with intervals."""
    splits = list(results.splits)
    with canvas(WIDTH, 0.95 + 0.62 * len(splits)) as (figure, axes):
        for place, model, interval in _offset(results, [[(split, None)] for split in splits]):
            _mark(axes, model, interval, place, flat=True)
        axes.set_yticks(range(len(splits)), [_short(split) for split in splits])
        axes.set_ylim(len(splits) - 0.5, -0.5)
        _shares(axes, flat=True)
        _legend(axes, results.models, columns=3)
        return finish(
            figure,
            "accuracy-by-split",
            "pass@1 on each split, with intervals",
            _in_words(results, [(split, None) for split in splits]),
        )


def draw_difficulties(results: Results, unit: str) -> Chart:
    """pass@1 of each model at each difficulty, counted in `unit`, in distribution first, with intervals."""
    cells = [(split, level) for split in results.splits for level in results.difficulties(split)]
    with canvas(max(WIDTH, 0.9 + 0.7 * len(cells)), 3.3) as (figure, axes):
        outside = [i for i, (split, _) in enumerate(cells) if not is_in_distribution(split)]
        for i in outside:
            axes.axvspan(i - 0.5, i + 0.5, color=PALETTE["band"], zorder=0, linewidth=0)
        for place, model, interval in _offset(results, [[cell] for cell in cells]):
            _mark(axes, model, interval, place, flat=False)
        axes.set_xticks(range(len(cells)), [str(level) for _, level in cells])
        axes.set_xlim(-0.5, len(cells) - 0.5)
        axes.set_xlabel(unit + ("; shaded: out of distribution" if outside else ""))
        _shares(axes, flat=False)
        _legend(axes, results.models, columns=3)
        return finish(
            figure, "accuracy-by-difficulty", f"pass@1 by number of {unit}", _in_words(results, cells, unit)
        )


def draw_moves(shares: Mapping[str, Mapping[str, float]], models: Sequence[Model], title: str) -> Chart:
    """The share of traces that show each move: `shares` is move -> model -> share."""
    moves = list(shares)
    with canvas(WIDTH, 0.95 + 0.27 * len(moves)) as (figure, axes):
        for row, move in enumerate(moves):
            known = shares[move]
            if known:
                axes.plot(
                    [min(known.values()), max(known.values())],
                    [row, row],
                    color=PALETTE["faint"],
                    linewidth=1.4,
                    zorder=2,
                )
            for model in models:
                if model.name in known:
                    axes.plot(known[model.name], row, **_point(model))
        axes.set_yticks(range(len(moves)), moves)
        axes.set_ylim(len(moves) - 0.5, -0.5)
        _shares(axes, flat=True)
        _legend(axes, models, columns=2)
        words = "; ".join(
            f"{move}: " + ", ".join(f"{m.label} {percent(shares[move].get(m.name, 0), 0)}" for m in models)
            for move in moves
        )
        return finish(figure, "moves", title, words)


def _offset(
    results: Results, categories: Sequence[Sequence[tuple[str, int | None]]]
) -> list[tuple[float, Model, Interval]]:
    """Place on the category axis, model and pass@1 of everything to draw, models side by side."""
    marks = []
    number = len(results.models)
    for place, cells in enumerate(categories):
        for index, model in enumerate(results.models):
            shift = (index - (number - 1) / 2) * _SPREAD / max(1, number - 1) if number > 1 else 0.0
            for cell in cells:
                interval = _accuracy(results, model.name, *cell)
                if interval:
                    marks.append((place + shift, model, interval))
    return marks


def _accuracy(results: Results, model: str, split: str, level: int | None) -> Interval | None:
    if level is None:
        group = results.overall.get((model, split))
    else:
        group = results.by_difficulty.get((model, split), {}).get(level)
    return group.accuracy if group else None


def _mark(axes: Axes, model: Model, interval: Interval, place: float, *, flat: bool) -> None:
    limits, colour = [interval.low, interval.high], PALETTE[model.colour]
    along, across = (limits, [place, place]) if flat else ([place, place], limits)
    axes.plot(along, across, color=colour, linewidth=2.2, solid_capstyle="butt", zorder=3)
    x, y = (interval.value, place) if flat else (place, interval.value)
    axes.plot(x, y, **_point(model))


def _point(model: Model) -> dict[str, Any]:
    return {
        "marker": model.marker,
        "markersize": 6.5,
        "color": PALETTE[model.colour],
        "linestyle": "none",
        "zorder": 4,
        "clip_on": False,
    }


def _shares(axes: Axes, *, flat: bool) -> None:
    axis = axes.xaxis if flat else axes.yaxis
    (axes.set_xlim if flat else axes.set_ylim)(0, 1)
    axis.set_major_locator(MultipleLocator(0.25))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f}%"))
    axes.grid(visible=False, axis="y" if flat else "x")
    axes.spines["left" if flat else "bottom"].set_visible(False)
    axes.tick_params(length=0, pad=8)


def _legend(axes: Axes, models: Sequence[Model], columns: int) -> None:
    # Handles of their own: an empty line on the axes would make the layout leave room for nothing.
    axes.legend(
        handles=[Line2D([], [], label=model.label, **_point(model)) for model in models],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=min(columns, max(1, len(models))),
        handletextpad=0.2,
        columnspacing=1.4,
        borderaxespad=0.2,
        borderpad=0,
    )


def _short(split: str) -> str:
    return describe_split(split).replace(" (out of distribution)", "\n(out of distr.)")


def _in_words(results: Results, cells: Sequence[tuple[str, int | None]], unit: str = "") -> str:
    parts = []
    for split, level in cells:
        where = describe_split(split) + (f", {level} {unit}" if level is not None else "")
        for model in results.models:
            interval = _accuracy(results, model.name, split, level)
            if interval:
                parts.append(
                    f"{model.label} on {where}: {percent(interval.value)} "
                    f"({percent(interval.low)} to {percent(interval.high)})"
                )
    return "; ".join(parts) + "."

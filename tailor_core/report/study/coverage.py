"""Coverage: how many reasoning states and embedding cells the traces of each arm reach, and a map of them."""

from __future__ import annotations

from collections.abc import Iterator

import polars

from tailor_core.report.study.arms import Arm
from tailor_core.report.study.blocks import Block, Figures, Heading, Legend, Missing, Section, Words
from tailor_core.report.study.drawing import (
    MODELS,
    Drawing,
    arm_handles,
    belong,
    finished,
    mark,
    model_keys,
    model_look,
    only_grid,
    rows,
    sheet,
)
from tailor_core.report.study.study import Study, part
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, csv_name, heading, nothing, words
from tailor_core.report.text import count, humanise, quantity
from tailor_core.study.coverage import MEASURES

MAP_POINTS = 80
"""Drawn of each arm in each map, by lot; all seeds together."""

GROWING = ("ngram_states", "embedding_cells")
"""Measures that are drawn by the number of traces as well."""


def describe_coverage(study: Study) -> Section:
    """The section; a sentence where the trials have no traces."""
    return Section("coverage", "Coverage", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    frame = study.evidence.coverage
    if frame.is_empty():
        yield Missing("No trial that came to its end has traces whose coverage could be counted.")
        return
    fair = at_common_sizes(frame)
    yield Words(
        "How much of the space of reasoning the traces of an arm reach, in its warm-start data and in what its "
        "models answer. All arms of a chart are measured on equally many traces, the largest of the sizes below that "
        "all of them have; marks are means over seeds, lines reach from the lowest to the highest seed. The arms below "
        "can be switched off in all figures of the page.",
        "about",
    )
    yield Legend(study.compared)
    yield Figures(tuple(_drawings(study, fair)))
    yield _table(study, fair)
    yield Heading("Coverage by the number of traces")
    yield Words(
        "How it grows with the number of traces: where a curve is still steep, more would reach more.",
        "about",
    )
    yield Figures(tuple(_growth(study, frame)))
    if study.evidence.map.is_empty():
        yield Missing("No trial has embedded traces to map.")
        return
    yield Heading("Map of the traces")
    yield Words(
        f"Each point is a trace, near points reason alike; at most {MAP_POINTS} of an arm in each map, by lot. All "
        "maps have the same axes.",
        "about",
    )
    yield Legend(study.compared)
    yield Figures(tuple(_maps(study)))


def at_common_sizes(frame: polars.DataFrame) -> polars.DataFrame:
    """The rows of the largest size that all sets of a backbone and measure have."""
    keys = ["backbone", "measure"]
    largest = frame.group_by(*keys, "arm", "seed", "what").agg(polars.col("size").max())
    common = largest.group_by(keys).agg(polars.col("size").min().alias("common"))
    return frame.join(common, on=keys, maintain_order="left").filter(
        polars.col("size") == polars.col("common")
    )


def _drawings(study: Study, frame: polars.DataFrame) -> Iterator[Drawing]:
    for backbone in study.backbones:
        mine = part(frame, backbone=backbone)
        for measure in mine["measure"].unique(maintain_order=True):
            yield _drawing(study, backbone, measure, part(mine, measure=measure))


def _drawing(study: Study, backbone: str, measure: str, frame: polars.DataFrame) -> Drawing:
    arms = [arm for arm in study.compared if not part(frame, arm=arm.name).is_empty()]
    shown = [what for what in MODELS if what in set(frame["what"])]
    name = f"coverage-{csv_name(measure)}{study.place(backbone)}"
    title = f"{_measure(measure)}{study.on(backbone)}"
    caption = f"{MEASURES.get(measure, measure)}; of {count(frame['size'][0])} traces"
    with sheet(name, title, height=0.7 + 0.32 * len(arms), caption=caption) as drawn:
        said = []
        for row, arm in enumerate(arms):
            for what in shown:
                values = part(frame, arm=arm.name, what=what)["value"].to_numpy()
                if not len(values):
                    continue
                look = model_look(what)
                height = row + 0.16 * (shown.index(what) - (len(shown) - 1) / 2)
                ends = [values.min(), values.max()]
                belong(
                    arm,
                    *drawn.axes.plot(ends, [height, height], color=look["color"], linewidth=1.2),
                    *drawn.axes.plot(values.mean(), height, **look),
                )
                said.append(f"{arm.title}, {MODELS[what]}: {quantity(values.mean())}")
        rows(drawn.axes, [arm.title for arm in arms])
        drawn.keys = model_keys(shown)
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def _growth(study: Study, frame: polars.DataFrame) -> Iterator[Drawing]:
    for backbone in study.backbones:
        mine = part(frame, backbone=backbone)
        for measure in GROWING:
            for what in ("data", "policy"):
                sets = part(mine, measure=measure, what=what)
                if sets["size"].n_unique() > 1:
                    yield _curves(study, backbone, measure, what, sets)


def _curves(study: Study, backbone: str, measure: str, what: str, frame: polars.DataFrame) -> Drawing:
    name = f"coverage-{csv_name(measure)}-of-{csv_name(what)}{study.place(backbone)}"
    with sheet(name, f"{_measure(measure)}, {MODELS[what]}{study.on(backbone)}", height=2.4) as drawn:
        arms, said = [], []
        for arm in study.compared:
            mine = part(frame, arm=arm.name).group_by("size").agg(polars.col("value").mean()).sort("size")
            if mine.is_empty():
                continue
            arms.append(arm)
            belong(arm, *drawn.axes.plot(mine["size"], mine["value"], **mark(arm, markersize=4)))
            said.append(f"{arm.title}: {quantity(mine['value'][-1])} of {count(mine['size'][-1])} traces")
        drawn.axes.set_xlabel("traces")
        drawn.axes.set_ylim(bottom=0)
        only_grid(drawn.axes, "y")
        drawn.arms = arm_handles(arms)
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def _measure(measure: str) -> str:
    return humanise(measure).capitalize().replace("Ngram", "N-gram")


def _table(study: Study, frame: polars.DataFrame) -> Table:
    keys = ["backbone", "arm", "measure", "what"]
    means = frame.group_by(keys, maintain_order=True).agg(
        polars.col("value").mean(),
        polars.col("value").std().alias("std"),
        polars.col("size").mean(),
        polars.len().alias("seeds"),
    )
    found = {tuple(row[key] for key in keys): row for row in means.iter_rows(named=True)}
    measures = list(frame["measure"].unique(maintain_order=True))
    whats = [what for what in MODELS if what in set(frame["what"])]
    lines = []
    for backbone, arm in study.each():
        for measure in measures:
            cells = [_cell(study, found.get((backbone, arm.name, measure, w)), backbone, arm) for w in whats]
            if any(cell.value is not None for cell in cells):
                lines.append((*study.names(backbone, arm), words(_measure(measure)), *cells))
    return Table(
        "coverage",
        "Coverage of each arm",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("measure", "What is counted"),
            *(
                Column(what, MODELS[what].capitalize(), "mean over seeds ± standard deviation")
                for what in whats
            ),
        ),
        tuple(lines),
        about="Mean over seeds ± standard deviation, and of how many traces.",
        folded=True,
    )


def _cell(study: Study, row: dict[str, float] | None, backbone: str, arm: Arm) -> Cell:
    if row is None:
        return nothing()
    spread = "" if row["std"] is None else f" ± {quantity(row['std'])}"
    return Cell(
        f"{quantity(row['value'])}{spread}",
        f"{count(row['size'])} traces",
        row["value"],
        {"std": row["std"], "traces": row["size"], "seeds": row["seeds"]},
        study.href(backbone, arm.name),
    )


def _maps(study: Study) -> Iterator[Drawing]:
    for backbone in study.backbones:
        mine = part(study.evidence.map, backbone=backbone)
        for what in MODELS:
            frame = part(mine, what=what)
            if not frame.is_empty():
                yield _map(study, backbone, what, frame, mine)


def _map(
    study: Study, backbone: str, what: str, frame: polars.DataFrame, everything: polars.DataFrame
) -> Drawing:
    title = f"Traces of the {MODELS[what]}{study.on(backbone)}"
    drawn_arms: list[Arm] = []
    with sheet(f"map-{csv_name(what)}{study.place(backbone)}", title, height=3.6) as drawn:
        for arm in reversed(study.compared):
            points = part(frame, arm=arm.name)
            if points.is_empty():
                continue
            drawn_arms.insert(0, arm)
            points = points.sample(min(MAP_POINTS, points.height), seed=0)
            look = mark(arm, markersize=3.4, linestyle="none", markeredgewidth=0, alpha=0.75)
            belong(arm, *drawn.axes.plot(points["x"], points["y"], **look))
        for axis, place in (("x", drawn.axes.set_xlim), ("y", drawn.axes.set_ylim)):
            low, high = float(everything[axis].min()), float(everything[axis].max())  # type: ignore[arg-type]
            margin = 0.04 * max(high - low, 1e-3)
            place(low - margin, high + margin)
        drawn.axes.set_xticks([])
        drawn.axes.set_yticks([])
        drawn.arms = arm_handles(drawn_arms, linestyle="none")
        drawn.description = f"{count(frame.height)} traces of {len(drawn_arms)} arms in two dimensions."
    return finished(drawn)

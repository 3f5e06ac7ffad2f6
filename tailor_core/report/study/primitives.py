"""How primitives spread: the share of traces that show each move, by model, and over the steps of RL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars
from matplotlib.lines import Line2D

from tailor_core.report.results import describe_split
from tailor_core.report.study.arms import Arm
from tailor_core.report.study.blocks import Block, Figures, Heading, Legend, Missing, Section, Words
from tailor_core.report.study.drawing import (
    MODELS,
    Drawing,
    arm_handles,
    belong,
    finished,
    mark,
    only_grid,
    rows,
    shares,
    sheet,
)
from tailor_core.report.study.lookup import first_in_distribution
from tailor_core.report.study.study import Study, part
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, csv_name, heading, nothing, words
from tailor_core.report.study.uptake import describe_uptake
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import count, humanise, label, percent

MOVES_OVER_STEPS = 6
"""Moves whose share over the steps of RL is drawn: those that RL changes most."""

MOVES_DRAWN = 14
_VOICE = "voice:"
"""How moves begin that tell the wording rather than the reasoning."""


def describe_primitives(study: Study) -> Section:
    """The section; a sentence where no trace shows a move."""
    return Section("primitives", "Primitives", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    moves = study.evidence.moves.filter(~polars.col("move").str.starts_with(_VOICE))
    whole = moves.filter(polars.col("step").is_null())
    taught, models = part(whole, model="data"), whole.filter(polars.col("model") != "data")
    if models.is_empty():
        yield Missing("No trial that came to its end tells which moves its models' traces show.")
        return
    split = first_in_distribution(models["split"].unique(maintain_order=True).to_list())
    shown = polars.concat([taught, part(models, split=split)])
    asked = part(study.evidence.answers, split=split).select("backbone", "arm", "model", "seed")
    taught_by = study.evidence.data.select("backbone", "arm", polars.lit("data").alias("model"), "seed")
    usage = _means(shown, polars.concat([taught_by, asked]))
    yield Words(
        f"The share of traces that show a move at least once: of the warm-start data, and of what models answer on "
        f"{describe_split(split)}; means over seeds.",
        "about",
    )
    yield Legend(study.compared)
    yield Figures(tuple(_by_model(study, usage)))
    yield _table(study, usage)
    yield from describe_uptake(study)
    steps = moves.filter(polars.col("step").is_not_null())
    if steps.is_empty():
        yield Missing(
            "No trial kept models on the way of RL (policy.snapshots), so there is no course of moves."
        )
        return
    yield Heading("Moves over the steps of RL")
    yield Words(
        f"On held-out problems of the split validation, the {MOVES_OVER_STEPS} moves whose share changes most.",
        "about",
    )
    yield Figures(tuple(_over_steps(study, steps)))


def _means(frame: polars.DataFrame, asked: polars.DataFrame) -> polars.DataFrame:
    """Share and mean of every move of a backbone over the seeds of all that was `asked`, which has a column `seed`.

    Traces that never show a move count as 0: of a seed in the mean, and of all seeds as a row.
    """
    keys = [key for key in asked.columns if key != "seed"]
    everything = (
        asked.group_by(keys, maintain_order=True)
        .agg(polars.col("seed").n_unique().alias("seeds"))
        .join(
            frame.select("backbone", "move").unique(maintain_order=True),
            on="backbone",
            maintain_order="left_right",
        )
    )
    total = frame.group_by(*keys, "move").agg(polars.col("share", "mean").sum())
    return everything.join(total, on=[*keys, "move"], how="left", maintain_order="left").with_columns(
        polars.col("share", "mean").fill_null(0) / polars.col("seeds")
    )


def _by_model(study: Study, usage: polars.DataFrame) -> Iterator[Drawing]:
    for backbone in study.backbones:
        mine = part(usage, backbone=backbone)
        often = (
            mine.group_by("move")
            .agg(polars.col("share").max())
            .sort("share", "move", descending=[True, False])
        )
        moves = often["move"].to_list()[:MOVES_DRAWN]
        for model in ("data", "warm_start", "policy"):
            if moves and not part(mine, model=model).is_empty():
                yield _model(study, backbone, model, moves, mine)


def _model(study: Study, backbone: str, model: str, moves: Sequence[str], usage: polars.DataFrame) -> Drawing:
    title = f"Moves of the {MODELS[model]}{study.on(backbone)}"
    with sheet(
        f"moves-{csv_name(model)}{study.place(backbone)}", title, height=0.6 + 0.36 * len(moves)
    ) as drawn:
        said = []
        base = _shares(part(usage, model="base"))
        for row, move in enumerate(moves):
            if base:
                drawn.axes.plot(
                    [base.get(move, 0.0)] * 2, [row - 0.35, row + 0.35], color=PALETTE["base"], linewidth=2
                )
        arms = [a for a in study.compared if not part(usage, model=model, arm=a.name).is_empty()]
        for place, arm in enumerate(arms):
            share = _shares(part(usage, model=model, arm=arm.name))
            heights = [row + 0.6 * ((place + 0.5) / len(arms) - 0.5) for row in range(len(moves))]
            values = [share.get(move, 0.0) for move in moves]
            look = mark(arm, linestyle="none", markersize=4.8, markeredgewidth=0)
            belong(arm, *drawn.axes.plot(values, heights, clip_on=False, **look))
            said.append(f"{arm.title}: " + ", ".join(f"{m} {percent(share.get(m, 0), 0)}" for m in moves))
        rows(drawn.axes, [humanise(move) for move in moves])
        shares(drawn.axes, flat=True, whole=True)
        drawn.arms = arm_handles(arms, linestyle="none")
        if base:
            drawn.keys = [
                Line2D(
                    [],
                    [],
                    color=PALETTE["base"],
                    linestyle="none",
                    marker="|",
                    markersize=9,
                    label="base model",
                )
            ]
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def _shares(frame: polars.DataFrame) -> dict[str, float]:
    """Move -> share, the mean over what there is."""
    means = frame.group_by("move").agg(polars.col("share").mean())
    return dict(zip(means["move"], means["share"], strict=True))


def _over_steps(study: Study, steps: polars.DataFrame) -> Iterator[Drawing]:
    course = _means(steps, study.evidence.curve.select("backbone", "arm", "step", "seed"))
    for backbone in study.backbones:
        mine = part(course, backbone=backbone)
        range_ = polars.col("share").max() - polars.col("share").min()
        changes = (
            mine.group_by("arm", "move")
            .agg(range_.alias("change"))
            .group_by("move")
            .agg(polars.col("change").mean())
            .sort("change", "move", descending=[True, False])
        )
        for place, move in enumerate(changes["move"].to_list()[:MOVES_OVER_STEPS], 1):
            yield _course(study, backbone, place, move, mine)


def _course(study: Study, backbone: str, place: int, move: str, course: polars.DataFrame) -> Drawing:
    title = f"{label(humanise(move))}{study.on(backbone)}"
    with sheet(f"move-over-steps-{place}{study.place(backbone)}", title, height=2.2) as drawn:
        arms: list[Arm] = []
        said = []
        for arm in study.compared:
            mine = part(course, arm=arm.name)
            if mine.is_empty():
                continue
            arms.append(arm)
            steps = sorted(mine["step"].unique())
            share = dict(part(mine, move=move).select("step", "share").iter_rows())
            values = [share.get(step, 0.0) for step in steps]
            belong(arm, *drawn.axes.plot(steps, values, **mark(arm, markersize=4)))
            said.append(f"{arm.title}: {percent(values[0], 0)} to {percent(values[-1], 0)}")
        shares(drawn.axes, flat=False)
        only_grid(drawn.axes, "y")
        drawn.axes.set_ylim(bottom=0)
        drawn.axes.set_xlabel("step of RL")
        drawn.arms = arm_handles(arms)
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def _table(study: Study, usage: polars.DataFrame) -> Table:
    keys = ["backbone", "arm", "move", "model"]
    found = {tuple(row[key] for key in keys): row for row in usage.iter_rows(named=True)}
    models = [model for model in MODELS if model in set(usage["model"])]
    lines = []
    for backbone, arm in study.each():
        for move in sorted(usage["move"].unique()):
            cells = []
            for model in models:
                row = found.get((backbone, arm.name, move, model))
                cells.append(_cell(row, study.href(backbone, arm.name)))
            if any(cell.value is not None for cell in cells):
                lines.append((*study.names(backbone, arm), words(humanise(move)), *cells))
    return Table(
        "moves",
        "Every move of every arm",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("move", "Move"),
            *(Column(model, MODELS[model].capitalize(), "share of traces that show it") for model in models),
        ),
        tuple(lines),
        about=f"Share of traces that show the move, and how often a trace has it; {count(len(lines))} rows.",
        folded=True,
    )


def _cell(row: dict[str, float] | None, href: str) -> Cell:
    if row is None:
        return nothing()
    mean = row["mean"]
    return Cell(percent(row["share"]), f"{mean:.2f} a trace", row["share"], {"a_trace": mean}, href)

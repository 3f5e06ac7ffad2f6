"""The warm-start data of each arm: diversity, quality, and how they go with what RL gains."""

from __future__ import annotations

from collections.abc import Iterator

import polars

from tailor_core.report.study.blocks import Block, Figures, Heading, Legend, Missing, Section, Words
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
from tailor_core.report.study.figures import short_p
from tailor_core.report.study.study import Study
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, csv_name, heading, nothing, words
from tailor_core.report.text import humanise, quantity
from tailor_core.study.correlation import LEAST_ARMS, LEAST_ARMS_FOR_INTERVAL, Correlation
from tailor_core.study.warm_start_data import METRICS

OUTCOME = "RL gain"
"""What metrics are drawn against; the table has all outcomes."""


def describe_data(study: Study) -> Section:
    """The section; a sentence where no arm has warm-start data."""
    return Section("data", "Data", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    if study.evidence.data.is_empty():
        yield Missing("No trial that came to its end has warm-start data.")
        return
    yield _table(study)
    yield Heading("Do better data go with more gain?")
    if not study.results.correlations:
        yield Missing(
            f"Correlations need at least {LEAST_ARMS} arms with data that differ; with fewer, ranks agree by chance."
        )
        return
    yield Words(
        "Each point is a trial: a metric of its warm-start data, and what RL gained on the test problems. rho is "
        "Spearman's; its interval draws whole arms, and p deals out whole arms anew, for the seeds of one arm have "
        "much in common. Arms that are fine-tuned on the same data count as one, with the mean of what became of them. "
        f"With fewer than {LEAST_ARMS_FOR_INTERVAL} there is no interval.",
        "about",
    )
    yield Legend(study.compared)
    drawn = [one for one in study.results.correlations if one.outcome == OUTCOME]
    yield Figures(tuple(_scatter(study, one) for one in drawn), small=True)
    yield _correlations(study)


def _table(study: Study) -> Table:
    found = (
        study.evidence.data.group_by("backbone", "arm", "metric", maintain_order=True)
        .agg(polars.col("value").mean(), polars.col("value").std().alias("std"), polars.len().alias("seeds"))
        .iter_rows(named=True)
    )
    by_arm = {(row["backbone"], row["arm"], row["metric"]): row for row in found}
    metrics = list(study.evidence.data["metric"].unique(maintain_order=True))
    lines = []
    for backbone, arm in study.each():
        rows = [by_arm.get((backbone, arm.name, metric)) for metric in metrics]
        if any(rows):
            href = study.href(backbone, arm.name)
            lines.append((*study.names(backbone, arm), *(_cell(row, href) for row in rows)))
    columns = (Column(metric, humanise(metric).capitalize(), METRICS.get(metric, "")) for metric in metrics)
    return Table(
        "data",
        "Diversity and quality of the warm-start data",
        (heading("arm", "Arm"), BACKBONE, *columns),
        tuple(lines),
        about="Of the rows that were kept; means over seeds ± standard deviation.",
    )


def _cell(row: dict[str, float] | None, href: str) -> Cell:
    if row is None or row["value"] is None:
        return nothing()
    spread = f"± {quantity(row['std'])}" if row["std"] else ""
    return Cell(
        quantity(row["value"]), spread, row["value"], {"std": row["std"], "seeds": row["seeds"]}, href
    )


def _scatter(study: Study, correlation: Correlation) -> Drawing:
    backbone = correlation.backbone
    name = f"gain-by-{csv_name(correlation.metric)}{study.place(backbone)}"
    title = f"{humanise(correlation.metric).capitalize()}{study.on(backbone)}"
    caption = _rho(correlation)
    with sheet(name, title, height=2.6, width=3.6, caption=caption) as drawn:
        arms = []
        for arm in study.arms:
            points = [point for point in correlation.points if point.arm == arm.name]
            if not points:
                continue
            if not arm.value:
                arms.append(arm)
            look = mark(arm, linestyle="none", markersize=5)
            places = [point.metric for point in points], [point.outcome for point in points]
            belong(arm, *drawn.axes.plot(*places, **look))
        drawn.axes.set_xlabel(humanise(correlation.metric))
        drawn.axes.set_ylabel(correlation.outcome)
        drawn.axes.locator_params(axis="x", nbins=4)
        shares(drawn.axes, flat=False)
        only_grid(drawn.axes, "y")
        drawn.arms = arm_handles(arms, linestyle="none")
        drawn.description = f"{len(correlation.points)} trials of {correlation.arms} arms: {caption}."
    return finished(drawn)


def _rho(correlation: Correlation) -> str:
    interval = correlation.interval
    limits = f" ({interval.low:+.2f} to {interval.high:+.2f})" if interval else ""
    return f"rho = {correlation.rho:+.2f}{limits}, p (Holm) {_equals(correlation.p_adjusted)}"


def _equals(p_value: float) -> str:
    text = short_p(p_value)
    return text if text.startswith("<") else f"= {text}"


def _correlations(study: Study) -> Table:
    lines = []
    for one in study.results.correlations:
        trials = "#provenance"
        limits = {"low": one.interval.low, "high": one.interval.high} if one.interval else {}
        note = f"{limits['low']:+.2f} to {limits['high']:+.2f}" if limits else ""
        lines.append(
            (
                words(humanise(one.metric)),
                words(one.backbone),
                words(one.outcome),
                Cell(f"{one.rho:+.2f}", note, one.rho, limits, trials),
                Cell(short_p(one.p_value), "", one.p_value, {}, trials),
                Cell(short_p(one.p_adjusted), "", one.p_adjusted, {}, trials),
                Cell(str(one.arms), "", one.arms, {}, trials),
                Cell(str(len(one.points)), "", len(one.points), {}, trials),
            )
        )
    return Table(
        "correlations",
        "Correlations of data with outcomes",
        (
            heading("metric", "Metric"),
            BACKBONE,
            heading("outcome", "Outcome"),
            Column("rho", "rho", "Spearman's, over arms with data of their own and seeds"),
            Column("p", "p", "permutation of whole arms"),
            Column("p_adjusted", "p (Holm)", "corrected for the metrics of this outcome"),
            Column("arms", "Arms", "with data of their own"),
            Column("trials", "Trials"),
        ),
        tuple(lines),
        folded=True,
    )

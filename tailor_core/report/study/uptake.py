"""Which primitives of its library RL takes up: the share of a trial's traces that use each, from data to policy.

Libraries differ from seed to seed, so every trial of the reference arm has a chart of its own; the table has all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import ascii_uppercase

import polars

from tailor_core.report.study.arms import Arm
from tailor_core.report.study.blocks import Block, Figures, Heading, Words
from tailor_core.report.study.drawing import MODELS, Drawing, belong, finished, only_grid, shares, sheet
from tailor_core.report.study.study import Study, part
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, heading, nothing, words
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import label, percent

_COLOURS = 10
"""`c0` to `c9` of the palette; later primitives have them again."""

_MODELS = ("data", "warm_start", "policy")
_NAME = 90


def describe_uptake(study: Study) -> Iterator[Block]:
    """Nothing where no trial has two primitives that can be told apart."""
    used = study.evidence.primitives
    if used.is_empty():
        return
    yield Heading("Which primitives RL takes up")
    told, guessed = used["told"], used["guessed"]
    yield Words(
        "The share of traces that use each primitive of the trial's own library, told by their moves: of "
        f"demonstrations that it had not seen, the classifier names the primitive of {_span(told)} (always naming the "
        f"most frequent one would be right for {_span(guessed)}). An answer that follows none of them counts for the "
        "nearest. Accuracies are of answers that read like a primitive, and how an answer reads may depend on how it "
        "went: one that says that all fits has mostly succeeded. So they do not tell which primitive the student is "
        "best at; a pilot does. Letters are those of the table.",
        "about",
    )
    drawings = tuple(_charts(study, used))
    if drawings:
        yield Figures(drawings, small=True)
    yield _table(study, used)


def _span(values: polars.Series) -> str:
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]  # a column of floats
    return (
        percent(low, 0) if percent(low, 0) == percent(high, 0) else f"{percent(low, 0)} to {percent(high, 0)}"
    )


def _letters(used: polars.DataFrame) -> dict[str, str]:
    """Primitive -> its letter in a trial: by the share in the data, the largest first."""
    data = part(used, model="data").sort("share", "primitive", descending=[True, False])
    return {
        primitive: ascii_uppercase[place] if place < len(ascii_uppercase) else str(place + 1)
        for place, primitive in enumerate(data["primitive"])
    }


def _charts(study: Study, used: polars.DataFrame) -> Iterator[Drawing]:
    """Along RL, on held-out problems; none of a trial that kept no models on the way."""
    arm = study.reference
    if arm is None:
        return
    for backbone in study.backbones:
        for trial in study.of_arm(backbone, arm.name):
            mine = part(used, backbone=backbone, arm=arm.name, seed=trial.seed)
            course = mine.filter(polars.col("step").is_not_null())
            if not course.is_empty():
                yield _chart(study, backbone, arm, trial.seed, course, _letters(mine))


def _chart(
    study: Study, backbone: str, arm: Arm, seed: int, course: polars.DataFrame, letters: Mapping[str, str]
) -> Drawing:
    title = f"Primitives of {arm.title}, seed {seed}{study.on(backbone)}"
    with sheet(f"primitives-seed-{seed}{study.place(backbone)}", title, height=2.4, group=arm.group) as drawn:
        said = []
        for place, (primitive, letter) in enumerate(letters.items()):
            line = part(course, primitive=primitive).sort("step")
            steps, values = line["step"].to_list(), line["share"].to_list()
            colour = PALETTE[f"c{place % _COLOURS}"]
            belong(
                arm, *drawn.axes.plot(steps, values, color=colour, linewidth=1.8, marker="o", markersize=3.5)
            )
            drawn.axes.annotate(
                letter,
                (steps[-1], values[-1]),
                (6, 0),
                textcoords="offset points",
                va="center",
                color=colour,
                fontsize=9,
            )
            said.append(f"{letter} {percent(values[0], 0)} to {percent(values[-1], 0)}")
        shares(drawn.axes, flat=False)
        only_grid(drawn.axes, "y")
        drawn.axes.set_ylim(bottom=0)
        drawn.axes.set_xlabel("step of RL")
        drawn.description = ", ".join(said) + "."
    return finished(drawn)


def _table(study: Study, used: polars.DataFrame) -> Table:
    lines = []
    for backbone, arm in study.each():
        for trial in study.of_arm(backbone, arm.name):
            mine = part(used, backbone=backbone, arm=arm.name, seed=trial.seed)
            whole = mine.filter(polars.col("step").is_null())
            rows = {(row["model"], row["primitive"]): row for row in whole.iter_rows(named=True)}
            href = study.href(backbone, arm.name, trial.seed)
            for primitive, letter in _letters(mine).items():
                lines.append(
                    (
                        *study.names(backbone, arm),
                        Cell(str(trial.seed), value=trial.seed),
                        words(letter),
                        words(label(primitive, _NAME)),
                        *(_cell(rows.get((model, primitive)), href) for model in _MODELS),
                    )
                )
    return Table(
        "primitives",
        "Every primitive of every trial",
        (
            heading("arm", "Arm"),
            BACKBONE,
            Column("seed", "Seed"),
            heading("letter", "Letter"),
            heading("primitive", "Primitive"),
            *(Column(model, MODELS[model].capitalize(), "share of traces that use it") for model in _MODELS),
        ),
        tuple(lines),
        about="Share of traces that use the primitive, and the share of right answers among them; of models, on test "
        "problems.",
        folded=True,
    )


def _cell(row: Mapping[str, float] | None, href: str) -> Cell:
    if row is None:
        return nothing()
    accuracy = row["accuracy"]
    note = "" if accuracy is None else f"{percent(accuracy, 0)} right"
    return Cell(percent(row["share"]), note, row["share"], {"accuracy": accuracy}, href)

"""Accuracy tables: per split, difficulty and seed, comparisons with the reference, and pass@k for many samples."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tailor_core.report.results import describe_split
from tailor_core.report.study.arms import Arm
from tailor_core.report.study.blocks import Block, Figures, Heading, Legend, Missing, Section, Words
from tailor_core.report.study.drawing import (
    MODELS,
    Drawing,
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
from tailor_core.report.study.figures import (
    dz_text,
    interval_text,
    points_cell,
    problems_cell,
    share_cell,
    short_p,
    signed_interval,
)
from tailor_core.report.study.forest import draw_accuracy, draw_differences
from tailor_core.report.study.lookup import Lookup
from tailor_core.report.study.study import Study
from tailor_core.report.study.tables import (
    BACKBONE,
    Cell,
    Column,
    Table,
    csv_name,
    heading,
    nothing,
    words,
)
from tailor_core.report.svg import PALETTE
from tailor_core.report.text import percent, quantity
from tailor_core.study.comparison import Comparison
from tailor_core.study.figures import SAME
from tailor_core.study.widening import PassAtK, Widening

_MODELS = ("base", "warm_start", "policy")
_STEPS = "steps to target"


def describe_accuracy(study: Study) -> Section:
    """The section; a sentence where no trial came to its end."""
    return Section("accuracy", "Accuracy", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    lookup = Lookup(study.results)
    if not lookup.splits:
        yield Missing("No trial came to its end yet.")
        return
    yield Legend(study.compared)
    if lookup.other_splits:
        drawings: list[Drawing] = []
        for backbone in study.backbones:
            for split in lookup.other_splits:
                drawings += draw_accuracy(study, lookup, backbone, split, study.compared)
                drawings += draw_differences(study, lookup, backbone, "final accuracy", split)
        yield Figures(tuple(drawings))
    yield _split_table(study, lookup)
    yield Heading("By difficulty")
    yield Words("Of the policy, with intervals; shaded levels are out of distribution.", "about")
    yield Figures(tuple(_difficulties(study, lookup)))
    yield _difficulty_table(study, lookup)
    yield _seed_table(study, lookup)
    yield Heading("Comparisons with the reference")
    yield _comparison_table(study)
    yield Heading("pass@k: does RL sharpen or widen?")
    yield from _wide(study)


def _split_table(study: Study, lookup: Lookup) -> Table:
    lines = []
    for split in lookup.splits:
        for backbone, arm in study.each():
            href = study.href(backbone, arm.name)
            cells = [lookup.accuracy(backbone, arm.name, model, split) for model in _MODELS]
            policy = cells[-1]
            if not any(cells):
                continue
            lines.append(
                (
                    *study.names(backbone, arm),
                    words(describe_split(split)),
                    *(share_cell(cell, href) for cell in cells),
                    points_cell(lookup.gain(backbone, arm.name, split), href),
                    *(share_cell(cell.sound if cell else None, href) for cell in cells[1:]),
                    Cell(percent(policy.format_rate), "", policy.format_rate, {}, href)
                    if policy
                    else nothing(),
                    Cell(quantity(policy.mean_tokens), "", policy.mean_tokens, {}, href)
                    if policy
                    else nothing(),
                    problems_cell(policy.problems, policy.clusters) if policy else nothing(),
                )
            )
    return Table(
        "accuracy",
        "Accuracy on each split",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("split", "Split"),
            *(Column(model, MODELS[model].capitalize(), "pass@1") for model in _MODELS),
            Column("gain", "RL gain", "policy minus what RL began at, in points"),
            *(
                Column(
                    f"sound_{model}", f"Sound, {MODELS[model]}", "right, and every step was read and follows"
                )
                for model in _MODELS[1:]
            ),
            Column("format", "Right form", "of the policy's completions: a think block and an answer"),
            Column("length", "Length", "mean tokens of the policy's completions"),
            Column("problems", "Problems"),
        ),
        tuple(lines),
        about="pass@1: mean over seeds ± standard deviation, and interval over seeds and problems.",
    )


def _levels(study: Study, lookup: Lookup, backbone: str) -> list[tuple[str, int]]:
    """Split and difficulty of all that policies were asked."""
    found = {
        (lookup.splits.index(split), level)
        for split in lookup.splits
        for arm in study.arms
        if (cell := lookup.accuracy(backbone, arm.name, "policy", split))
        for level in cell.by_difficulty
    }
    return [(lookup.splits[place], level) for place, level in sorted(found)]


def _difficulties(study: Study, lookup: Lookup) -> Iterator[Drawing]:
    for backbone in study.backbones:
        levels = _levels(study, lookup, backbone)
        if levels:
            yield _difficulty(study, lookup, backbone, levels)


def _difficulty(study: Study, lookup: Lookup, backbone: str, levels: list[tuple[str, int]]) -> Drawing:
    title = f"Accuracy by difficulty{study.on(backbone)}"
    width = max(5.4, 1.0 + 0.9 * len(levels))
    with sheet(f"accuracy-by-difficulty{study.place(backbone)}", title, height=3.2, width=width) as drawn:
        for place, (split, _) in enumerate(levels):
            if split.startswith("ood"):
                drawn.axes.axvspan(place - 0.5, place + 0.5, color=PALETTE["band"], zorder=0, linewidth=0)
        arms, said = [], []
        for arm in study.compared:
            cells = [lookup.accuracy(backbone, arm.name, "policy", split) for split, _ in levels]
            found = [
                (place, cell.by_difficulty[level])
                for place, (cell, (_, level)) in enumerate(zip(cells, levels, strict=True))
                if cell and level in cell.by_difficulty
            ]
            if found:
                arms.append((arm, found))
        for number, (arm, found) in enumerate(arms):
            shift = 0.6 * ((number + 0.5) / len(arms) - 0.5)
            look = mark(arm, linestyle="none", markersize=5)
            for place, estimate in found:
                ends = [estimate.interval.low, estimate.interval.high]
                belong(arm, *drawn.axes.plot([place + shift] * 2, ends, color=look["color"], linewidth=1.3))
            places = [place + shift for place, _ in found]
            belong(arm, *drawn.axes.plot(places, [estimate.mean for _, estimate in found], **look))
            shown = ", ".join(f"{levels[place][1]}: {percent(one.mean, 0)}" for place, one in found)
            said.append(f"{arm.title}: {shown}")
        drawn.axes.set_xticks(range(len(levels)), [str(level) for _, level in levels])
        drawn.axes.set_xlim(-0.5, len(levels) - 0.5)
        drawn.axes.set_xlabel("difficulty")
        shares(drawn.axes, flat=False, whole=True)
        only_grid(drawn.axes, "y")
        drawn.arms = arm_handles([arm for arm, _ in arms], linestyle="none")
        drawn.description = "; ".join(said) + "."
    return finished(drawn)


def _difficulty_table(study: Study, lookup: Lookup) -> Table:
    lines = []
    for split in lookup.splits:
        for backbone, arm in study.each():
            by_model = [lookup.accuracy(backbone, arm.name, model, split) for model in _MODELS]
            levels = sorted({level for cell in by_model if cell for level in cell.by_difficulty})
            for level in levels:
                href = study.href(backbone, arm.name)
                found = [cell.by_difficulty.get(level) if cell else None for cell in by_model]
                any_model = next(one for one in found if one)
                lines.append(
                    (
                        *study.names(backbone, arm),
                        words(describe_split(split)),
                        Cell(str(level), value=level),
                        *(share_cell(one, href) for one in found),
                        problems_cell(any_model.problems, any_model.clusters),
                    )
                )
    return Table(
        "difficulty",
        "Accuracy at each difficulty",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("split", "Split"),
            Column("difficulty", "Difficulty"),
            *(Column(model, MODELS[model].capitalize(), "pass@1") for model in _MODELS),
            Column("problems", "Problems"),
        ),
        tuple(lines),
        folded=True,
    )


def _seed_table(study: Study, lookup: Lookup) -> Table:
    lines = []
    for split in lookup.splits:
        for trial in study.trials:
            cells = [lookup.accuracy(trial.backbone, trial.arm, model, split) for model in _MODELS]
            known = [
                cell.per_seed[cell.seeds.index(trial.seed)] if cell and trial.seed in cell.seeds else None
                for cell in cells
            ]
            if all(value is None for value in known):
                continue
            href = study.href(trial.backbone, trial.arm, trial.seed)
            lines.append(
                (
                    *study.names(trial.backbone, study.arm(trial.arm)),
                    words(describe_split(split)),
                    Cell(str(trial.seed), "", trial.seed, {}, href),
                    *(nothing() if v is None else Cell(percent(v), "", v, {}, href) for v in known),
                )
            )
    return Table(
        "seeds",
        "Accuracy of each seed",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("split", "Split"),
            Column("seed", "Seed"),
            *(Column(model, MODELS[model].capitalize(), "pass@1") for model in _MODELS),
        ),
        tuple(lines),
        folded=True,
    )


def _comparison_table(study: Study) -> Table:
    lines = []
    for comparison in study.results.comparisons:
        arm = study.arm(comparison.arm)
        href = study.href(comparison.backbone, arm.name)
        lines.append(
            (
                *study.names(comparison.backbone, arm),
                words(describe_split(comparison.split)),
                words(comparison.quantity),
                _difference(comparison, href),
                Cell(short_p(comparison.p_value), "", comparison.p_value, {}, href),
                Cell(short_p(comparison.p_adjusted), "", comparison.p_adjusted, {}, href),
                Cell(dz_text(comparison.dz), "", comparison.dz, {}, href),
                _superiority(comparison, href),
                Cell(str(len(comparison.seeds)), "", len(comparison.seeds)),
                problems_cell(comparison.problems, comparison.clusters),
            )
        )
    return Table(
        "comparisons",
        "The reference minus each arm",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("split", "Split"),
            heading("quantity", "Quantity"),
            Column("difference", "Difference", "of means over the seeds that both have; points, or steps"),
            Column("p", "p", "t-test for two crossed random effects, seeds and problems"),
            Column("p_adjusted", "p (Holm)", "corrected for all arms of the backbone, split and quantity"),
            Column("dz", "dz", "Cohen's dz over problems"),
            Column(
                "superiority", "Better", "chance that a seed of the reference is better than one of the arm"
            ),
            Column("seeds", "Seeds"),
            Column("problems", "Problems"),
        ),
        tuple(lines),
        about="Accuracies in percentage points, steps in steps of RL, where less is better. Below a difference its "
        "bootstrap interval over seeds and problems. A seed that does not reach the target counts with the last step "
        "that both arms have, so that a difference of steps is what can be seen up to there.",
        folded=True,
    )


def _superiority(comparison: Comparison, href: str) -> Cell:
    chance = comparison.superiority
    return nothing() if chance is None else Cell(percent(chance, 0), "", chance, {}, href)


def _difference(comparison: Comparison, href: str) -> Cell:
    low, high = comparison.interval.low, comparison.interval.high
    more = {"low": low, "high": high, "t_low": comparison.t_interval[0], "t_high": comparison.t_interval[1]}
    if comparison.quantity == _STEPS:
        text, note = f"{comparison.difference:+.1f}", f"{low:+.1f} to {high:+.1f}"
        if comparison.reached is not None:
            mine, theirs = comparison.reached
            more |= {"reached": mine, "reached_by_arm": theirs}
            note += f"; reached by {mine} and {theirs} of {len(comparison.seeds)} seeds"
        return Cell(text, note, comparison.difference, more, href)
    text = f"{100 * comparison.difference:+.1f}"
    return Cell(text, signed_interval(low, high), comparison.difference, more, href)


def _wide(study: Study) -> Iterator[Block]:
    if not study.results.pass_at_k:
        yield Missing(
            "No trial answered few problems many times (evaluation.wide), so there is no pass@k for large k."
        )
        return
    yield Words(
        "Hollow and dashed: what RL began at; filled: the policy. Where the dashed line ends above, RL sharpened what "
        "the model could solve already; where the policy stays above, it widened it.",
        "about",
    )
    drawings = [
        drawing for backbone, arm in study.each(study.compared) for drawing in _passes(study, backbone, arm)
    ]
    yield Figures(tuple(drawings), small=True)
    yield _wide_table(study)


def _of(study: Study, backbone: str, arm: Arm) -> list[PassAtK]:
    order = {"base": 0, "warm_start": 1, "policy": 2}
    found = [one for one in study.results.pass_at_k if (one.backbone, one.arm) == (backbone, arm.name)]
    return sorted(found, key=lambda one: order.get(one.model, 0))


def _passes(study: Study, backbone: str, arm: Arm) -> Iterator[Drawing]:
    found = _of(study, backbone, arm)
    if not found:
        return
    name = f"pass-at-k-{arm.place}-{csv_name(arm.name)[:40]}{study.place(backbone)}"
    caption = _verdict(_widening(study, backbone, arm))
    with sheet(
        name, f"{arm.title}{study.on(backbone)}", height=2.3, width=3.4, caption=caption, group=arm.group
    ) as drawn:
        said = []
        for one in found:
            ks = sorted(one.by_k)
            values = [one.by_k[k].value for k in ks]
            colour = PALETTE[arm.colour]
            drawn.axes.plot(ks, values, **(after(arm) if one.model == "policy" else before(arm)))
            lows, highs = ([getattr(one.by_k[k], end) for k in ks] for end in ("low", "high"))
            drawn.axes.fill_between(ks, lows, highs, color=colour, alpha=0.1, linewidth=0)
            said.append(
                f"{MODELS.get(one.model, one.model)}: {percent(values[0])} at 1 to {percent(values[-1])} at {ks[-1]}"
            )
        ticks = [k for k in ks if k in (1, 4, 16, 64, 256)]
        drawn.axes.set_xscale("log", base=2)
        drawn.axes.xaxis.set_major_locator(FixedLocator(ticks))
        drawn.axes.xaxis.set_minor_locator(NullLocator())
        drawn.axes.xaxis.set_major_formatter(FuncFormatter(lambda k, _: f"{k:.0f}"))
        drawn.axes.set_xlabel("k")
        shares(drawn.axes, flat=False, whole=True)
        only_grid(drawn.axes, "y")
        drawn.keys = before_and_after(arm)
        drawn.description = "; ".join(said) + "."
    yield finished(drawn)


def _widening(study: Study, backbone: str, arm: Arm) -> Widening | None:
    mine = (one for one in study.results.widening if (one.backbone, one.arm) == (backbone, arm.name))
    return next(mine, None)


def _verdict(widening: Widening | None) -> str:
    """Whether RL sharpened or widened, and whether that is beyond chance."""
    if widening is None or not widening.by_k:
        return ""
    last = max(widening.by_k)
    first, end = widening.by_k[min(widening.by_k)], widening.by_k[last]
    behind = [k for k, interval in sorted(widening.by_k.items()) if interval.value < -SAME]
    if widening.overtaken_at is None and behind:
        sure = "beyond chance" if any(widening.by_k[k].high < 0 for k in behind) else "within chance"
        return f"behind at k = {', '.join(map(str, behind))}, and not at {last} ({sure})"
    if widening.overtaken_at is None:
        sure = "beyond chance" if end.low > 0 else "within chance"
        return f"widened or level: not overtaken up to k = {last} ({sure})"
    sure = "beyond chance" if end.high < 0 else "within chance"
    if first.value > 0:
        return f"sharpened: overtaken from k = {widening.overtaken_at} on ({sure})"
    return f"behind from k = {widening.overtaken_at} on ({sure})"


def _wide_table(study: Study) -> Table:
    ks = sorted({k for one in study.results.pass_at_k for k in one.by_k})
    lines = []
    for backbone, arm in study.each():
        verdict = _verdict(_widening(study, backbone, arm))
        for one in _of(study, backbone, arm):
            href = study.href(backbone, arm.name)
            cells = []
            for k in ks:
                interval = one.by_k.get(k)
                if interval is None:
                    cells.append(nothing())
                    continue
                limits = {"low": interval.low, "high": interval.high}
                note = interval_text(interval.low, interval.high)
                cells.append(Cell(percent(interval.value), note, interval.value, limits, href))
            policy = one.model == "policy"
            lines.append(
                (
                    *study.names(backbone, arm),
                    words(MODELS.get(one.model, one.model)),
                    *cells,
                    words(verdict) if policy and verdict else nothing(""),
                )
            )
    return Table(
        "pass-at-k",
        "pass@k",
        (
            heading("arm", "Arm"),
            BACKBONE,
            heading("model", "Model"),
            *(Column(f"pass_at_{k}", f"pass@{k}") for k in ks),
            heading("verdict", "Verdict"),
        ),
        tuple(lines),
        folded=True,
    )

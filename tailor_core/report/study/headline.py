"""The result: what was compared, the main table, and where the reference is ahead, level or behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars

from tailor_core.report.results import describe_split
from tailor_core.report.study.arms import Arm
from tailor_core.report.study.blocks import Block, Figures, Legend, Missing, Section, Words
from tailor_core.report.study.drawing import Drawing
from tailor_core.report.study.figures import dz_text, share_cell, short_p, signed_interval
from tailor_core.report.study.forest import draw_accuracy, draw_differences
from tailor_core.report.study.lookup import Lookup
from tailor_core.report.study.study import Study, part
from tailor_core.report.study.tables import BACKBONE, Cell, Column, Table, heading, nothing
from tailor_core.report.study.training import steps_cell
from tailor_core.report.text import clip, count, humanise, label, percent, quantity
from tailor_core.secrets import masked
from tailor_core.study.comparison import LOWER_IS_BETTER, Comparison, Quantity
from tailor_core.study.contrast import LEAST_P_OF_TWO_SEEDS
from tailor_core.study.curves import Curve
from tailor_core.study.figures import SAME

SIGNIFICANT = 0.05
SOUND = "share of the policy's completions that are right by steps that were read and all follow"
_SPENT = {
    "rows": ("Rows", "rows of warm-start data"),
    "tokens": ("Data tokens", "words and marks of all rows of warm-start data"),
}
_VERDICTS: tuple[Quantity, ...] = (
    "final accuracy",
    "sound accuracy",
    "steps to target",
    "area under the curve",
)


def describe_headline(study: Study) -> Section:
    """The section; a sentence where no trial came to its end."""
    return Section("result", "Result", tuple(_blocks(study)))


def _blocks(study: Study) -> Iterator[Block]:
    lookup = Lookup(study.results)
    for place, sentence in enumerate(say_results(study, lookup)):
        yield Words(sentence, "" if place else "lead")
    for sentence in unfinished(study):
        yield Missing(sentence, "Unfinished.")
    if not lookup.splits:
        return
    yield main_table(study, lookup)
    yield Legend(study.compared)
    split = lookup.main_split
    drawings: list[Drawing] = []
    for backbone in study.backbones:
        drawings += draw_accuracy(study, lookup, backbone, split, study.compared)
        drawings += draw_differences(study, lookup, backbone, "final accuracy", split)
    yield Figures(tuple(drawings))


def say_results(study: Study, lookup: Lookup) -> Iterator[str]:
    """What was compared, and for each backbone and quantity the arms that the reference is ahead of, or not."""
    results, reference = study.results, study.reference
    if not lookup.splits or reference is None:
        yield "No trial came to its end yet, so there is nothing to compare."
        return
    for backbone in study.backbones:
        final = lookup.accuracy(backbone, reference.name, "policy", lookup.main_split)
        if final is None:
            yield f"On {label(backbone)}, {_quoted(reference)} has no result to compare the other arms with."
            continue
        start = lookup.start(backbone, reference.name, lookup.main_split)
        before = f", from {percent(start.mean)} before RL" if start else ""
        yield (
            f"On {label(backbone)}, {_quoted(reference)} comes to {percent(final.mean)} right answers{before}, on "
            f"{count(final.problems)} held-out problems of the split {describe_split(lookup.main_split)} with "
            f"{_number(len(final.seeds), 'seed')} ({percent(results.settings.confidence, 0)} interval "
            f"{100 * final.interval.low:.1f} to {percent(final.interval.high)})."
        )
        for quantity_ in _VERDICTS:
            yield from _verdict(study, lookup, backbone, reference, quantity_)
    if results.comparisons:
        yield (
            f"Ahead or behind means that the difference exceeds what seeds and problems vary: p below {SIGNIFICANT} by "
            "a t-test for both, corrected (Holm) for all arms of a backbone, split and quantity; level, that it does "
            f"not.{_told_apart_without_p(results.comparisons)} The {percent(results.settings.confidence, 0)} intervals "
            "are bootstrap's, over seeds and problems, of one arm at a time and with few seeds too narrow: such a one "
            "may exclude zero where arms are level."
        )
    if any(len(comparison.seeds) == 2 for comparison in results.comparisons):
        yield (
            f"With two seeds no p-value is below {LEAST_P_OF_TWO_SEEDS}, for two may agree by chance; a third seed "
            "says more than a smaller p."
        )
    for backbone in study.backbones:
        if names := [study.arm(arm) for on, arm in results.twins if on == backbone]:
            where = f"On {label(backbone)}, " if len(study.backbones) > 1 else ""
            yield (
                f"{where}{_listed(names)} changed nothing that the recipe of {_quoted(reference)} does: these are the "
                "same trials, and not compared."
            )
    if any(comparison.quantity == "sound accuracy" for comparison in results.comparisons):
        yield (
            "Sound accuracy counts an answer only where every step of the reasoning before it was read and follows: "
            "neither one that was guessed, nor one that a slip led to by chance."
        )
    if any(comparison.clusters < comparison.problems for comparison in results.comparisons):
        yield (
            "Problems with the same skeleton, which are solved by the same steps, stand or fall together. So it is "
            "skeletons, with all their problems, that intervals draw and that tests count."
        )
    if any(comparison.over == "problems" for comparison in results.comparisons):
        yield (
            "Where two arms have one seed in common, interval and test are over problems alone: how it would come out "
            "with another seed is not in them."
        )


def _verdict(
    study: Study, lookup: Lookup, backbone: str, reference: Arm, quantity_: Quantity
) -> Iterator[str]:
    """Where the reference stands among the arms, values of sweeps aside."""
    found: list[tuple[Arm, Comparison]] = []
    for arm in study.compared:
        if quantity_ in ("final accuracy", "sound accuracy"):
            comparison = lookup.comparison(backbone, arm.name, quantity_, lookup.main_split)
        else:
            comparison = lookup.along_rl(backbone, arm.name, quantity_)
        if comparison is not None:
            found.append((arm, comparison))
    if not found:
        return
    groups: dict[str, list[Arm]] = {"ahead of": [], "level with": [], "behind": []}
    for arm, comparison in found:
        groups[standing(comparison)].append(arm)
    said = [f"{where} {_listed(group)}" for where, group in groups.items() if group]
    yield f"In {quantity_}, {_quoted(reference)} is {'; '.join(said)}."


def standing(comparison: Comparison) -> str:
    """Where the reference stands: by the test, corrected for all arms, and not by the interval, which knows of one.

    Where neither seeds nor problems make any difference, as where one reaches a target at once and the other never, a
    test can only count seeds, which are few.
    """
    if abs(comparison.difference) <= SAME or (_varies(comparison) and comparison.p_adjusted >= SIGNIFICANT):
        return "level with"
    better = (
        comparison.difference < 0 if comparison.quantity in LOWER_IS_BETTER else comparison.difference > 0
    )
    return "ahead of" if better else "behind"


def _varies(comparison: Comparison) -> bool:
    return comparison.interval.high - comparison.interval.low > SAME


def _told_apart_without_p(comparisons: Sequence[Comparison]) -> str:
    """What ahead and behind mean besides, where some arm is so without a small p-value."""
    if all(
        _varies(one) or abs(one.difference) <= SAME or one.p_adjusted < SIGNIFICANT for one in comparisons
    ):
        return ""
    return (
        " Where neither varies, as where one arm is at the target at once and the other never gets there, any "
        "difference counts, for a test could only count seeds."
    )


def unfinished(study: Study) -> Iterator[str]:
    """A sentence for each trial that did not come to its end, with its reason."""
    for trial in study.trials:
        if not trial.refs:
            reason = clip(masked(trial.reason), 600) or "it was not run"
            arm = _quoted(study.arm(trial.arm))
            yield f"{arm} on {label(trial.backbone)} with seed {trial.seed} did not come to its end: {reason}"


def main_table(study: Study, lookup: Lookup) -> Table:
    """One row an arm and backbone, all arms of the study."""
    spent = [metric for metric in _SPENT if not part(study.evidence.data, metric=metric).is_empty()]
    target = study.results.settings.target
    has_curves = bool(study.results.curves)
    has_range = len({curve.steps[-1] for curve in study.results.curves}) > 1
    columns = [
        heading("arm", "Arm"),
        BACKBONE,
        Column("start", "Before RL", "accuracy of the warm start, or of the base model where there is none"),
        Column(
            "final", "Final", "accuracy of the policy: mean over seeds ± standard deviation, and interval"
        ),
        Column("sound", "Sound", SOUND),
        *(
            Column(split, describe_split(split).capitalize(), "accuracy of the policy")
            for split in lookup.other_splits
        ),
    ]
    if has_curves:
        columns.append(
            Column("area", "Area under the curve", "mean accuracy along RL, on validation problems")
        )
    if has_curves and target is not None:
        columns.append(
            Column("steps", "Steps to target", f"RL steps until the accuracy is {percent(target)}")
        )
    columns += [
        Column(
            "difference",
            "Reference − arm",
            "difference of final accuracy in points, and its bootstrap interval",
        ),
        Column("p_adjusted", "p (Holm)", "of the difference, corrected for the number of arms"),
        Column(
            "dz",
            "Effect",
            "Cohen's dz over problems, and the chance that a seed of the reference beats one of the arm",
        ),
        *(Column(f"data_{metric}", *_SPENT[metric]) for metric in spent),
    ]
    lines = []
    for backbone, arm in study.each():
        href = study.href(backbone, arm.name)
        row = [*study.names(backbone, arm)]
        row.append(_start(lookup, backbone, arm, href))
        final = lookup.accuracy(backbone, arm.name, "policy", lookup.main_split)
        row += [share_cell(final, href), share_cell(final.sound if final else None, href)]
        row += [
            share_cell(lookup.accuracy(backbone, arm.name, "policy", split), href)
            for split in lookup.other_splits
        ]
        curve = lookup.curve(backbone, arm.name)
        if has_curves:
            row.append(_area(curve, has_range, href))
        if has_curves and target is not None:
            row.append(steps_cell(curve, href))
        comparison = lookup.comparison(backbone, arm.name, "final accuracy", lookup.main_split)
        row += _against(comparison, href, _uncompared(study, backbone, arm))
        row += [_spent(study, backbone, arm, metric, href) for metric in spent]
        lines.append(tuple(row))
    return Table(
        "main",
        f"All arms, on {describe_split(lookup.main_split)} and out of distribution",
        tuple(columns),
        tuple(lines),
        about=_about(study),
    )


def _about(study: Study) -> str:
    confidence = percent(study.results.settings.confidence, 0)
    return (
        f"Accuracy is pass@1, the mean over seeds ± standard deviation; below it the {confidence} interval over seeds "
        "and problems. Every figure leads to the trials that it comes from. All arms share problems, base model and "
        "the settings of fine-tuning and RL, but for what their names and commands say; rows and tokens of their "
        "data, which may differ, have columns, and what pilots took in fine-tuning has one in the table of the data."
    )


def _start(lookup: Lookup, backbone: str, arm: Arm, href: str) -> Cell:
    start = lookup.start(backbone, arm.name, lookup.main_split)
    cell = share_cell(start, href)
    if start is None or start.model == "warm_start":
        return cell
    return Cell(cell.text, f"{humanise(start.model)} model", cell.value, cell.more, href)


def _area(curve: Curve | None, has_range: bool, href: str) -> Cell:
    """The area under a curve; with its last step, where those of the arms differ."""
    cell = share_cell(curve.area if curve else None, href)
    if curve is None or curve.area is None or not has_range:
        return cell
    return replace(cell, note=f"{cell.note}; {curve.steps[-1]} steps")


def _uncompared(study: Study, backbone: str, arm: Arm) -> str:
    """What stands in place of a comparison that there is none of."""
    if arm.reference:
        return "reference"
    return "the same trials" if (backbone, arm.name) in study.results.twins else "–"


def _against(comparison: Comparison | None, href: str, otherwise: str) -> tuple[Cell, Cell, Cell]:
    if comparison is None:
        return nothing(otherwise), nothing(), nothing()
    limits = {"low": comparison.interval.low, "high": comparison.interval.high}
    return (
        Cell(
            f"{100 * comparison.difference:+.1f}",
            signed_interval(comparison.interval.low, comparison.interval.high),
            comparison.difference,
            limits,
            href,
        ),
        Cell(
            short_p(comparison.p_adjusted),
            "",
            comparison.p_adjusted,
            {"unadjusted": comparison.p_value},
            href,
        ),
        Cell(
            dz_text(comparison.dz),
            "" if comparison.superiority is None else f"better: {percent(comparison.superiority, 0)}",
            comparison.dz,
            {"superiority": comparison.superiority},
            href,
        ),
    )


def _spent(study: Study, backbone: str, arm: Arm, metric: str, href: str) -> Cell:
    values = part(study.evidence.data, backbone=backbone, arm=arm.name, metric=metric).select(
        polars.col("value").mean()
    )["value"]
    mean = values[0]
    return nothing() if mean is None else Cell(quantity(mean), "", mean, {}, href)


def _quoted(arm: Arm) -> str:
    """An arm in a sentence: one is called none."""
    return f"“{arm.title}”"


def _listed(arms: Sequence[Arm]) -> str:
    names = [_quoted(arm) for arm in arms]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _number(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"

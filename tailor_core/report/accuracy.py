"""Accuracy tables: each model on each split and difficulty, the paired comparisons, and why answers fail."""

from __future__ import annotations

from dataclasses import dataclass

from tailor_core.report.charts import draw_difficulties
from tailor_core.report.results import Group, Model, Results, describe_split
from tailor_core.report.sentences import between
from tailor_core.report.svg import Chart
from tailor_core.report.text import count, label, p_value, percent, points, quantity

_REASONS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one group of problems, as text; `passes` runs along the table's ks."""

    model: str
    colour: str
    problems: str
    samples: str
    passes: tuple[tuple[str, str], ...]
    sound_rate: str
    format_rate: str
    finished: str
    tokens: str
    entropy: str


@dataclass(frozen=True, slots=True)
class SplitTable:
    """All models on one split: `groups` has a heading and rows for each difficulty, and for all together."""

    title: str
    ks: tuple[int, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The section: chart, tables, comparisons (rows of text), reasons (model, split, rows of text)."""

    chart: Chart
    confidence: str
    resampled: str
    setting: str
    tables: tuple[SplitTable, ...]
    comparisons: tuple[tuple[str, ...], ...]
    reasons: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...]


def describe_accuracy(results: Results, unit: str) -> Accuracy:
    """The section of all results; `unit` is what difficulty counts, such as people."""
    return Accuracy(
        chart=draw_difficulties(results, unit),
        confidence=percent(results.confidence, 0),
        resampled=_resampled(results),
        setting=_setting(results),
        tables=tuple(_table(results, split, unit) for split in results.splits),
        comparisons=tuple(
            (
                label(describe_split(one.split)),
                results.model(one.model).label,
                results.model(one.against).label,
                points(one.difference.value),
                f"{points(one.difference.low)} to {points(one.difference.high)}",
                p_value(one.p_value),
                "no overlap" if one.separate else "overlap",
            )
            for one in results.comparisons
        ),
        reasons=tuple(
            (model.label, describe_split(split), _reasons(results.overall[model.name, split]))
            for split in results.splits[:1]
            for model in results.models
            if (model.name, split) in results.overall
        ),
    )


def _setting(results: Results) -> str:
    named = {
        "samples_per_problem": "{:g} samples a problem",
        "temperature": "temperature {:g}",
        "top_p": "top-p {:g}",
        "max_tokens": "at most {:g} tokens",
    }
    told = [
        words.format(results.settings[key])
        for key, words in named.items()
        if isinstance(results.settings.get(key), int | float)
    ]
    return ", ".join(told)


def _table(results: Results, split: str, unit: str) -> SplitTable:
    overall = results.overall
    present = [(m, overall[m.name, split]) for m in results.models if (m.name, split) in overall]
    ks = tuple(sorted({k for _, group in present for k in group.passes} - {1}))
    groups = []
    for level in results.difficulties(split):
        found = [(model, results.by_difficulty[model.name, split].get(level)) for model, _ in present]
        groups.append((f"{level} {unit}", tuple(_row(model, group, ks) for model, group in found if group)))
    if len(groups) != 1:
        groups.append(("All", tuple(_row(model, group, ks) for model, group in present)))
    return SplitTable(describe_split(split), ks, tuple(groups))


def _row(model: Model, group: Group, ks: tuple[int, ...]) -> Row:
    passes = [group.accuracy, *(group.passes.get(k) for k in ks)]
    return Row(
        model=model.label,
        colour=model.colour,
        problems=count(group.problems),
        samples=count(group.samples),
        passes=tuple((percent(p.value), between(p)) if p else ("n/a", "") for p in passes),
        sound_rate=percent(group.sound_rate.value),
        format_rate=percent(group.format_rate.value),
        finished=percent(group.finished),
        tokens=quantity(group.mean_tokens),
        entropy=f"{group.entropy:.3f}",
    )


def _reasons(group: Group) -> tuple[tuple[str, str, str], ...]:
    """Reason, how often, and share of the samples; the rarest are put together."""
    most = sorted(group.reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    shown, rest = most[:_REASONS_SHOWN], most[_REASONS_SHOWN:]
    rows = [(label(reason, 90), number) for reason, number in shown]
    if rest:
        rows.append((f"{len(rest)} rarer reasons", sum(number for _, number in rest)))
    total = max(1, group.samples)
    return tuple((reason, count(number), percent(number / total)) for reason, number in rows)


def _resampled(results: Results) -> str:
    """What intervals are over."""
    if all(group.skeletons == group.problems for group in results.overall.values()):
        return "problems"
    return "solution skeletons, for problems that are solved by the same steps stand or fall together"

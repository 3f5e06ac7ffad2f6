"""The headline result in words."""

from __future__ import annotations

from itertools import pairwise

from tailor_core.report.results import Comparison, Interval, Results, main_split
from tailor_core.report.text import count, label, p_value, percent, points


def between(interval: Interval) -> str:
    """`61.2 to 70.4%`."""
    return f"{100 * interval.low:.1f} to {percent(interval.high)}"


def say_outcome(results: Results) -> list[str]:
    """What the models come to on the main split, and what each gains over the one before it; a sentence each."""
    split = main_split(results)
    models = [model.name for model in results.models if (model.name, split) in results.overall]
    if not models:
        return []
    group = results.overall[models[0], split]
    chain = [
        f"{percent(results.overall[m, split].accuracy.value)} ({results.model(m).label.lower()})"
        if m != "policy"
        else f"{percent(results.overall[m, split].accuracy.value)} (policy)"
        for m in models
    ]
    said = (
        f"On {count(group.problems)} held-out problems of the split {label(split)}, pass@1 is "
        + ", then ".join(chain)
        + "."
    )
    steps = [results.compare(new, old, split) for old, new in pairwise(models)]
    return [said, *(_step_sentence(results, step) for step in steps if step)]


def _step_sentence(results: Results, step: Comparison) -> str:
    new, old = (results.model(name).label for name in (step.model, step.against))
    change = "gains" if step.difference.value >= 0 else "loses"
    apart = "do not overlap" if step.separate else "overlap"
    return (
        f"{new} {change} {abs(100 * step.difference.value):.1f} points against {old.lower()} "
        f"({percent(results.confidence, 0)} interval {points(step.difference.low)} to "
        f"{points(step.difference.high)}, {p_value(step.p_value)}); their intervals {apart}."
    )

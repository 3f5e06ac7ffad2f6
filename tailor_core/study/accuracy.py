"""How often the models of each arm are right, and what RL gained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import polars

from tailor_core.study.figures import Estimate, Figure, mean_share, shared_seeds
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import SHARE, groups, scores

Accuracies = Mapping[tuple[str, str, str, str], Figure]
"""The accuracy of each (backbone, arm, model, split)."""

Gains = Mapping[tuple[str, str, str], tuple[str, Figure]]
"""The start and RL's gain of each (backbone, arm, split)."""

Outcome = Literal["final accuracy", "accuracy before RL", "RL gain"]

Outcomes = Mapping[tuple[str, str, str, Outcome], Figure]
"""What became of each (backbone, arm, split)."""

POLICY = "policy"
STARTS = ("warm_start", "base")
"""The models that RL may begin at, the first of which an arm has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(Estimate):
    """The accuracy (pass@1) of an arm's models on a split, in [0, 1].

    sound: the share of completions that are right by sound reasoning; by_difficulty: the accuracy of each level
    format_rate: the share of completions that read as think block and answer; mean_tokens: of a completion
    """

    backbone: str
    arm: str
    model: str
    split: str
    sound: Estimate
    by_difficulty: Mapping[int, Estimate]
    format_rate: float
    mean_tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain(Estimate):
    """What RL gained: accuracy of the policy minus that of `start`, the model that RL began at."""

    backbone: str
    arm: str
    split: str
    start: str


def accuracies(answers: polars.DataFrame, resampler: Resampler, share: polars.Expr = SHARE) -> Accuracies:
    """The accuracy of all models on all splits, in the order of the answers; `share` is what counts as right."""
    parts = groups(answers, "backbone", "arm", "model", "split")
    return {key: mean_share(scores(part, share), resampler) for key, part in parts}


def cells(
    answers: polars.DataFrame, known: Accuracies, sound: Accuracies, resampler: Resampler
) -> Iterator[Cell]:
    """The table of accuracies."""
    for key, part in groups(answers, "backbone", "arm", "model", "split"):
        backbone, arm, model, split = key
        well_formed, tokens, samples = part.select(polars.col("well_formed", "tokens", "samples").sum()).row(
            0
        )
        yield Cell(
            **known[key].summary(resampler),
            backbone=backbone,
            arm=arm,
            model=model,
            split=split,
            sound=sound[key].estimate(resampler),
            by_difficulty={
                level: mean_share(scores(rows), resampler).estimate(resampler)
                for (level,), rows in groups(part.sort("difficulty"), "difficulty")
            },
            format_rate=well_formed / samples,
            mean_tokens=tokens / samples,
        )


def start_of(known: Accuracies, backbone: str, arm: str, split: str) -> str | None:
    """The model that RL began at: the warm start, or the base model where there is none."""
    return next((model for model in STARTS if (backbone, arm, model, split) in known), None)


def gain_figures(known: Accuracies) -> Gains:
    """RL's gain wherever policy and start have a seed in common."""
    found = {}
    for (backbone, arm, model, split), figure in known.items():
        start = start_of(known, backbone, arm, split)
        if model == POLICY and start:
            other = known[backbone, arm, start, split]
            seeds = shared_seeds(figure, other)
            if seeds:
                found[backbone, arm, split] = (start, figure.of_seeds(seeds) - other.of_seeds(seeds))
    return found


def gains(found: Gains, resampler: Resampler) -> Iterator[Gain]:
    """The table of gains."""
    for (backbone, arm, split), (start, figure) in found.items():
        yield Gain(**figure.summary(resampler), backbone=backbone, arm=arm, split=split, start=start)


def outcomes(known: Accuracies, gained: Gains) -> Outcomes:
    """Accuracy of the policy and of the model it began at, and the gain between them."""
    found: dict[tuple[str, str, str, Outcome], Figure] = {}
    for (backbone, arm, model, split), figure in known.items():
        if model == POLICY:
            found[backbone, arm, split, "final accuracy"] = figure
        elif model == start_of(known, backbone, arm, split):
            found[backbone, arm, split, "accuracy before RL"] = figure
    for (backbone, arm, split), (_, figure) in gained.items():
        found[backbone, arm, split, "RL gain"] = figure
    return found

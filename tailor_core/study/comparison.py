"""The reference against every other arm, on the same problems and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars

from tailor_core.evaluation.intervals import Interval
from tailor_core.study.accuracy import POLICY, Accuracies, Outcome, Outcomes
from tailor_core.study.contrast import Contrast
from tailor_core.study.curves import Path, Paths, area_under, crossings, steps_to, up_to
from tailor_core.study.figures import Figure, Over, shared_seeds
from tailor_core.study.multiplicity import holm
from tailor_core.study.resampling import Resampler
from tailor_core.study.scores import groups

Quantity = Literal[Outcome, "sound accuracy", "area under the curve", "steps to target"]

LOWER_IS_BETTER: tuple[Quantity, ...] = ("steps to target",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The reference minus an arm: `difference`, of the means over the seeds that both have.

    interval: crossed bootstrap over seeds and problems, or what `over` says
    p_value, t_interval: of the t-test for crossed random effects (see `contrast`), which go together
    p_adjusted: Holm's, over all arms of this backbone, split and quantity
    dz: Cohen's, over problems; None where there is no figure of each problem, or these do not vary
    superiority: the chance that the reference is better, with one of its seeds, than the arm with one of its own; None
        where there is one seed
    seeds, problems: that it rests on; clusters: of problems that are solved alike
    reached: of the steps to a target, with how many seeds reference and arm get there
    """

    backbone: str
    arm: str
    split: str
    quantity: Quantity
    difference: float
    interval: Interval
    t_interval: tuple[float, float]
    p_value: float
    p_adjusted: float
    dz: float | None
    superiority: float | None
    seeds: tuple[int, ...]
    problems: int
    clusters: int
    over: Over
    reached: tuple[int, int] | None = None


CURVE_SPLIT = "validation"
"""Whose problems the learning curves are about."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure of the reference and the same of another arm."""

    backbone: str
    arm: str
    split: str
    quantity: Quantity
    figures: tuple[Figure, Figure]
    reached: tuple[int, int] | None = None

    @property
    def family(self) -> tuple[str, str, Quantity]:
        return self.backbone, self.split, self.quantity


def compare(pairs: Iterable[Pair], resampler: Resampler) -> list[Comparison]:
    """The comparison of every pair that has a seed in common; p-values are adjusted within a family."""
    families: dict[tuple[str, str, Quantity], list[Comparison]] = {}
    for pair in pairs:
        if shared_seeds(*pair.figures):
            families.setdefault(pair.family, []).append(_compare(pair, resampler))
    return [
        replace(one, p_adjusted=adjusted)
        for family in families.values()
        for one, adjusted in zip(family, holm([one.p_value for one in family]), strict=True)
    ]


def twins(answers: polars.DataFrame, reference: str) -> Iterator[tuple[str, str]]:
    """Each (backbone, arm) whose models gave the reference's own answers, with all seeds that both have.

    Such an arm changes nothing that its recipe does: its trials are the reference's, and no other arm to compare. So it
    is with the models that RL begins at, in the answers of those, where an arm changes RL alone.
    """
    for (backbone,), found in groups(answers, "backbone"):
        own = found.filter(arm=reference)
        for (arm,), theirs in groups(found.filter(polars.col("arm") != reference), "arm"):
            seeds = set(own["seed"]) & set(theirs["seed"])
            first, second = (
                part.filter(polars.col("seed").is_in(seeds)).drop("arm").sort(polars.all())
                for part in (own, theirs)
            )
            if seeds and first.equals(second):
                yield backbone, arm


def pairs_of_outcomes(found: Outcomes, reference: str) -> Iterator[Pair]:
    """Policies, starts and gains on every split that reference and arm share."""
    for (backbone, arm, split, outcome), figure in found.items():
        against = found.get((backbone, reference, split, outcome))
        if arm != reference and against:
            yield Pair(backbone, arm, split, outcome, (against, figure))


def pairs_of_soundness(sound: Accuracies, reference: str) -> Iterator[Pair]:
    """How often the policies are right by sound reasoning, where one of the two ever is."""
    for (backbone, arm, model, split), figure in sound.items():
        against = sound.get((backbone, reference, model, split))
        if model == POLICY and arm != reference and against and (figure.mean or against.mean):
            yield Pair(backbone, arm, split, "sound accuracy", (against, figure))


def pairs_of_curves(
    paths: Paths, reference: str, target: float | None, resampler: Resampler
) -> Iterator[Pair]:
    """Areas, and steps to the target where at least one of the two gets there, up to the last step that both have.

    Of steps to a target, what lies after that step counts as that step (a restricted mean time, see
    `curves.ToTarget`): a difference is rather too small than too large.
    """
    for (backbone, arm), path in paths.items():
        against = paths.get((backbone, reference))
        if arm == reference or against is None:
            continue
        both = (against, path)
        horizon = min(steps[-1] for steps, _ in both)
        areas = tuple(area_under(up_to(one, horizon), resampler) for one in both)
        if areas[0] and areas[1]:
            yield Pair(backbone, arm, CURVE_SPLIT, "area under the curve", (areas[0], areas[1]))
        if target is not None:
            first, second = (steps_to(one, target, horizon, resampler) for one in both)
            seeds = shared_seeds(first, second)
            reached = _reached(against, target, horizon, seeds), _reached(path, target, horizon, seeds)
            if any(reached):
                yield Pair(backbone, arm, CURVE_SPLIT, "steps to target", (first, second), reached)


def _reached(path: Path, target: float, horizon: int, seeds: Sequence[int]) -> int:
    """With how many of these seeds the curve gets to `target` by the horizon."""
    by_seed = zip(path[1].seeds, crossings(path, target).tolist(), strict=True)
    return sum(step <= horizon for seed, step in by_seed if seed in seeds)


def _compare(pair: Pair, resampler: Resampler) -> Comparison:
    contrast = Contrast(*pair.figures)
    difference, superiority = contrast.difference, contrast.superiority()
    if superiority is not None and pair.quantity in LOWER_IS_BETTER:
        superiority = 1 - superiority
    test = contrast.test(resampler)
    return Comparison(
        backbone=pair.backbone,
        arm=pair.arm,
        split=pair.split,
        quantity=pair.quantity,
        difference=difference.mean,
        interval=contrast.interval(resampler),
        t_interval=(test.low, test.high),
        p_value=test.p_value,
        p_adjusted=test.p_value,
        dz=contrast.dz(),
        superiority=superiority,
        seeds=difference.seeds,
        problems=len(difference.problems),
        clusters=len(set(difference.clusters)),
        over=difference.over,
        reached=pair.reached,
    )

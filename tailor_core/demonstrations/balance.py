"""B-STaR's balance score: at which temperature a teacher writes most that is right and different.

Zeng et al. 2024, "B-STaR: Monitoring and Balancing Exploration and Exploitation in Self-Taught Reasoners" (arXiv
2412.17256): of the samples of a query those are selected whose reward is above a threshold. With n of them selected,
n' the number of unique and correct ones among these, and n* how many of a query one would like to have, its score is

    bs = min(n' / n*, 1) * n' / n

where the first factor is small if the samples are too much alike or too few are right (exploration), the second if much
of what is selected is wrong or said again (exploitation). The configuration of temperature and threshold with the
largest mean over the queries of a small set is used. Two things are ours: a query of which nothing is selected scores 0
(the authors' code adds a reference solution to each query, so it meets none), and all that is above the threshold is
selected, however much that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor_core.demonstrations.teacher import Wanted
from tailor_core.records import Demonstration, Primitive, Problem, content_id
from tailor_core.verification.scoring import score

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of a query: its reward, whether it is right, and its text, which tells it from others."""

    reward: float
    correct: bool
    text: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The mean balance score of one configuration, 0 to 1."""

    temperature: float
    threshold: float
    score: float


def balance_score(samples: Sequence[Sample], threshold: float, enough: int) -> float:
    """The score of one query, 0 to 1; `enough` is n*, at least 1."""
    selected = [sample for sample in samples if sample.reward > threshold]
    if not selected:
        return 0.0
    unique = len({sample.text for sample in selected if sample.correct})
    return min(unique / enough, 1.0) * unique / len(selected)


def weigh(
    trials: Mapping[float, Sequence[Sequence[Sample]]], thresholds: Sequence[float], enough: int
) -> list[Balance]:
    """The mean score of each temperature with each threshold; `trials` is temperature -> the samples of each query."""
    return [
        Balance(
            temperature,
            threshold,
            round(sum(balance_score(query, threshold, enough) for query in queries) / len(queries), _DIGITS),
        )
        for temperature, queries in trials.items()
        for threshold in thresholds
    ]


def best(weighed: Sequence[Balance]) -> Balance:
    """The configuration with the largest score, the first among equals."""
    return max(weighed, key=lambda one: one.score)


def wanted_samples(
    problems: Sequence[Problem], primitives: Sequence[Primitive], count: int, seed: int
) -> list[Wanted]:
    """`count` demonstrations of each problem to try a teacher with, side by side; the primitives take turns."""
    return [
        (
            problem,
            primitives[(place + i) % len(primitives)],
            int(content_id(["balance", seed, problem.id, i], length=8), 16),
        )
        for place, problem in enumerate(problems)
        for i in range(count)
    ]


def to_sample(problem: Problem, demonstration: Demonstration) -> Sample:
    """A demonstration as a sample: rewarded in the mode `partial`, and right where its answer is."""
    text = demonstration.completion
    correct = score(problem, text, "binary").reward == 1
    return Sample(score(problem, text, "partial").reward, correct, text)

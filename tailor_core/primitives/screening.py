"""Is a candidate primitive any good? Its demonstrations on probe problems: verified, measured, compared.

What is compared is the same reasoning in the one wording in which all candidates are compared: another voice
alone moves a trace by 0.6 to 1.0, farther than most other ways of reasoning do, and is nothing new.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.environments.base import get_environment
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.verification.scoring import score

Demonstrate = Callable[[Sequence[tuple[Problem, Primitive, int]]], Sequence[Demonstration]]
"""A teacher: a demonstration for each (problem, primitive, seed), in order."""

Fault = Callable[[Problem, Demonstration], str]
"""Why a demonstration does not pass; empty when it does."""

Embed = Callable[[list[str]], NDArray[np.float32]]
"""Texts -> unit rows [texts, dimension]."""

_DIGITS = 6
"""What is compared and stored is rounded, so that a last bit of arithmetic decides nothing."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a candidate did on the probe problems.

    pass_rate:   share of the problems with the right answer and sound steps
    mean_tokens: of all its demonstrations
    failure:     what was wrong first; empty where nothing was
    direction:   mean embedding of the traces as retold, at length one, in float64 [dimension]
    """

    pass_rate: float
    mean_tokens: float
    failure: str
    direction: NDArray[np.float64]


def try_out(
    candidates: Sequence[tuple[Primitive, Primitive]],
    problems: Sequence[Problem],
    demonstrate: Demonstrate,
    embed: Embed,
    seed: int,
    fault: Fault,
) -> list[Trial]:
    """Let the teacher demonstrate each candidate on each problem, and verify and measure what it writes.

    A candidate is a primitive, and the same retold in the wording in which all are compared, which gives the direction;
    the two are one where there is no other wording. The teacher is asked once for all, for it may work on many at once.
    """
    versions = [
        version for candidate in candidates for version in {one.id: one for one in candidate}.values()
    ]
    written = iter(demonstrate([(problem, version, seed) for version in versions for problem in problems]))
    trials = []
    for primitive, retold in candidates:
        demonstrations = list(islice(written, len(problems)))
        compared = demonstrations if retold.id == primitive.id else list(islice(written, len(problems)))
        faults = [fault(p, d) for p, d in zip(problems, demonstrations, strict=True)]
        trials.append(
            Trial(
                pass_rate=round(faults.count("") / len(faults), _DIGITS),
                mean_tokens=round(sum(d.tokens for d in demonstrations) / len(demonstrations), _DIGITS),
                failure=next(filter(None, faults), ""),
                direction=_mean_direction(embed([d.think for d in compared])),
            )
        )
    return trials


def step_fault(problem: Problem, demonstration: Demonstration) -> str:
    """The `Fault` of a teacher all of whose steps can be checked."""
    result = score(problem, demonstration.completion)
    if result.reward != 1:
        return result.reason
    return get_environment(problem.environment).check_steps(problem, demonstration.think).reason


def _mean_direction(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The direction of the mean of rows; zero where they cancel out."""
    mean: NDArray[np.float64] = rows.astype(np.float64).sum(axis=0)
    length = math.sqrt(math.fsum((mean * mean).tolist()))
    return mean / length if length else mean


def novelty(direction: NDArray[np.float64], library: Sequence[NDArray[np.float64]]) -> tuple[float, int]:
    """(cosine distance to the nearest of the library, its place there); (1.0, -1) for an empty library."""
    if not library:
        return 1.0, -1
    cosines = [math.fsum((direction * other).tolist()) for other in library]
    distances = [max(0.0, round(1.0 - cosine, _DIGITS)) for cosine in cosines]
    nearest = min(range(len(distances)), key=lambda i: (distances[i], i))
    return distances[nearest], nearest


@dataclass(frozen=True, slots=True)
class Refusal:
    """The rule by which a candidate is not taken, and why in words.

    Rules: `pass_rate`, `mean_tokens`, `novelty`, `round_full`; after a pilot `learned`; of a language model's
    proposals, which are then not tried, also `unreadable`, `wording` and `surplus`.
    """

    rule: str
    reason: str


def refuse_quality(trial: Trial, config: PrimitivesConfig) -> Refusal | None:
    """The refusal of a candidate for itself, whatever the library holds; None when it holds up."""
    if trial.pass_rate < config.tau_quality:
        return Refusal(
            "pass_rate", f"pass rate {trial.pass_rate:.3f} is below {config.tau_quality:g}: {trial.failure}"
        )
    if trial.mean_tokens > config.max_tokens:
        return Refusal("mean_tokens", f"mean tokens {trial.mean_tokens:.1f} are above {config.max_tokens:g}")
    return None

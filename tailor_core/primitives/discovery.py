"""Finds primitives: rounds of programs, screened against the library that grows from them.

The first round composes programs so that every move gets its turn; later ones vary what the library holds,
towards what the probe says the student lacks. In each round the candidates that hold up join the library
farthest first, until the round's share of places is taken; how they are worded is no distance. It ends when
the library is full, the rounds are over, or a round added too little that is new.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.aim import Aim
from tailor_core.primitives.composition import Candidate, Composer
from tailor_core.primitives.language import MoveLanguage
from tailor_core.primitives.screening import (
    Demonstrate,
    Embed,
    Refusal,
    Trial,
    novelty,
    refuse_quality,
    try_out,
)
from tailor_core.records import Primitive, Problem, content_id


@dataclass(frozen=True, slots=True)
class Round:
    """One round: how many were tried and accepted, and the novelty accepted for each place they could fill."""

    tried: int
    accepted: int
    coverage_gain: float


@dataclass(frozen=True, slots=True)
class Discovery:
    """All candidates in the order in which they were tried, with their screening, and how the rounds went."""

    primitives: list[Primitive]
    rounds: list[Round]
    ended: str

    @property
    def accepted(self) -> list[Primitive]:
        return [p for p in self.primitives if p.screening["verdict"] == "accepted"]


def discover(
    language: MoveLanguage,
    problems: Sequence[Problem],
    demonstrate: Demonstrate,
    embed: Embed,
    aim: Aim,
    config: PrimitivesConfig,
    seed: int,
) -> Discovery:
    """Search `language` for primitives, trying each candidate on all of `problems`. Deterministic."""
    search = _Search(language, problems, demonstrate, embed, config, seed)
    composer = Composer(language, aim, random.Random(content_id(["discovery", seed], length=64)))
    rounds: list[Round] = []
    for number in range(config.rounds):
        if number and search.library:
            candidates = composer.vary(config.candidates_per_round, search.parents())
        else:
            candidates = composer.compose(config.candidates_per_round)
        rounds.append(search.round(number, candidates))
        if len(search.library) == config.max_primitives:
            return Discovery(search.screened, rounds, "the library is full")
        # As long as the library is empty, a round that found nothing may just have been unlucky.
        if search.library and rounds[-1].coverage_gain < config.min_coverage_gain:
            return Discovery(search.screened, rounds, "coverage no longer grows")
    return Discovery(search.screened, rounds, "all rounds are over")


@dataclass(slots=True)
class _Tried:
    primitive: Primitive
    trial: Trial
    refusal: Refusal | None


@dataclass(slots=True)
class _Search:
    """The library so far, and every candidate screened."""

    language: MoveLanguage
    problems: Sequence[Problem]
    demonstrate: Demonstrate
    embed: Embed
    config: PrimitivesConfig
    seed: int
    library: list[Primitive] = field(default_factory=list)
    directions: list[NDArray[np.float64]] = field(default_factory=list)
    screened: list[Primitive] = field(default_factory=list)

    def parents(self) -> list[Candidate]:
        return [Candidate(primitive.program, (primitive.id,)) for primitive in self.library]

    def round(self, number: int, candidates: Sequence[Candidate]) -> Round:
        """Try all candidates, take the best into the library, and give every one its verdict."""
        tried = [self._try(number, candidate) for candidate in candidates]
        places = -(-(self.config.max_primitives - len(self.library)) // (self.config.rounds - number))
        gains = self._accept(tried, places)
        for one in tried:
            if one.primitive.id in gains:
                continue
            distance, nearest = novelty(one.trial.direction, self.directions)
            refusal = one.refusal or self._refuse(distance, nearest, number, places)
            one.primitive = _with_screening(one, distance, "rejected", refusal.rule, refusal.reason)
        self.screened += [one.primitive for one in tried]
        gain = sum(gains.values()) / max(1, min(places, len(tried)))
        return Round(len(tried), len(gains), round(gain, 6))

    def _try(self, number: int, candidate: Candidate) -> _Tried:
        provenance = {"teacher": "procedural", "round": number, "parents": list(candidate.parents)}
        primitive = self.language.primitive(candidate.values, provenance)
        retold = self.language.primitive(self.language.retold(candidate.values), provenance)
        trial = try_out(primitive, retold, self.problems, self.demonstrate, self.embed, self.seed)
        return _Tried(primitive, trial, refuse_quality(trial, self.config))

    def _accept(self, tried: Sequence[_Tried], places: int) -> dict[str, float]:
        """Take in at most `places` candidates, the one farthest from the library first: id -> its novelty."""
        gains: dict[str, float] = {}
        able = [one for one in tried if one.refusal is None]
        while able and len(gains) < places:
            distances = [novelty(one.trial.direction, self.directions)[0] for one in able]
            best = min(range(len(able)), key=lambda i: (-distances[i], able[i].primitive.id))
            if distances[best] < self.config.tau_novelty:
                break
            one = able.pop(best)
            reason = (
                f"solves {one.trial.pass_rate:.0%} soundly, and is new: novelty {distances[best]:.3f} is at "
                f"least {self.config.tau_novelty:g}"
            )
            one.primitive = _with_screening(one, distances[best], "accepted", "", reason)
            self.library.append(one.primitive)
            self.directions.append(one.trial.direction)
            gains[one.primitive.id] = distances[best]
        return gains

    def _refuse(self, distance: float, nearest: int, number: int, places: int) -> Refusal:
        """Why a candidate that is good in itself was not taken in."""
        if distance < self.config.tau_novelty:
            return Refusal(
                "novelty",
                f"novelty {distance:.3f} is below {self.config.tau_novelty:g}: too close to "
                f"{self.library[nearest].id} ({self.library[nearest].name})",
            )
        return Refusal(
            "round_full",
            f"the {places} places of round {number} went to candidates that are farther from the library",
        )


def _with_screening(one: _Tried, distance: float, verdict: str, rule: str, reason: str) -> Primitive:
    screening = {
        "pass_rate": one.trial.pass_rate,
        "novelty": distance,
        "mean_tokens": one.trial.mean_tokens,
        "verdict": verdict,
        "rule": rule,
        "reason": reason,
    }
    return dataclasses.replace(one.primitive, screening=screening)

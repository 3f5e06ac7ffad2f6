"""Finds primitives: rounds of proposals, screened against the library that grows from them.

In each round whoever proposes sees the library so far, and the candidates that hold up join it farthest first, until
the round's share of places is taken; how they are worded is no distance. It ends when the library is full, the rounds
are over, or a round added too little that is new. Places that are left then go to those that lost theirs in a round.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.primitives.proposing import Proposal, Proposer
from tailor_core.primitives.screening import (
    Demonstrate,
    Embed,
    Fault,
    Refusal,
    Trial,
    novelty,
    refuse_quality,
    step_fault,
    try_out,
)
from tailor_core.records import Primitive, Problem


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
    proposer: Proposer,
    problems: Sequence[Problem],
    demonstrate: Demonstrate,
    embed: Embed,
    config: PrimitivesConfig,
    seed: int,
    fault: Fault = step_fault,
) -> Discovery:
    """Look for primitives, trying each proposal on all of `problems`. As deterministic as those who take part."""
    search = _Search(problems, demonstrate, embed, config, seed, fault)
    rounds, ended = _rounds(search, proposer, config)
    search.fill()
    return Discovery(search.screened, rounds, ended)


def _rounds(search: _Search, proposer: Proposer, config: PrimitivesConfig) -> tuple[list[Round], str]:
    """Rounds until one of the reasons to end is met; which."""
    rounds: list[Round] = []
    for number in range(config.rounds):
        rounds.append(search.round(number, proposer.propose(number, search.library, search.screened)))
        if len(search.library) == config.max_primitives:
            return rounds, "the library is full"
        # As long as the library is empty, a round that found nothing may just have been unlucky.
        if search.library and rounds[-1].coverage_gain < config.min_coverage_gain:
            return rounds, "coverage no longer grows"
    return rounds, "all rounds are over"


@dataclass(slots=True)
class _Tried:
    primitive: Primitive
    trial: Trial
    refusal: Refusal | None


@dataclass(slots=True)
class _Search:
    """The library so far, and every candidate screened."""

    problems: Sequence[Problem]
    demonstrate: Demonstrate
    embed: Embed
    config: PrimitivesConfig
    seed: int
    fault: Fault
    library: list[Primitive] = field(default_factory=list)
    directions: list[NDArray[np.float64]] = field(default_factory=list)
    screened: list[Primitive] = field(default_factory=list)
    passed_over: list[_Tried] = field(default_factory=list)

    def round(self, number: int, proposals: Sequence[Proposal]) -> Round:
        """Try all proposals, take the best into the library, and give every one its verdict."""
        self.screened += [_untried(one.primitive, one.refusal) for one in proposals if one.refusal]
        tried = self._try([one for one in proposals if not one.refusal])
        places = -(-(self.config.max_primitives - len(self.library)) // (self.config.rounds - number))
        gains = self._accept(tried, places)
        for one in tried:
            if one.primitive.id in gains:
                continue
            distance, nearest = novelty(one.trial.direction, self.directions)
            refusal = one.refusal or self._refuse(distance, nearest, number, places)
            one.primitive = _with_screening(one, distance, "rejected", refusal.rule, refusal.reason)
            if refusal.rule == "round_full":
                self.passed_over.append(one)
        self.screened += [one.primitive for one in tried]
        gain = sum(gains.values()) / max(1, min(places, len(tried)))
        return Round(len(proposals), len(gains), round(gain, 6))

    def fill(self) -> None:
        """Give places that are left to those passed over, who may still be far from all that is in the library.

        Where there are few programs, the first round tries most of them, and has few places.
        """
        places = self.config.max_primitives - len(self.library)
        if not places:
            return
        gains = self._accept(self.passed_over, places)
        for one in self.passed_over:
            distance, nearest = novelty(one.trial.direction, self.directions)
            if one.primitive.id not in gains and distance < self.config.tau_novelty:
                refusal = self._too_near(distance, nearest)
                one.primitive = _with_screening(one, distance, "rejected", refusal.rule, refusal.reason)
        judged = {one.primitive.id: one.primitive for one in self.passed_over}
        self.screened = [judged.get(primitive.id, primitive) for primitive in self.screened]

    def _try(self, proposals: Sequence[Proposal]) -> list[_Tried]:
        candidates = [(one.primitive, one.retold) for one in proposals]
        trials = try_out(candidates, self.problems, self.demonstrate, self.embed, self.seed, self.fault)
        return [
            _Tried(one.primitive, trial, refuse_quality(trial, self.config))
            for one, trial in zip(proposals, trials, strict=True)
        ]

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
            return self._too_near(distance, nearest)
        return Refusal(
            "round_full",
            f"the {places} places of round {number} went to candidates that are farther from the library",
        )

    def _too_near(self, distance: float, nearest: int) -> Refusal:
        return Refusal(
            "novelty",
            f"novelty {distance:.3f} is below {self.config.tau_novelty:g}: too close to "
            f"{self.library[nearest].id} ({self.library[nearest].name})",
        )


def _untried(primitive: Primitive, refusal: Refusal) -> Primitive:
    """A candidate that was refused at sight; there is nothing to measure."""
    told = {"verdict": "rejected", "rule": refusal.rule, "reason": refusal.reason}
    return dataclasses.replace(primitive, screening=told)


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

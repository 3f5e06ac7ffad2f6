"""Conclusions join the claim just cited with what is known already; a claim alone would often not do."""

from __future__ import annotations

import random
from itertools import pairwise

from tailor_core.demonstrations.knights_knaves.reasoner import reason
from tailor_core.environments.knights_knaves.moves import Program
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import sampler

NAMES = ("Zoey", "Ella", "Liam", "Ava")


def draw_puzzle(rng: random.Random) -> Puzzle:
    drawn = None
    while drawn is None:
        drawn = sampler(len(NAMES), 2, 2, False).puzzle(rng)
    return Puzzle(NAMES, tuple(drawn[0]))


def leaves_open(puzzle: Puzzle, speaker: int, is_knight: bool, person: int) -> bool:
    """Does what the speaker's role says of the claim, taken alone, leave the person both roles?"""
    claim = puzzle.claims[speaker]
    worlds = claim if is_knight else claim ^ puzzle.every_world
    return worlds & puzzle.knights[person] not in (0, worlds)


def test_a_cited_claim_is_used_together_with_what_is_known() -> None:
    rng = random.Random(5)
    joint = 0
    for _ in range(200):
        puzzle = draw_puzzle(rng)
        steps = reason(puzzle, Program(preference="citing"), rng).steps
        for before, step in pairwise(steps):
            if before.form == "claim" and step.form == "derive":
                speaker, is_knight = before.arguments
                joint += leaves_open(puzzle, speaker, is_knight, step.arguments[0])
    assert joint >= 20

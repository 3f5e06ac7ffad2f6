"""How a tiny backbone learns Knights & Knaves; see `Curriculum`."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from tailor_core.environments.curriculum import Curriculum, Exercise
from tailor_core.environments.knights_knaves.environment import puzzle_of
from tailor_core.environments.knights_knaves.exercises import exercises
from tailor_core.records import Problem

_WEIGHED = r"(?: \((?:true|false|open)\))?"
_FACT = r" (?:cannot be an? [a-z]+ and )?(?:must be|were) an? [a-z]+\."

SEGMENTS = (
    r" ?[A-Z][a-z]+ said that| ?[A-Z][a-z]+| ?\d|\n?\(\d\)"
    rf"|{_FACT}|, which is (?:true|false|open)[:.]|, which (?:holds|fails)\.|, a contradiction\."
    rf"|(?: [a-z']+)+{_WEIGHED}|[a-z']+(?: [a-z']+)*"
    r"|\n| ?[^\sA-Za-z\d]|\s|[A-Z]+"
)
"""What may become a token: a capitalised word, a digit, a run of lower-case words, one mark of punctuation.

A name with " said that" may be one token too: only so is who speaks told from who is spoken of by one token, and
a claim found again by a single look-up. So may a fact or a verdict with its punctuation, and the number of an
answer's line.
"""

UP_TO_ROLE = rf"{_FACT}|[a-z' ]{{0,80}}?(?:knight|knave)s?{_WEIGHED}"
"""A run of words ends after a role word, so that no two decisions share a token.

It looks back over at most 80 characters: without a bound, a long run without a role word takes quadratic time.
"""


def _exercises(problem: Problem, voices: Sequence[int], rng: random.Random) -> Iterator[Exercise]:
    return exercises(puzzle_of(problem), voices, rng)


CURRICULUM = Curriculum(
    exercises=_exercises,
    segments=(SEGMENTS, UP_TO_ROLE),
    phrases=(
        "A very special island is inhabited only by knights and knaves.",
        " Knights always tell the truth, and knaves always lie.",
        " So who is a knight and who is a knave?",
    ),
    speakers=re.compile(r" ?[A-Z][a-z]+ said that"),
    facts=re.compile(_FACT),
    alike=(
        (re.compile(r"^ ?([A-Z][a-z]+) said that$"), r" \1"),  # the speaker is the person
        (re.compile(r" \((true|false|open)\)$"), ""),  # a clause stays what it is when it is weighed
        (re.compile(r"^ .*(?:must be|were) (an? [a-z]+)\.$"), r" is \1"),  # a role that must be is that role
    ),
)

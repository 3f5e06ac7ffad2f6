"""How a tiny backbone learns iGSM; see `Curriculum`."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from tailor_core.demonstrations.igsm.exercises import exercises
from tailor_core.environments.curriculum import Curriculum, Exercise
from tailor_core.environments.igsm.environment import named_of
from tailor_core.environments.igsm.vocabulary import CHAINS
from tailor_core.records import Problem

_NOUN = f"(?:{'|'.join(sorted({noun for chain in CHAINS for noun in chain}, key=len, reverse=True))})"
_ITEM = rf"[A-Z][a-z]+ {_NOUN}\b"
_THING = rf"(?:{_ITEM}|{_NOUN}\b)"
_OPENING = "(?:The number of each|The value of|It says that each)"

SEGMENTS = (
    rf" ?(?:{_OPENING} )?{_ITEM}'s| ?{_THING}(?: equals| is)?"
    r"| ?\d{1,3}(?!\d)\.?| ?\d"
    r"| ?[A-Z][a-z]*(?: [a-z]+)*|(?: [a-z]+)+|[a-z]+(?: [a-z]+)*"
    r"|\n| ?[^\sA-Za-z\d]|\s|[A-Z]+"
)
"""What may become a token: an owner, a thing, a number, a run of words, one mark of punctuation.

The subject of a sentence takes its opening and its verb with it, which sets it apart from what is mentioned; and a
number its period, which sets the result of a sentence apart.
"""


def _exercises(problem: Problem, voices: Sequence[int], rng: random.Random) -> Iterator[Exercise]:
    return exercises(named_of(problem), voices, rng)


CURRICULUM = Curriculum(
    exercises=_exercises,
    segments=(SEGMENTS,),
    speakers=re.compile(rf" ?(?:{_OPENING} {_ITEM}'s|{_THING} (?:equals|is))"),
    facts=re.compile(r" \d+\."),
    facts_of_speakers=True,
    alike=(
        (
            re.compile(rf"^ ?(?:{_OPENING} )?({_ITEM}'s)$"),
            r" \1",
        ),  # a subject is what it is where it is mentioned
        (re.compile(rf"^ ?({_THING})(?: equals| is)?$"), r" \1"),
        (re.compile(r"^ ?(\d+)\.?$"), r" \1"),
    ),
)

"""Attempts of a model stitched into one trace: wrong ones, each found to be wrong, and then a right one.

After SkillFactory (arXiv 2512.04072), where the model itself reflects on each of its attempts and a verifier keeps the
reflections whose verdict is true. Here the verifier's word is all there is: a sentence in one of a few wordings.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

Attempt = tuple[str, str]
"""What was thought, and the answer that it came to."""

MOST_WRONG = 2
"""A trace begins with so many wrong attempts at most."""

WRONG = (
    "Verdict: wrong. I try again.",
    "Verdict: that does not hold. I begin anew.",
    "Verdict: incorrect. Let me go through it once more.",
)
RIGHT = ("Verdict: right.", "Verdict: that holds.", "Verdict: correct.")


def stitch(wrong: Sequence[Attempt], right: Attempt, rng: random.Random) -> str:
    """The thoughts of at most `MOST_WRONG` wrong attempts, drawn without repetition, and of a right one."""
    drawn = rng.sample(list(wrong), rng.randint(min(1, len(wrong)), min(MOST_WRONG, len(wrong))))
    told = [_told(attempt, rng.choice(WRONG)) for attempt in drawn]
    return " ".join([*told, _told(right, rng.choice(RIGHT))])


def _told(attempt: Attempt, verdict: str) -> str:
    think, answer = attempt
    return f"{think} My answer: {' '.join(answer.split())}. {verdict}"

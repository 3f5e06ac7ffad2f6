"""What a family of problems brings for a tiny backbone of its own: exercises, and how its texts are cut into tokens."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tailor_core.records import Problem


@dataclass(frozen=True, slots=True)
class Exercise:
    """A question about a problem that was read before, and its only right answer (or one of them)."""

    kind: str
    question: str
    reply: str


Exercises = Callable[[Problem, Sequence[int], random.Random], Iterator[Exercise]]
"""(problem, voices by number, random source) -> exercises about the problem without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curriculum:
    """What a tiny backbone of one family is made from.

    exercises: single steps, and never a way of searching: that is for fine-tuning to teach
    segments:  regular expressions, each cutting the pieces of the one before: what may become a token
    phrases:   sentences that all problems share, one token each
    speakers:  tokens that say whose the words after them are; a head that is planted at the start marks these words
    facts:     tokens that settle something; another head looks for them
    facts_of_speakers: a fact is about the speaker of its words, and not about the token before it
    alike:     a form of tokens, and what to put in its place: that token's embedding is what they start from
    """

    exercises: Exercises
    segments: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    speakers: re.Pattern[str]
    facts: re.Pattern[str]
    facts_of_speakers: bool = False
    alike: tuple[tuple[re.Pattern[str], str], ...] = ()

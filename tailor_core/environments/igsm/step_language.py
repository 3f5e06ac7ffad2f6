"""The sentences of an iGSM think block, and how to recognise them.

Owns every wording that a step may have, in four voices, as patterns of its own; what a sentence means for the
reasoning, and whether it follows, is `steps`' business. A wording is a few fixed pieces with gaps between, and
is recognised by finding its pieces one after the other, so that matching is linear in the length of a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter

VOICES = ("plain", "conversational", "formal", "shorthand")

MOST_LETTERS = 6_000
"""A sentence of more characters is no step."""

# In a wording: `name` and `other` are parameters, `names` a list of them, `place` an item or a parameter, `said`
# the right side of a statement. The first wording that fits is taken.
_WORDINGS: tuple[tuple[str, tuple[tuple[int, str], ...]], ...] = (
    ("list", (
        (0, "What I need: {names}."),
        (1, "The things I have to work out are {names}."),
        (2, "The following are required: {names}."),
        (3, "Plan: {names}."),
    )),
    ("check", (
        (0, "Check: {name} is {computation}."),
        (1, "Let me do {name} again: {computation}."),
        (2, "Verification: {name} equals {computation}."),
        (3, "Again {name}: {computation}."),
    )),
    ("bounds", (
        (0, "All values lie between 0 and {number}."),
        (1, "Every number I got is between 0 and {number}."),
        (2, "All results are within 0 and {number}."),
        (3, "All in 0..{number}."),
    )),
    ("left", (
        (0, "That leaves {number} to find."),
        (1, "Only {number} to go."),
        (2, "The number of quantities that remain is {number}."),
        (3, "Left: {number}."),
    )),
    ("done", (
        (0, "So the answer is {number}."),
        (1, "That makes it {number}."),
        (2, "The quantity asked for is {number}."),
        (3, "Result: {number}."),
    )),
    ("retract", (
        (0, "Wait, that is wrong."),
        (1, "Hmm, no, that was too quick."),
        (2, "Correction: the last step does not hold."),
        (3, "Undo."),
    )),
    ("restate", (
        (0, "It says that each {name} equals {said}."),
        (1, "I read that each {name} equals {said}."),
        (2, "By the problem, each {name} equals {said}."),
        (3, "Given each {name} = {said}."),
    )),
    ("need", (
        (0, "To find {name} I need {names}."),
        (1, "For {name} I first have to know {names}."),
        (2, "{name} depends on {names}."),
        (3, "{name} <- {names}."),
    )),
    ("given", (
        (0, "{name} is stated outright."),
        (1, "I can read {name} right off."),
        (2, "{name} is given as a number."),
        (3, "{name} given."),
    )),
    ("blocked", (
        (0, "I cannot find {name} yet, because {other} is not known."),
        (1, "Not {name} yet, I still lack {other}."),
        (2, "{name} cannot be determined before {other}."),
        (3, "{name} later, {other} first."),
    )),
    ("skip", (
        (0, "{name} is not needed."),
        (1, "I can leave {name} aside."),
        (2, "{name} does not bear on the question."),
        (3, "Skip {name}."),
    )),
    ("focus", (
        (0, "Next I look at {place}."),
        (1, "Now to {place}."),
        (2, "Consider {place}."),
        (3, "On {place}."),
    )),
    ("define", (
        (0, "Define {name} as {letter}; {computation}."),
        (1, "I write {letter} for {name}; {computation}."),
        (2, "Let {letter} denote {name}; {computation}."),
        (3, "{letter} := {name}; {computation}."),
    )),
    ("compute", (
        (0, "The value of {name} is {computation}."),
        (1, "So {name} comes to {computation}."),
        (2, "Hence {name} equals {computation}."),
        (3, "{name}: {computation}."),
    )),
)  # fmt: skip

MOVES = tuple(kind for kind, _ in _WORDINGS)
"""Every kind of step, in the order of the language."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a sentence: its kind, voice, and the text in its gaps."""

    kind: str
    voice: int
    gaps: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Form:
    """pieces: the fixed texts before, between and after the gaps."""

    kind: str
    voice: int
    pieces: tuple[str, ...]
    gaps: tuple[str, ...]

    def match(self, sentence: str) -> dict[str, str] | None:
        """The text in each gap, up to where the next piece first comes; None where a piece is missing."""
        first, last = self.pieces[0], self.pieces[-1]
        end = len(sentence) - len(last)
        at = len(first)
        if not sentence.startswith(first) or not sentence.endswith(last) or at > end:
            return None
        found = {}
        for gap, piece in zip(self.gaps, self.pieces[1:], strict=True):
            place = end if piece is last else sentence.find(piece, at, end)
            if place <= at:
                return None
            found[gap] = sentence[at:place]
            at = place + len(piece)
        return found if at == len(sentence) else None


def _form(kind: str, voice: int, wording: str) -> _Form:
    parsed = list(Formatter().parse(wording))
    gaps = tuple(gap for _, gap, _, _ in parsed if gap)
    pieces = tuple(text for text, _, _, _ in parsed)
    # A wording without a gap ends where it begins; one whose last part is a gap does not exist.
    return _Form(kind, voice, pieces, gaps)


_FORMS = tuple(_form(kind, voice, wording) for kind, wordings in _WORDINGS for voice, wording in wordings)
_WITHOUT_GAPS = {form.pieces[0]: form for form in _FORMS if not form.gaps}
_WITH_GAPS = tuple(form for form in _FORMS if form.gaps)


def sentences(think: str) -> list[str]:
    """The sentences of a think block, with their periods, blanks evened out."""
    text = " ".join(think.split())
    pieces = text.split(". ")
    return [f"{piece}." for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def readings(sentence: str) -> Iterator[Reading]:
    """The ways to read a sentence, the likeliest first; none when it is not in the language."""
    if len(sentence) > MOST_LETTERS:
        return
    whole = _WITHOUT_GAPS.get(sentence)
    if whole is not None:
        yield Reading(whole.kind, whole.voice, {})
    for form in _WITH_GAPS:
        gaps = form.match(sentence)
        if gaps is not None:
            yield Reading(form.kind, form.voice, gaps)


def count_moves(think: str) -> dict[str, int]:
    """How often each kind of step is seen, sentences out of the language as `other`, and the voices heard.

    Keys are members of `MOVES`, `other` and `voice:<name>`; what was not seen is left out.
    """
    counts: Counter[str] = Counter()
    for sentence in sentences(think):
        found = next(readings(sentence), None)
        counts[found.kind if found else "other"] += 1
        if found:
            counts[f"voice:{VOICES[found.voice]}"] += 1
    return dict(sorted(counts.items()))

"""Recognising the sentences of a think block by their wordings, in several voices, and following them.

A wording is a few fixed pieces with gaps between, and is recognised by finding its pieces one after the other, so
that matching is linear in the length of a text. What a sentence means, and whether it follows, is for each
family's step checker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from tailor_core.environments.base import StepReport

RETRACT = "retract"
"""The kind of step that takes back the one before it."""

MOST_LETTERS = 6_000
"""A sentence of more characters is no step."""

_SHOWN = 120
"""A reason quotes at most so many characters of a sentence."""


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


class SentenceForms:
    """All wordings of a trace language: kind of step -> (voice by number, wording with {gaps}), in order.

    Where several fit a sentence, the first is the likeliest.
    """

    def __init__(self, wordings: Mapping[str, Sequence[tuple[int, str]]], voices: Sequence[str]) -> None:
        forms = [_form(kind, voice, text) for kind, texts in wordings.items() for voice, text in texts]
        self.moves = tuple(wordings)
        self.voices = tuple(voices)
        self._without_gaps = {form.pieces[0]: form for form in forms if not form.gaps}
        self._with_gaps = tuple(form for form in forms if form.gaps)

    def readings(self, sentence: str) -> Iterator[Reading]:
        """The ways to read a sentence, the likeliest first; none when it is not in the language."""
        if len(sentence) > MOST_LETTERS:
            return
        whole = self._without_gaps.get(sentence)
        if whole is not None:
            yield Reading(whole.kind, whole.voice, {})
        for form in self._with_gaps:
            gaps = form.match(sentence)
            if gaps is not None:
                yield Reading(form.kind, form.voice, gaps)

    def count_moves(self, think: str) -> dict[str, int]:
        """How often each kind of step is seen, sentences out of the language as `other`, and the voices heard.

        Keys are members of `moves`, `other` and `voice:<name>`; what was not seen is left out.
        """
        counts: Counter[str] = Counter()
        for sentence in sentences(think):
            found = next(self.readings(sentence), None)
            counts[found.kind if found else "other"] += 1
            if found:
                counts[f"voice:{self.voices[found.voice]}"] += 1
        return dict(sorted(counts.items()))

    def follow(
        self,
        think: str,
        take: Callable[[list[Reading]], str],
        recoverable: Collection[str],
        unfinished: Callable[[], str],
    ) -> StepReport:
        """Check every sentence of `think`; the first that does not follow, and is not taken back, ends the check.

        Sound means: every sentence reads as a step, every step follows or is taken back at once, and nothing is
        missing in the end. Never raises, whatever the text.

        take:        acts on one of the readings of a sentence; says what is wrong where none of them follows
        recoverable: kinds of steps that may be wrong if the next sentence takes them back
        unfinished:  says what is missing at the end; empty for nothing
        """
        texts = sentences(think)
        slip, recovered = "", 0
        for number, text in enumerate(texts, 1):
            found = list(self.readings(text))
            if slip:
                if all(reading.kind != RETRACT for reading in found):
                    break
                slip, recovered = "", recovered + 1
            elif fault := take(found) if found else "does not read as a step":
                slip = f"step {number}, {_shown(text)}: {fault}"
                if all(reading.kind not in recoverable for reading in found):
                    break
        reason = slip or unfinished()
        return StepReport(
            sound=not reason,
            steps=len(texts),
            errors_found=recovered + bool(slip),
            recovered=recovered,
            moves=self.count_moves(think),
            reason=reason,
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + " ...")


def sentences(think: str) -> list[str]:
    """The sentences of a think block, with their periods, blanks evened out."""
    text = " ".join(think.split())
    pieces = text.split(". ")
    return [f"{piece}." for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])

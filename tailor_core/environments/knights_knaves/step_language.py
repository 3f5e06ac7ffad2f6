"""The sentences of a Knights & Knaves think block, and how to recognise them.

Owns every wording that a step may have, in four voices, as patterns of its own; what a sentence means for the
reasoning, and whether it follows, is `steps`' business. Nothing here needs the puzzle, so the same patterns
count the moves of a model's trace. Names have at most `MOST_WORDS` words, and each pattern has at most one unbounded
gap, so that matching is linear.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from tailor_core.environments.knights_knaves.words import MOST_WORDS

VOICES = ("plain", "conversational", "formal", "shorthand")

# In a wording: N and M are names, A a role with its article, a without, B the opposite role with its article,
# S a claim, L a list of names, D a list of "N is a knight", d a list of "N knight".
_Wordings = tuple[tuple[int, str], ...]

_WORDINGS: dict[tuple[str, bool | None], _Wordings] = {
    ("open", None): (
        (0, "I need to place {L}."),
        (0, "Left to place: {L}."),
        (1, "So who is what? {L} are open."),
        (1, "So who is what? {L} is open."),
        (1, "{L} are open."),
        (1, "{L} is open."),
        (2, "The roles of {L} are to be determined."),
        (2, "The role of {L} is to be determined."),
        (3, "Open: {L}."),
    ),
    ("focus", None): (
        (0, "Let me look at {N}."),
        (0, "Next I look at {N}."),
        (1, "What about {N}?"),
        (2, "Consider {N}."),
        (3, "On {N}."),
    ),
    ("assume", None): (
        (0, "Suppose {N} were {A}."),
        (1, "Let us say {N} is {A}."),
        (1, "What if {N} is {A}?"),
        (2, "Assume for the moment that {N} is {A}."),
        (3, "Try {N}: {a}."),
    ),
    ("claim", True): (
        (0, "{N} is {A}; {N} said that {S}, which holds."),
        (1, "{N} tells the truth, so {S}."),
        (2, "Since {N} is {A}, it holds that {S}."),
        (3, "{N} true: {S}."),
    ),
    ("claim", False): (
        (0, "{N} is {A}; {N} said that {S}, which fails."),
        (1, "{N} lies, so it is wrong that {S}."),
        (2, "Since {N} is {A}, it does not hold that {S}."),
        (3, "{N} false: {S}."),
    ),
    ("derive", None): (
        (0, "So {N} must be {A}."),
        (0, "Then {N} must be {A}."),
        (1, "That makes {N} {A}."),
        (1, "So {N} has to be {A}."),
        (2, "Hence {N} is {A}."),
        (2, "It follows that {N} is {A}."),
        (3, "{N}: {a}."),
    ),
    ("judge", True): (
        (0, "{N} said that {S}, which is true: {N} must be {A}."),
        (1, "{N} claims that {S}, and that is right, so {N} is {A}."),
        (2, "The claim of {N}, that {S}, is true; hence {N} is {A}."),
        (3, "{N} says {S}, true, {N}: {a}."),
    ),
    ("judge", False): (
        (0, "{N} said that {S}, which is false: {N} must be {A}."),
        (1, "{N} claims that {S}, but that is wrong, so {N} is {A}."),
        (2, "The claim of {N}, that {S}, is false; hence {N} is {A}."),
        (3, "{N} says {S}, false, {N}: {a}."),
    ),
    ("clash", True): (
        (0, "{N} said that {S}, which is true: {N} is {A}, a contradiction."),
        (1, "{N} claims that {S}, and that is right, but {N} should be {A}, which cannot be."),
        (2, "The claim of {N}, that {S}, is true although {N} is {A}; this is a contradiction."),
        (3, "{N} says {S}, true, {N}: {a}, conflict."),
    ),
    ("clash", False): (
        (0, "{N} said that {S}, which is false: {N} is {A}, a contradiction."),
        (1, "{N} claims that {S}, but that is wrong, but {N} should be {A}, which cannot be."),
        (2, "The claim of {N}, that {S}, is false although {N} is {A}; this is a contradiction."),
        (3, "{N} says {S}, false, {N}: {a}, conflict."),
    ),
    ("contradiction", None): (
        (0, "That is a contradiction."),
        (0, "This cannot be."),
        (1, "But that does not work."),
        (2, "This is a contradiction."),
        (3, "Conflict."),
    ),
    ("reject", None): (
        (0, "So {N} cannot be {B} and must be {A}."),
        (0, "Therefore {N} must be {A}."),
        (1, "So {N} must be {A} after all."),
        (2, "Hence the assumption fails and {N} is {A}."),
        (3, "Thus {N}: {a}."),
    ),
    ("same", True): (
        (0, "{N} calls {M} {A}, so {N} and {M} are of the same kind."),
        (1, "{N} vouches for {M}, so they are alike."),
        (2, "{N} affirms {M}; both are of one kind."),
        (3, "{N} = {M}."),
    ),
    ("different", False): (
        (0, "{N} calls {M} {A}, so {N} and {M} are of different kinds."),
        (1, "{N} accuses {M}, so one of them lies."),
        (2, "{N} denies {M}; they are of different kinds."),
        (3, "{N} != {M}."),
    ),
    ("accuse", None): (
        (0, "{N} and {M} accuse each other, so exactly one of them is {A}."),
        (1, "{N} and {M} call each other liars, so just one of them is {A}."),
        (2, "{N} and {M} deny each other; exactly one is {A}."),
        (3, "{N} != {M} (both)."),
    ),
    ("self", None): (
        (0, "{N} said that {S}, which {B} could not say, so {N} must be {A}."),
        (1, "If {N} were {B}, saying that {S} makes no sense, so {N} is {A}."),
        (2, "The claim of {N}, that {S}, rules out that {N} is {B}; hence {N} is {A}."),
        (3, "{N} says {S}, so {N}: {a}."),
    ),
    ("switch", None): (
        (0, "Now suppose instead that {N} were {A}."),
        (1, "And if {N} is {A} instead?"),
        (2, "In the other case {N} is {A}."),
        (3, "Else {N}: {a}."),
    ),
    ("merge", None): (
        (0, "In both cases {N} must be {A}."),
        (1, "Either way {N} is {A}."),
        (2, "{N} is {A} in each case."),
        (3, "Both: {N}: {a}."),
    ),
    ("ask", None): (
        (0, "{N} says something about {M}."),
        (1, "Who talks about {M}? {N} does."),
        (2, "The claim of {N} concerns {M}."),
        (3, "{N} on {M}."),
    ),
    ("check", True): (
        (0, "{N} said that {S}, which is true: {N} is {A}."),
        (1, "{N} is {A} and the claim that {S} is indeed true."),
        (1, "{N} is {A} and {S} is indeed true."),
        (2, "Verification: {N} is {A}, and that {S} is true."),
        (3, "Check {N}: {a}, {S} true."),
    ),
    ("check", False): (
        (0, "{N} said that {S}, which is false: {N} is {A}."),
        (1, "{N} is {A} and the claim that {S} is indeed false."),
        (1, "{N} is {A} and {S} is indeed false."),
        (2, "Verification: {N} is {A}, and that {S} is false."),
        (3, "Check {N}: {a}, {S} false."),
    ),
    ("undecided", None): (
        (0, "{N} said that {S}, which is open."),
        (1, "{N} claims that {S}, and that may be or not."),
        (2, "The claim of {N}, that {S}, remains open."),
        (3, "{N} says {S}, open."),
    ),
    ("restate", None): (
        (0, "{N} said that {S}."),
        (1, "{N} claims that {S}."),
        (2, "The claim of {N} is that {S}."),
        (3, "{N} says {S}."),
    ),
    ("fits", None): (
        (0, "All claims fit."),
        (1, "Everything fits now."),
        (2, "All statements are consistent."),
        (3, "All fit."),
    ),
    ("retract", None): (
        (0, "Wait, that does not follow."),
        (0, "No, that is wrong."),
        (1, "Hmm, I was too quick there."),
        (2, "Correction: the last step is not valid."),
        (3, "Undo."),
    ),
    ("done", None): (
        (0, "So {D}."),
        (1, "That settles it: {D}."),
        (2, "In conclusion, {D}."),
        (3, "Result: {d}."),
    ),
}

MOVES = tuple(dict.fromkeys(kind for kind, _ in _WORDINGS))
"""Every kind of step, in the order of the language."""

_WORD = r"[^\s,.:;?!=()]+"
_NAME = rf"{_WORD}(?: {_WORD}){{0,{MOST_WORDS - 1}}}?"
_LIST = r"[^.:;?!=()]+"
_GAPS = {
    "N": _NAME,
    "M": _NAME,
    "A": f"an? {_WORD}",
    "B": f"an? {_WORD}",
    "a": _WORD,
    "S": r".+",
    "L": _LIST,
    "D": _LIST,
    "d": _LIST,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a sentence: its kind, voice, polarity where it has one, and the text in its gaps."""

    kind: str
    voice: int
    value: bool | None
    gaps: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Form:
    kind: str
    voice: int
    value: bool | None
    pattern: re.Pattern[str]


def _compile(wording: str) -> re.Pattern[str]:
    """A wording as a pattern of a whole sentence; a gap that comes again must hold the same text."""
    parts, seen = [], set()
    for piece in re.split(r"(\{\w\})", wording):
        if not re.fullmatch(r"\{\w\}", piece):
            parts.append(re.escape(piece))
        elif piece in seen:
            parts.append(f"(?P={piece[1]})")
        else:
            seen.add(piece)
            parts.append(f"(?P<{piece[1]}>{_GAPS[piece[1]]})")
    return re.compile("".join(parts))


def _index() -> dict[str, list[_Form]]:
    """All forms by the first word of the sentence; those that start with a gap stand under ""."""
    index: dict[str, list[_Form]] = {"": []}
    for (kind, value), wordings in _WORDINGS.items():
        for voice, wording in wordings:
            first = wording.split(" ", 1)[0]
            key = "" if "{" in first else first
            index.setdefault(key, []).append(_Form(kind, voice, value, _compile(wording)))
    return index


_FORMS = _index()
_GAP_BETWEEN = re.compile(r"(?<=[.?])\s+")
_CLAUSE = re.compile(r" is (?:not )?an? ")
_WEIGHED = re.compile(rf" is (?:not )?an? {_WORD} \((?:true|false|open)\)")
_REMEMBERED = 400
"""Longer sentences are no part of ordinary traces; keeping them would only fill memory."""

_QUESTIONS = ("So who is what?", "Who talks about ")


def sentences(think: str) -> list[str]:
    """The sentences of a think block, blanks evened out; a question and the answer it leads to are one."""
    found: list[str] = []
    question = ""
    for raw in _GAP_BETWEEN.split(think.strip()):
        text = f"{question}{' '.join(raw.split())}"
        opens = not question and text.endswith("?") and text.startswith(_QUESTIONS)
        question = f"{text} " if opens else ""
        if text and not opens:
            found.append(text)
    return [*found, question.rstrip()] if question else found


def readings(sentence: str) -> tuple[Reading, ...]:
    """All ways to read a sentence, specific ones first; none when it is not in the language."""
    return _readings_again(sentence) if len(sentence) <= _REMEMBERED else tuple(_readings(sentence))


@lru_cache(maxsize=8192)
def _readings_again(sentence: str) -> tuple[Reading, ...]:
    return tuple(_readings(sentence))


def _readings(sentence: str) -> Iterator[Reading]:
    for form in _FORMS.get(sentence.split(" ", 1)[0], []) + _FORMS[""]:
        match = form.pattern.fullmatch(sentence)
        if match is None:
            continue
        gaps = match.groupdict()
        # Claims and roles have clauses; a list of names has none, so "N said that S, which is open." is none.
        if all(bool(_CLAUSE.search(gaps[gap])) == (gap in "SD") for gap in "SDL" if gap in gaps):
            yield Reading(form.kind, form.voice, form.value, gaps)


def _is_about_people(reading: Reading) -> bool:
    names = [reading.gaps[gap] for gap in "NM" if gap in reading.gaps]
    return not any(word[0].islower() for name in names for word in name.split())


def count_moves(think: str) -> dict[str, int]:
    """How often each kind of step is seen, sentences out of the language as `other`, and the voices heard.

    Keys are members of `MOVES`, `other`, `weigh` for steps of any kind that weigh the clauses of a claim, and
    `voice:<name>`; what was not seen is left out. Without the puzzle at hand a name is told from other words by
    its capital (or by having no case).
    """
    counts: Counter[str] = Counter()
    for sentence in sentences(think):
        found = [reading for reading in readings(sentence) if _is_about_people(reading)]
        counts[found[0].kind if found else "other"] += 1
        if found:
            counts["weigh"] += bool(_WEIGHED.search(found[0].gaps.get("S", "")))
            counts[f"voice:{VOICES[found[0].voice]}"] += 1
    return dict(sorted((+counts).items()))

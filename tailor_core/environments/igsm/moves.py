"""The move language of iGSM: a way of working a problem out as a small program; see `programs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailor_core.environments.programs import MoveProgram

Direction = Literal["forward", "backward"]
Order = Literal["given", "numbers", "chain", "place"]
Listing = Literal["none", "needed", "unneeded"]
Asking = Literal["none", "needs"]
Naming = Literal["letters", "names"]
Steps = Literal["single", "chain"]
Arithmetic = Literal["direct", "whole", "detailed"]
Restating = Literal["none", "each", "all"]
Focus = Literal["none", "place", "parameter"]
Progress = Literal["none", "count"]
Slip = Literal["none", "arithmetic", "premature", "unneeded"]
Verification = Literal["none", "answer", "all"]
Bounds = Literal["none", "all"]
Summary = Literal["none", "done"]
Voice = Literal["plain", "conversational", "formal", "shorthand"]
Answer = Literal["number", "sentence", "boxed"]

_TELLING = (
    "direction", "naming", "steps", "slip", "listing", "restating", "arithmetic", "verification", "asking",
    "order", "focus", "progress", "bounds", "summary",
)  # fmt: skip

_SHORT: dict[str, dict[str, str]] = {
    "direction": {"forward": "forward", "backward": "backward"},
    "order": {
        "numbers": "numbers first",
        "chain": "from result to result",
        "place": "place by place",
    },
    "listing": {"needed": "list what is needed", "unneeded": "set aside what is not"},
    "asking": {"needs": "ask what it takes"},
    "naming": {"letters": "letters", "names": "full names"},
    "steps": {"chain": "whole formulas"},
    "arithmetic": {"whole": "reduce at the end", "detailed": "detailed arithmetic"},
    "restating": {"each": "quote each statement", "all": "quote all first"},
    "focus": {"place": "name the place", "parameter": "name the next"},
    "progress": {"count": "count what is left"},
    "slip": {
        "arithmetic": "miscalculate and correct",
        "premature": "begin too early and notice",
        "unneeded": "begin something needless and drop it",
    },
    "verification": {"answer": "recompute the answer", "all": "recompute everything"},
    "bounds": {"all": "check the range"},
    "summary": {"done": "sum up"},
    "voice": {"conversational": "conversational", "formal": "formal", "shorthand": "shorthand"},
}

_SENTENCES: dict[str, dict[str, str]] = {
    "direction": {
        "forward": "Work forward: compute whatever all the numbers are known for.",
        "backward": "Work backward from the question: say what you need for it, then what you need for that.",
    },
    "order": {
        "given": "Where you have a choice, take the statements in the order in which they are given.",
        "numbers": "Take down the numbers that are given outright before you compute anything.",
        "chain": "Where you have a choice, go on with what your last result makes possible.",
        "place": "Stay with one place as long as there is something to compute for it.",
    },
    "listing": {
        "needed": "Begin with a list of everything that you will need.",
        "unneeded": "Begin by saying which statements you can set aside.",
    },
    "asking": {"needs": "Before you compute something, say what it depends on."},
    "naming": {
        "letters": "Give each quantity a letter.",
        "names": "Call the quantities by their full names.",
    },
    "steps": {
        "single": "Do one operation at a time.",
        "chain": "Write each computation as one whole formula.",
    },
    "arithmetic": {
        "whole": "Write down the full result of each operation before you reduce it.",
        "detailed": "Write out each multiplication and reduction in small steps.",
    },
    "restating": {
        "each": "Quote each statement before you use it.",
        "all": "Begin by quoting all statements that you need.",
    },
    "focus": {
        "place": "Say which place you are turning to.",
        "parameter": "Say what you are turning to.",
    },
    "progress": {"count": "Keep count of what is left to find."},
    "slip": {
        "arithmetic": "If you miscalculate, say so, take it back and do it again.",
        "premature": "If you find that something you want is not known yet, say so and find that first.",
        "unneeded": "If you find that you computed something needless, say so and drop it.",
    },
    "verification": {
        "answer": "In the end compute the answer once more.",
        "all": "In the end compute everything once more.",
    },
    "bounds": {"all": "Make sure that all numbers are in the range that they must be in."},
    "summary": {"done": "Say the result before you answer."},
    "voice": {
        "plain": "Write in plain sentences.",
        "conversational": "Write as if you were talking to yourself.",
        "formal": "Write in a formal style.",
        "shorthand": "Write in short notes.",
    },
    "answer": {
        "number": "Answer with the number alone.",
        "sentence": "Answer in one sentence.",
        "boxed": "Put the answer in a box.",
    },
}

_WORDED = {"voice": "plain", "answer": "number"}

_CALLED_FOR = {
    "wrong": {
        "arithmetic": ("whole", "detailed"),
        "verification": ("answer", "all"),
        "slip": ("arithmetic", "premature", "unneeded"),
        "steps": ("single",),
    },
    "out_of_form": {
        "restating": ("none",),
        "asking": ("none",),
        "summary": ("none",),
        "voice": ("plain", "shorthand"),
    },
    "falls": {
        "listing": ("needed", "unneeded"),
        "direction": ("backward",),
        "progress": ("count",),
        "asking": ("needs",),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(MoveProgram):
    """One way of working a problem out; every field is one dimension, and its type lists the values.

    direction:    compute whatever can be computed, or ask from the question downward and compute on the way back
    order:        which of several computable parameters comes next: as given, numbers that are stated outright
                  first, what the last result makes possible, or what has the same owner
    listing:      first list all that is needed, or all that is not
    asking:       before each computation say what it depends on
    naming:       a letter for each parameter, or its full name
    steps:        one operation at a time, or a whole formula
    arithmetic:   the reduced result alone, the whole result before it, or the way there, too
    restating:    quote the statements that are used, each before its use or all first
    focus:        name the owner, or the parameter, that one turns to
    progress:     count what is left to find
    slip:         make one mistake and take it back: a wrong result, something begun before its time, or
                  something the question does not need
    verification: in the end compute the answer, or everything, once more
    bounds:       in the end make sure that all values are in range
    summary:      say the result at the end
    voice:        the wording
    answer:       the form of the answer
    """

    direction: Direction = "forward"
    order: Order = "given"
    listing: Listing = "none"
    asking: Asking = "none"
    naming: Naming = "letters"
    steps: Steps = "single"
    arithmetic: Arithmetic = "direct"
    restating: Restating = "none"
    focus: Focus = "none"
    progress: Progress = "none"
    slip: Slip = "none"
    verification: Verification = "none"
    bounds: Bounds = "none"
    summary: Summary = "none"
    voice: Voice = "plain"
    answer: Answer = "number"

    family = "igsm-program"
    telling = _TELLING
    short = _SHORT
    sentences = _SENTENCES
    worded = _WORDED
    called_for = _CALLED_FOR


DIMENSIONS = Program.dimensions()
"""Dimension -> its values, the plainest first for most."""

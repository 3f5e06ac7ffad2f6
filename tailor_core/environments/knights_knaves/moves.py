"""The move language of Knights & Knaves: a way of reasoning as a small program that can be stored and mixed.

A `Program` fixes one value in each of several independent dimensions (whom to turn to next, which case to try
first, when to look for a contradiction, ...). It says how to argue about any puzzle, and nothing about a
particular one. See `programs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tailor_core.environments.programs import MoveProgram

Order = Literal["given", "talked-about", "constraining", "connected", "fewest-unknowns"]
Case = Literal["knight", "knave", "furthest"]
Test = Literal["eager", "lazy"]
Depth = Literal["fixpoint", "shallow", "none"]
Branching = Literal["nested", "flat", "afresh", "never"]
Preference = Literal["judging", "citing"]
Rules = Literal["none", "pairs", "self", "all"]
Cases = Literal["single", "merge"]
Verification = Literal["none", "check", "fits"]
Subgoals = Literal["none", "open", "focus"]
Direction = Literal["forward", "backward"]
Slip = Literal["none", "derive", "judge"]
Restating = Literal["none", "all"]
Summary = Literal["none", "done"]
Voice = Literal["plain", "conversational", "formal", "shorthand"]
Answer = Literal["lines", "sentence"]
Weighing = Literal["whole", "clauses"]
Inspection = Literal["spot", "sweep"]


_TELLING = (
    "branching", "depth", "direction", "cases", "verification", "rules", "slip", "restating", "subgoals",
    "inspection", "weighing", "case", "order", "test", "preference", "summary",
)  # fmt: skip
"""The dimensions that a name may speak of, what shows most in a trace first."""

_SHORT: dict[str, dict[str, str]] = {
    "order": {
        "given": "in order",
        "talked-about": "most talked about first",
        "constraining": "strongest claim first",
        "connected": "stay with what is known",
        "fewest-unknowns": "fewest unknowns first",
    },
    "case": {"knight": "knight first", "knave": "knave first", "furthest": "richest case first"},
    "test": {"lazy": "late test"},
    "depth": {"shallow": "one step a case", "none": "guess all"},
    "branching": {
        "flat": "one assumption at a time",
        "afresh": "afresh after failures",
        "never": "no assumptions",
    },
    "preference": {"citing": "cite before judging"},
    "rules": {"pairs": "pair rules", "self": "self rule", "all": "pair and self rules"},
    "cases": {"merge": "merge cases"},
    "verification": {"check": "check each claim", "fits": "all fit"},
    "subgoals": {"open": "list the open", "focus": "name the focus"},
    "direction": {"backward": "backward"},
    "slip": {"derive": "hasty step taken back", "judge": "hasty verdict taken back"},
    "restating": {"all": "restate first"},
    "summary": {"done": "sum up"},
    "inspection": {"sweep": "sweep through claims"},
    "weighing": {"clauses": "clause by clause"},
    "voice": {"conversational": "conversational", "formal": "formal", "shorthand": "shorthand"},
}

_SENTENCES: dict[str, dict[str, str]] = {
    "order": {
        "given": "Take the people in the order in which they are introduced.",
        "talked-about": "Turn first to the people whom the others talk about most.",
        "constraining": "Turn first to the people whose claims leave the fewest possibilities.",
        "connected": "Stay close to what you know: turn to people who are linked to somebody already placed.",
        "fewest-unknowns": "Turn first to the claims that involve the fewest people not yet placed.",
    },
    "case": {
        "knight": "When you must assume something, suppose first that the person is a knight.",
        "knave": "When you must assume something, suppose first that the person is a knave.",
        "furthest": "When you must assume something, suppose first the role from which more follows.",
    },
    "test": {
        "eager": "Look for a contradiction after every new fact.",
        "lazy": "Look for a contradiction only when nothing more follows.",
    },
    "depth": {
        "fixpoint": "Draw everything that follows before you assume anything else.",
        "shallow": "Draw one consequence at a time, then assume the next role.",
        "none": "Do not draw consequences: assume one role after the other and test the claims.",
    },
    "branching": {
        "nested": "Where nothing more follows, assume a role, and give the assumption up if it fails.",
        "flat": "Where nothing more follows, assume a role; where that leads nowhere, turn to the other "
        "role, and never make two assumptions at once.",
        "afresh": "Where nothing more follows, assume a role; where your assumptions fail, begin afresh "
        "and say all of them again, with the last one changed that can still be changed.",
        "never": "Never assume anything; use only what follows directly.",
    },
    "preference": {
        "judging": "Weigh the claims of people you have not placed before you use other claims.",
        "citing": "Use the claims of people you have placed before you weigh other claims.",
    },
    "rules": {
        "pairs": "Where somebody calls another a knight or a knave, note at once whether the two are alike.",
        "self": "Look out for claims that their own speaker could not make in one of the two roles.",
        "all": "Note at once who is alike where one calls another a knight or a knave, and look out for "
        "claims that their own speaker could not make in one of the two roles.",
    },
    "cases": {"merge": "Where it helps, go through both cases and keep what holds in each."},
    "verification": {
        "check": "In the end check every claim against the roles you found.",
        "fits": "In the end make sure that all claims fit.",
    },
    "subgoals": {
        "open": "Keep track of who is still to be placed.",
        "focus": "Say whom you are turning to.",
    },
    "direction": {
        "backward": "Work backward: ask who says something about the person you want to place, "
        "and start there.",
    },
    "slip": {
        "derive": "If you conclude something too hastily, say so, take it back and go on.",
        "judge": "If you judge a claim too hastily, say so, take it back and go on.",
    },
    "restating": {"all": "Begin by repeating what everybody says."},
    "summary": {"done": "Sum up the roles before you answer."},
    "inspection": {
        "sweep": "To find a contradiction, go through the claims of all whose role you have, one by one."
    },
    "weighing": {"clauses": "When you judge a claim, say of each clause whether it is true."},
    "voice": {
        "plain": "Write in plain sentences.",
        "conversational": "Write as if you were talking to yourself.",
        "formal": "Write in a formal style.",
        "shorthand": "Write in short notes.",
    },
    "answer": {
        "lines": "Answer with one numbered line for each person.",
        "sentence": "Answer in one sentence.",
    },
}

_WORDED = {"voice": "plain", "answer": "lines"}

_CALLED_FOR = {
    "wrong": {
        "test": ("eager",),
        "verification": ("check", "fits"),
        "slip": ("derive", "judge"),
        "cases": ("merge",),
    },
    "out_of_form": {
        "restating": ("none",),
        "summary": ("none",),
        "verification": ("none",),
        "voice": ("plain", "shorthand"),
    },
    "falls": {
        "order": ("constraining", "connected", "fewest-unknowns"),
        "case": ("furthest",),
        "subgoals": ("open", "focus"),
        "direction": ("backward",),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program(MoveProgram):
    """One way of reasoning; every field is one dimension, and its type lists the values.

    order:        whom to turn to first, wherever there is a choice
    case:         which role to assume first; `furthest` is the one from which more follows
    test:         look for a contradiction after every fact (eager), or when nothing more follows (lazy)
    depth:        draw all that follows, or one thing, or nothing, before the next assumption
    branching:    make assumptions inside assumptions, and give up the innermost that fails; or begin afresh
                  after each failure, with all assumptions said anew (afresh); or make one at a time, and turn
                  to the other case where the first gets stuck (flat); or never make any
    preference:   weigh claims of people not placed first (judging), or use those of people placed (citing)
    rules:        shortcuts: `pairs` (who calls whom what, mutual accusations), `self` (claims that rule out
                  a role of their own speaker), both, or none
    cases:        explore one case, or both where what they share helps
    verification: at the end check each claim, or say that all fit
    subgoals:     list who is open, or name whom one turns to
    direction:    from what is known, or backward from the person asked about
    slip:         make one hasty step, a derivation or a judgement, and take it back
    restating:    repeat all claims first
    summary:      sum up everybody's role at the end
    inspection:   where a contradiction is looked for, point at the claim that fails (spot), or go through the
                  claims of all who are placed, up to the first that fails (sweep)
    weighing:     judge a claim as a whole, or say of each of its clauses whether it is true
    voice:        the wording
    answer:       numbered lines, or a sentence
    """

    order: Order = "given"
    case: Case = "knight"
    test: Test = "eager"
    depth: Depth = "fixpoint"
    branching: Branching = "nested"
    preference: Preference = "judging"
    rules: Rules = "none"
    cases: Cases = "single"
    verification: Verification = "none"
    subgoals: Subgoals = "none"
    direction: Direction = "forward"
    slip: Slip = "none"
    restating: Restating = "none"
    summary: Summary = "none"
    inspection: Inspection = "spot"
    weighing: Weighing = "whole"
    voice: Voice = "plain"
    answer: Answer = "lines"

    family = "kk-program"
    telling = _TELLING
    short = _SHORT
    sentences = _SENTENCES
    worded = _WORDED
    called_for = _CALLED_FOR


DIMENSIONS = Program.dimensions()
"""Dimension -> its values, the plainest first for most."""

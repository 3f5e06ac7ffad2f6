"""The sentences of an iGSM think block.

Owns every wording that a step may have, in four voices, as patterns of its own; what a sentence means for the
reasoning, and whether it follows, is `steps`' business.
"""

from __future__ import annotations

from tailor_core.environments.sentence_forms import SentenceForms

VOICES = ("plain", "conversational", "formal", "shorthand")

# In a wording: `name` and `other` are parameters, `names` a list of them, `place` an item or a parameter, `said`
# the right side of a statement. The first wording that fits is taken.
_WORDINGS: dict[str, tuple[tuple[int, str], ...]] = {
    "list": (
        (0, "What I need: {names}."),
        (1, "The things I have to work out are {names}."),
        (2, "The following are required: {names}."),
        (3, "Plan: {names}."),
    ),
    "check": (
        (0, "Check: {name} is {computation}."),
        (1, "Let me do {name} again: {computation}."),
        (2, "Verification: {name} equals {computation}."),
        (3, "Again {name}: {computation}."),
    ),
    "bounds": (
        (0, "All values lie between 0 and {number}."),
        (1, "Every number I got is between 0 and {number}."),
        (2, "All results are within 0 and {number}."),
        (3, "All in 0..{number}."),
    ),
    "left": (
        (0, "That leaves {number} to find."),
        (1, "Only {number} to go."),
        (2, "The number of quantities that remain is {number}."),
        (3, "Left: {number}."),
    ),
    "done": (
        (0, "So the answer is {number}."),
        (1, "That makes it {number}."),
        (2, "The quantity asked for is {number}."),
        (3, "Result: {number}."),
    ),
    "retract": (
        (0, "Wait, that is wrong."),
        (1, "Hmm, no, that was too quick."),
        (2, "Correction: the last step does not hold."),
        (3, "Undo."),
    ),
    "restate": (
        (0, "It says that each {name} equals {said}."),
        (1, "I read that each {name} equals {said}."),
        (2, "By the problem, each {name} equals {said}."),
        (3, "Given each {name} = {said}."),
    ),
    "need": (
        (0, "To find {name} I need {names}."),
        (1, "For {name} I first have to know {names}."),
        (2, "{name} depends on {names}."),
        (3, "{name} <- {names}."),
    ),
    "given": (
        (0, "{name} is stated outright."),
        (1, "I can read {name} right off."),
        (2, "{name} is given as a number."),
        (3, "{name} given."),
    ),
    "blocked": (
        (0, "I cannot find {name} yet, because {other} is not known."),
        (1, "Not {name} yet, I still lack {other}."),
        (2, "{name} cannot be determined before {other}."),
        (3, "{name} later, {other} first."),
    ),
    "skip": (
        (0, "{name} is not needed."),
        (1, "I can leave {name} aside."),
        (2, "{name} does not bear on the question."),
        (3, "Skip {name}."),
    ),
    "focus": (
        (0, "Next I look at {place}."),
        (1, "Now to {place}."),
        (2, "Consider {place}."),
        (3, "On {place}."),
    ),
    "define": (
        (0, "Define {name} as {letter}; {computation}."),
        (1, "I write {letter} for {name}; {computation}."),
        (2, "Let {letter} denote {name}; {computation}."),
        (3, "{letter} := {name}; {computation}."),
    ),
    "compute": (
        (0, "The value of {name} is {computation}."),
        (1, "So {name} comes to {computation}."),
        (2, "Hence {name} equals {computation}."),
        (3, "{name}: {computation}."),
    ),
}

LANGUAGE = SentenceForms(_WORDINGS, VOICES)

"""The sentences of a Countdown think block.

Owns every wording that a step may have, in four voices, as patterns of its own; what a sentence means for the
search, and whether it follows, is `steps`' business.
"""

from __future__ import annotations

from tailor_core.environments.sentence_forms import SentenceForms

VOICES = ("plain", "conversational", "formal", "shorthand")

# In a wording: `pool`, `pair` and `numbers` are lists of numbers, `goal` and `number` are one, `operation` is
# "8 - 5 = 3", `work` an equation or operations joined by commas, `expression` what is asked for.
_WORDINGS: dict[str, tuple[tuple[int, str], ...]] = {
    "open": (
        (0, "I need {goal} from {pool}."),
        (1, "So I am to get {goal} out of {pool}."),
        (2, "The target is {goal}, and the numbers are {pool}."),
        (3, "Task: {goal} from {pool}."),
    ),
    "back": (
        (0, "I go back to {goal} from {pool}."),
        (1, "Let me return to {goal} out of {pool}."),
        (2, "The search returns to {goal} from {pool}."),
        (3, "Back: {goal} from {pool}."),
    ),
    "aim": (
        (0, "First I want {number} from {pair}."),
        (1, "Let me see about {number}, which I can get from {pair}."),
        (2, "An intermediate aim is {number}, from {pair}."),
        (3, "Aim: {number} from {pair}."),
    ),
    "keep": (
        (0, "If I keep {number}, then {operation}, so I need {goal} from {pool}."),
        (1, "I could save {number} for the end: with {operation} I only have to get {goal} out of {pool}."),
        (2, "Setting {number} aside, {operation} requires {goal} from {pool}."),
        (3, "Keep {number}: {operation}, need {goal} from {pool}."),
    ),
    "join": (
        (0, "I take {operation}."),
        (1, "Say I do {operation}."),
        (2, "Compute {operation}."),
        (3, "Do {operation}."),
    ),
    "left": (
        (0, "That leaves {pool}."),
        (1, "Now I have {pool}."),
        (2, "The remaining numbers are {pool}."),
        (3, "Left: {pool}."),
    ),
    "ends": (
        (0, "From {pair} come {numbers}, and {goal} is not among them."),
        (1, "With {pair} I can only get {numbers}, but not {goal}."),
        (2, "The numbers {pair} yield {numbers}, which does not include {goal}."),
        (3, "Two left, {pair}: {numbers}, no {goal}."),
    ),
    "bound": (
        (0, "At most {number} can come of {pool}, which is less than {goal}."),
        (1, "The most I can get out of {pool} is {number}, and that is short of {goal}."),
        (2, "The maximum from {pool} is {number}, which is below {goal}."),
        (3, "Max of {pool}: {number}, below {goal}."),
    ),
    "miss": (
        (0, "But {number} is not {goal}."),
        (1, "Hmm, that is {number} and I wanted {goal}."),
        (2, "The result {number} differs from {goal}."),
        (3, "Got {number}, not {goal}."),
    ),
    "hit": (
        (0, "That is {goal}, as needed."),
        (1, "And there it is, {goal}."),
        (2, "This equals {goal}, as required."),
        (3, "Hit {goal}."),
    ),
    "check": (
        (0, "Check: {work}."),
        (1, "Let me work that out once more: {work}."),
        (2, "Verification: {work}."),
        (3, "Again: {work}."),
    ),
    "used": (
        (0, "Each of {pool} is used once."),
        (1, "I used each of {pool} just once."),
        (2, "The numbers {pool} occur exactly once each."),
        (3, "Used: {pool}."),
    ),
    "done": (
        (0, "So the expression is {expression}."),
        (1, "That makes it {expression}."),
        (2, "The expression asked for is {expression}."),
        (3, "Result: {expression}."),
    ),
    "retract": (
        (0, "Wait, that is wrong."),
        (1, "Hmm, no, that was a slip."),
        (2, "Correction: the last step does not hold."),
        (3, "Undo."),
    ),
}

LANGUAGE = SentenceForms(_WORDINGS, VOICES)

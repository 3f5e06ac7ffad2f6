"""How the steps of a Countdown trace are worded, in four voices. The checker has patterns of its own."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from tailor_core.environments.countdown.spec import listing

Number = int | Fraction


class Wording:
    """Words steps in one of the voices of `moves.Voice`, by number."""

    def __init__(self, voice: int) -> None:
        self.voice = voice

    def _say(self, *ways: str) -> str:
        return ways[self.voice]

    def open(self, goal: Number, pool: Sequence[Number]) -> str:
        numbers = listing(pool)
        return self._say(
            f"I need {goal} from {numbers}.",
            f"So I am to get {goal} out of {numbers}.",
            f"The target is {goal}, and the numbers are {numbers}.",
            f"Task: {goal} from {numbers}.",
        )

    def back(self, goal: Number, pool: Sequence[Number]) -> str:
        numbers = listing(pool)
        return self._say(
            f"I go back to {goal} from {numbers}.",
            f"Let me return to {goal} out of {numbers}.",
            f"The search returns to {goal} from {numbers}.",
            f"Back: {goal} from {numbers}.",
        )

    def aim(self, number: Number, pair: Sequence[Number]) -> str:
        numbers = listing(pair)
        return self._say(
            f"First I want {number} from {numbers}.",
            f"Let me see about {number}, which I can get from {numbers}.",
            f"An intermediate aim is {number}, from {numbers}.",
            f"Aim: {number} from {numbers}.",
        )

    def keep(self, number: Number, operation: str, goal: Number, pool: Sequence[Number]) -> str:
        numbers = listing(pool)
        return self._say(
            f"If I keep {number}, then {operation}, so I need {goal} from {numbers}.",
            f"I could save {number} for the end: with {operation} I only have to get {goal} out of {numbers}.",
            f"Setting {number} aside, {operation} requires {goal} from {numbers}.",
            f"Keep {number}: {operation}, need {goal} from {numbers}.",
        )

    def join(self, operation: str) -> str:
        return self._say(
            f"I take {operation}.", f"Say I do {operation}.", f"Compute {operation}.", f"Do {operation}."
        )

    def left(self, pool: Sequence[Number]) -> str:
        numbers = listing(pool)
        return self._say(
            f"That leaves {numbers}.",
            f"Now I have {numbers}.",
            f"The remaining numbers are {numbers}.",
            f"Left: {numbers}.",
        )

    def ends(self, pair: Sequence[Number], results: Sequence[Number], goal: Number) -> str:
        two, numbers = listing(pair), listing(results)
        return self._say(
            f"From {two} come {numbers}, and {goal} is not among them.",
            f"With {two} I can only get {numbers}, but not {goal}.",
            f"The numbers {two} yield {numbers}, which does not include {goal}.",
            f"Two left, {two}: {numbers}, no {goal}.",
        )

    def bound(self, most: Number, pool: Sequence[Number], goal: Number) -> str:
        numbers = listing(pool)
        return self._say(
            f"At most {most} can come of {numbers}, which is less than {goal}.",
            f"The most I can get out of {numbers} is {most}, and that is short of {goal}.",
            f"The maximum from {numbers} is {most}, which is below {goal}.",
            f"Max of {numbers}: {most}, below {goal}.",
        )

    def miss(self, number: Number, goal: Number) -> str:
        return self._say(
            f"But {number} is not {goal}.",
            f"Hmm, that is {number} and I wanted {goal}.",
            f"The result {number} differs from {goal}.",
            f"Got {number}, not {goal}.",
        )

    def hit(self, goal: Number) -> str:
        return self._say(
            f"That is {goal}, as needed.",
            f"And there it is, {goal}.",
            f"This equals {goal}, as required.",
            f"Hit {goal}.",
        )

    def check(self, work: str) -> str:
        return self._say(
            f"Check: {work}.",
            f"Let me work that out once more: {work}.",
            f"Verification: {work}.",
            f"Again: {work}.",
        )

    def used(self, numbers: Sequence[Number]) -> str:
        each = listing(numbers)
        return self._say(
            f"Each of {each} is used once.",
            f"I used each of {each} just once.",
            f"The numbers {each} occur exactly once each.",
            f"Used: {each}.",
        )

    def done(self, expression: str) -> str:
        return self._say(
            f"So the expression is {expression}.",
            f"That makes it {expression}.",
            f"The expression asked for is {expression}.",
            f"Result: {expression}.",
        )

    def retract(self) -> str:
        return self._say(
            "Wait, that is wrong.",
            "Hmm, no, that was a slip.",
            "Correction: the last step does not hold.",
            "Undo.",
        )

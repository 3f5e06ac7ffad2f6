"""What a Countdown problem is: some numbers, and a target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailor_core.environments.rows import shown
from tailor_core.errors import InputError
from tailor_core.records import content_id

FEWEST, MOST = 2, 6
"""How many numbers a problem has."""

LARGEST = 1_000_000
"""No number and no target is larger."""


@dataclass(frozen=True, slots=True)
class Countdown:
    """The numbers in the order of the question, and what to make of them."""

    numbers: tuple[int, ...]
    target: int


def read_spec(spec: Mapping[str, Any], where: str = "metadata.spec", *, field: str = "numbers") -> Countdown:
    """The problem of a spec, solvable or not; InputError naming the field that is wrong.

    field: what the row calls the field that is `numbers` here
    """
    numbers = spec.get("numbers")
    fits = isinstance(numbers, (list, tuple)) and FEWEST <= len(numbers) <= MOST
    if not fits or not all(type(number) is int and 1 <= number <= LARGEST for number in numbers or ()):
        raise InputError(
            f"{where}.{field} = {shown(numbers)}, but must be {FEWEST} to {MOST} whole numbers from 1 to {LARGEST}"
        )
    target = spec.get("target")
    if type(target) is not int or not 0 <= target <= LARGEST:
        raise InputError(f"{where}.target = {shown(target)}, but must be a whole number from 0 to {LARGEST}")
    return Countdown(tuple(numbers or ()), target)


def canonical_hash(game: Countdown) -> str:
    """32 hex digits, equal exactly for the same numbers in any order with the same target."""
    return content_id(["countdown", sorted(game.numbers), game.target], length=32)


def render(game: Countdown) -> str:
    """The question."""
    return (
        f"Using each of the numbers {listing(game.numbers)} exactly once, write an expression that equals "
        f"{game.target}. You may use +, -, *, / and parentheses. Answer with the expression alone."
    )


def listing(numbers: Sequence[object]) -> str:
    """ "3 and 5", "3, 5 and 7"."""
    words = [str(number) for number in numbers]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]

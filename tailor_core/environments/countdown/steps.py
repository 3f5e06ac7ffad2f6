"""Checks a Countdown think block step by step.

Takes the sentences as `step_language` recognises them, and asks of each whether it is true of the numbers that
are left and of what is to be made of them. Shares no code with what writes the traces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import combinations

from tailor_core.environments.base import StepReport
from tailor_core.environments.countdown.answers import check_answer
from tailor_core.environments.countdown.expressions import operate
from tailor_core.environments.countdown.spec import Countdown
from tailor_core.environments.countdown.step_language import LANGUAGE
from tailor_core.environments.sentence_forms import Reading

_RECOVERABLE = ("join", "keep")
"""Steps that may be wrong if the next sentence takes them back."""

_MOST_BOUNDED = 3
"""A bound is said of so many numbers at most: it takes a look at all that they can make."""

_NUMBER = r"-?(?:0|[1-9][0-9]{0,14})(?:/[1-9][0-9]{0,14})?"
_ONE = re.compile(_NUMBER)
_OPERATION = re.compile(rf"({_NUMBER}) ([-+*/]) ({_NUMBER}) = ({_NUMBER})")

_Pool = tuple[Fraction, ...]
_State = tuple[Fraction, _Pool]
"""What is to be made, and the sorted numbers to make it of."""

_NOT_LEFT = "these are not the numbers that are left"


def check_steps(game: Countdown, think: str) -> StepReport:
    """Check every sentence of `think`; sound only if in the end one number is left, and it is the one needed."""
    search = _Search(game)
    return LANGUAGE.follow(think, search.take, _RECOVERABLE, search.unfinished)


class _Search:
    """The states on the way from the task to where the search is."""

    def __init__(self, game: Countdown) -> None:
        self.game = game
        self.path: list[_State] = [(Fraction(game.target), _pool(map(Fraction, game.numbers)))]
        self.found = False

    def take(self, found: list[Reading]) -> str:
        """Act on the first reading that follows; else say why the likeliest one does not."""
        faults = []
        for reading in found:
            fault = _RULES[reading.kind](self, **reading.gaps)
            if not fault:
                return ""
            faults.append(fault)
        return faults[0]

    def unfinished(self) -> str:
        return "" if self.found else "the trace ends before the target is made"

    # Moves.

    def _joins(self, operation: str) -> str:
        goal, pool = self.path[-1]
        done = _operation(operation)
        if done is None:
            return "the arithmetic is wrong"
        left, _, right, result = done
        rest = _without(pool, left, right)
        if rest is None:
            return _NOT_LEFT
        self.path.append((goal, _pool([*rest, result])))
        return ""

    def _keeps(self, number: str, operation: str, goal: str, pool: str) -> str:
        wanted, left = self.path[-1]
        done, kept, needed, rest = _operation(operation), _one(number), _one(goal), _many(pool)
        if done is None or kept is None or needed is None:
            return "the arithmetic is wrong"
        if done[3] != wanted or {done[0], done[2]} != {kept, needed}:
            return "the operation does not lead to what is needed"
        if rest is None or _without(left, kept) != rest:
            return _NOT_LEFT
        self.path.append((needed, rest))
        return ""

    def _returns(self, goal: str, pool: str) -> str:
        state = (_one(goal), _many(pool))
        while len(self.path) > 1:
            self.path.pop()
            if self.path[-1] == state:
                return ""
        return "the search was never there"

    def _hits(self, goal: str) -> str:
        wanted, pool = self.path[-1]
        if pool != (wanted,) or _one(goal) != wanted:
            return "that is not what is left and needed"
        self.found = True
        return ""

    # What is said about the numbers.

    def _opens(self, goal: str, pool: str) -> str:
        return "" if (_one(goal), _many(pool)) == self.path[-1] else "that is not what is to be done"

    def _leaves(self, pool: str) -> str:
        return "" if _many(pool) == self.path[-1][1] else _NOT_LEFT

    def _aims(self, number: str, pair: str) -> str:
        two, wanted = _many(pair), _one(number)
        if two is None or len(two) != 2 or _without(self.path[-1][1], *two) is None:
            return _NOT_LEFT
        return "" if wanted in _results(*two) else "the two numbers do not make that"

    def _ends(self, pair: str, numbers: str, goal: str) -> str:
        wanted, pool = self.path[-1]
        listed = _many(numbers)
        if _many(pair) != pool or len(pool) != 2 or _one(goal) != wanted:
            return _NOT_LEFT
        possible = _results(*pool)
        if listed is None or not possible.issuperset(listed):
            return "the two numbers do not make that"
        if wanted in possible:
            return "the two numbers do make it"
        told = {number for number in possible if number > 0 and number.denominator == 1}.issubset(listed)
        return "" if told else "the two numbers make more than that"

    def _bounds(self, number: str, pool: str, goal: str) -> str:
        wanted, left = self.path[-1]
        most = _one(number)
        if _many(pool) != left or len(left) > _MOST_BOUNDED or most is None or _one(goal) != wanted:
            return _NOT_LEFT
        return "" if max(_all_results(left)) == most < wanted else "that is not the most, or is enough"

    def _misses(self, number: str, goal: str) -> str:
        wanted, pool = self.path[-1]
        if pool != (_one(number),) or _one(goal) != wanted:
            return _NOT_LEFT
        return "that is what is needed" if pool == (wanted,) else ""

    # The end.

    def _checks(self, work: str) -> str:
        if not self.found:
            return "nothing was found that could be checked"
        expression, equals, target = work.rpartition(" = ")
        if equals and target == str(self.game.target) and self._solves(expression):
            return ""
        pool: _Pool | None = _pool(map(Fraction, self.game.numbers))
        for operation in work.split(", "):
            done = _operation(operation)
            rest = _without(pool, done[0], done[2]) if done and pool else None
            if done is None or rest is None:
                return "the work does not lead from the numbers to the target"
            pool = _pool([*rest, done[3]])
        return (
            ""
            if pool == (Fraction(self.game.target),)
            else "the work does not lead from the numbers to the target"
        )

    def _uses(self, pool: str) -> str:
        if not self.found:
            return "nothing was found that could be checked"
        return "" if _many(pool) == self.path[0][1] else "these are not the numbers"

    def _ends_with(self, expression: str) -> str:
        if not self.found:
            return "nothing was found yet"
        return "" if self._solves(expression) else "the expression does not solve it"

    def _retracts(self) -> str:
        return "nothing wrong was said that could be taken back"

    def _solves(self, expression: str) -> bool:
        return check_answer(expression, self.game.numbers, self.game.target).correct


def _pool(numbers: Iterable[Fraction]) -> _Pool:
    return tuple(sorted(numbers))


def _one(text: str) -> Fraction | None:
    """The number that a text is."""
    return Fraction(text) if _ONE.fullmatch(text) else None


def _many(text: str) -> _Pool | None:
    """The numbers of "3", "3 and 5", "3, 5 and 7", sorted; None where one is none."""
    words = text.replace(" and ", ", ").split(", ")
    return _pool(map(Fraction, words)) if all(map(_ONE.fullmatch, words)) else None


def _operation(text: str) -> tuple[Fraction, str, Fraction, Fraction] | None:
    """(left, sign, right, result) of "8 - 5 = 3"; None where that is wrong."""
    match = _OPERATION.fullmatch(text)
    if match is None:
        return None
    left, right, result = Fraction(match[1]), Fraction(match[3]), Fraction(match[4])
    return (left, match[2], right, result) if operate(left, match[2], right) == result else None


def _without(pool: _Pool, *taken: Fraction) -> _Pool | None:
    """The pool without some numbers; None where it does not hold them."""
    rest = list(pool)
    for number in taken:
        if number not in rest:
            return None
        rest.remove(number)
    return tuple(rest)


def _results(one: Fraction, other: Fraction) -> set[Fraction]:
    """All that two numbers make."""
    made = [operate(*order) for sign in "+-*/" for order in ((one, sign, other), (other, sign, one))]
    return {result for result in made if result is not None}


def _all_results(pool: _Pool) -> set[Fraction]:
    """All that some numbers make; of few numbers only."""
    if len(pool) == 1:
        return set(pool)
    found: set[Fraction] = set()
    for one, other in combinations(range(len(pool)), 2):
        rest = [number for place, number in enumerate(pool) if place not in (one, other)]
        for result in _results(pool[one], pool[other]):
            found |= _all_results((*rest, result))
    return found


_RULES: dict[str, Callable[..., str]] = {
    "open": _Search._opens,
    "back": _Search._returns,
    "aim": _Search._aims,
    "keep": _Search._keeps,
    "join": _Search._joins,
    "left": _Search._leaves,
    "ends": _Search._ends,
    "bound": _Search._bounds,
    "miss": _Search._misses,
    "hit": _Search._hits,
    "check": _Search._checks,
    "used": _Search._uses,
    "done": _Search._ends_with,
    "retract": _Search._retracts,
}

"""Searches in the way of a program, in prose: a think block in the trace language, and the answer.

What is written is sound by construction, except for slips, which are taken back in the next sentence. Where the
search goes wrong it does so as one does who cannot see the end: with something that the program might well try.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tailor_core.demonstrations.countdown.arithmetic import Number, Tree, most, work, written
from tailor_core.demonstrations.countdown.choices import Choices, Item, Join, Keep
from tailor_core.environments.countdown.moves import Program, Wandering
from tailor_core.environments.countdown.spec import Countdown, read_spec
from tailor_core.environments.countdown.wording import Wording
from tailor_core.environments.teaching import Teaching
from tailor_core.records import Problem

UNANSWERED = "I cannot tell."
"""The answer to a problem that has none."""

_DEAD_ENDS: dict[Wandering, tuple[int, int]] = {"straight": (0, 0), "short": (1, 2), "long": (3, 5)}
"""How many at least and at most."""

_TEMPTING = 8
"""A search goes astray with one of its so many first choices that fail."""

_BOUNDED = 3
"""A bound is said of so many numbers at most."""

_State = tuple[Number, list[Item]]


def write_demonstration(problem: Problem, program: Program, rng: random.Random) -> tuple[str, str]:
    """(think text, answer text) of a program on a problem."""
    return narrate(read_spec(problem.spec), program, rng)


TEACHING = Teaching(Program, write_demonstration)


def narrate(game: Countdown, program: Program, rng: random.Random) -> tuple[str, str]:
    """(think text, answer text) of a program on a problem."""
    for whole in (True, False):  # fractions and numbers below one only where there is no other way
        choices = Choices(program, whole=whole)
        if choices.makes(game.target, game.numbers):
            return _Narrator(game, program, choices, rng).run()
    return UNANSWERED, UNANSWERED


class _Narrator:
    """The sentences so far, and what was set aside."""

    def __init__(self, game: Countdown, program: Program, choices: Choices, rng: random.Random) -> None:
        self.game = game
        self.program = program
        self.choices = choices
        self.rng = rng
        self.wording = Wording(program.voice_number)
        self.sentences: list[str] = []
        self.way: list[str] = []
        self.kept: list[Keep] = []
        self.dead_ends = rng.randint(*_DEAD_ENDS[program.wandering])
        # One step of the right way slips: any, but nothing is gone before the first.
        self.slips_at = rng.randint(
            min(program.slip == "reuse", len(game.numbers) - 2), len(game.numbers) - 2
        )

    def run(self) -> tuple[str, str]:
        goal: Number = self.game.target
        pool: list[Item] = [(number, number) for number in self.game.numbers]
        if self.program.opening == "target":
            self.say(self.wording.open(goal, self.game.numbers))
        for place in range(len(pool) - 1):
            steps = self._steps(goal, pool, first=place == 0)
            after = {step: self._after(goal, pool, step) for step in steps}
            right = [step for step in steps if self._leads(*after[step])]
            self._wander((goal, pool), [step for step in steps if step not in right])
            if place == self.slips_at:
                self._slip(pool, right[0])
            goal, pool = after[right[0]]
            self.way += self._tell(pool, right[0])
            if isinstance(right[0], Keep):
                self.kept.append(right[0])
        self.say(self.wording.hit(goal))
        return self._end(pool[0][1])

    def say(self, *sentences: str) -> None:
        self.sentences += sentences

    # Choosing.

    def _steps(self, goal: Number, pool: list[Item], *, first: bool) -> list[Join | Keep]:
        """What can be done next; numbers are joined where none can be set aside to any use."""
        direction = self.program.direction
        if direction == "backward" or (direction == "both" and first):
            keeps = self.choices.keeps(goal, pool)
            if any(self._leads(*self._after(goal, pool, keep)) for keep in keeps):
                return list(keeps)
        return list(self.choices.joins(goal, pool))

    def _after(self, goal: Number, pool: list[Item], step: Join | Keep) -> _State:
        """What is to be made of what after a step."""
        if isinstance(step, Keep):
            return step.needed, _without(pool, step.kept)
        return goal, [*_without(pool, step.left, step.right), step.item]

    def _leads(self, goal: Number, pool: list[Item]) -> bool:
        return self.choices.makes(goal, [number for number, _ in pool])

    # Telling.

    def _tell(self, pool: list[Item], step: Join | Keep) -> list[str]:
        """Say a step that leaves these numbers; what was said."""
        said = []
        if isinstance(step, Keep):
            said.append(self.wording.keep(step.kept[0], step.operation, step.needed, _numbers(pool)))
        else:
            if self.program.aiming == "pair":
                said.append(self.wording.aim(step.value, (step.left[0], step.right[0])))
            said.append(self.wording.join(step.operation))
            if self.program.stating == "left" and len(pool) > 1:
                said.append(self.wording.left(_numbers(pool)))
        self.say(*said)
        return said

    def _slip(self, pool: list[Item], step: Join | Keep) -> None:
        """Say the step wrongly, or one with a number that is gone, and take it back."""
        if self.program.slip == "none":
            return
        wrong = self.rng.randint(1, 3)
        if self.program.slip == "arithmetic":
            if isinstance(step, Keep):
                needed, left = step.needed + wrong, _numbers(_without(pool, step.kept))
                self.say(self.wording.keep(step.kept[0], step.worded(needed), needed, left))
            else:
                self.say(self.wording.join(f"{step.operation.rpartition(' ')[0]} {step.value + wrong}"))
        else:
            left = _numbers(pool)
            gone = [number for number in self.game.numbers if number not in left]
            if not gone:
                return
            number, other = self.rng.choice(gone), self.rng.choice(left)
            self.say(self.wording.join(f"{number} + {other} = {number + other}"))
        self.say(self.wording.retract())

    # Dead ends.

    def _wander(self, state: _State, failing: Sequence[Join | Keep]) -> None:
        """Try some of what fails, as far as dead ends are wanted, and come back."""
        tempting = failing[:_TEMPTING]
        if not self.dead_ends or not tempting:
            return
        wanted = min(self.rng.randint(1, self.dead_ends), len(tempting))
        self.dead_ends -= wanted
        for place in sorted(self.rng.sample(range(len(tempting)), wanted)):
            goal, pool = self._after(*state, tempting[place])
            self._tell(pool, tempting[place])
            self._fail(goal, pool)
            if self.program.backing == "start":
                self.say(self.wording.back(self.game.target, self.game.numbers), *self.way)
            else:
                self.say(self.wording.back(state[0], _numbers(state[1])))

    def _fail(self, goal: Number, pool: list[Item]) -> None:
        """Go on until it shows that the goal is not reached."""
        while not self._shows(goal, pool):
            step = self._steps(goal, pool, first=False)[0]
            goal, pool = self._after(goal, pool, step)
            self._tell(pool, step)

    def _shows(self, goal: Number, pool: list[Item]) -> bool:
        """Say why the goal is not reached, where that can be seen."""
        numbers = _numbers(pool)
        if len(numbers) == 1:
            self.say(self.wording.miss(numbers[0], goal))
            return True
        if self.program.pruning == "ends" and len(numbers) == 2:
            results = sorted({join.value for join in self.choices.joins(goal, pool)})
            self.say(self.wording.ends(numbers, results, goal))
            return True
        if self.program.pruning == "bounds" and len(numbers) <= _BOUNDED and most(numbers) < goal:
            self.say(self.wording.bound(most(numbers), numbers, goal))
            return True
        return False

    # The end.

    def _end(self, tree: Tree) -> tuple[str, str]:
        for keep in reversed(self.kept):
            tree = keep.tree(tree)
        answer = written(tree, grouped=self.program.answer == "grouped")
        if self.program.verification == "expression":
            self.say(self.wording.check(f"{answer} = {self.game.target}"))
        elif self.program.verification == "steps":
            self.say(self.wording.check(", ".join(work(tree))))
        if self.program.usage == "each":
            self.say(self.wording.used(self.game.numbers))
        if self.program.summary == "done":
            self.say(self.wording.done(answer))
        return " ".join(self.sentences), answer


def _numbers(pool: Sequence[Item]) -> list[Number]:
    return [number for number, _ in pool]


def _without(pool: Sequence[Item], *taken: Item) -> list[Item]:
    left = list(pool)
    for item in taken:
        left.remove(item)
    return left

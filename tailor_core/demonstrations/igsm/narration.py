"""Works a problem out in the way of a program, in prose: a think block in the trace language, and the answer.

What is written is sound by construction, except for slips, which are taken back in the next sentence.
"""

from __future__ import annotations

import random

from tailor_core.demonstrations.igsm.computations import Calculator, Operand
from tailor_core.demonstrations.igsm.schedule import Schedule
from tailor_core.environments.igsm.arithmetic import BOUND
from tailor_core.environments.igsm.moves import Program
from tailor_core.environments.igsm.solution import letters
from tailor_core.environments.igsm.spec import Named, read_spec
from tailor_core.environments.igsm.structure import Parameter
from tailor_core.environments.igsm.wording import Wording
from tailor_core.environments.teaching import Teaching
from tailor_core.records import Problem

UNANSWERED = "I cannot tell."
"""The answer to a problem that has none."""

_ANSWERS = {"number": "{}", "sentence": "The answer is {}.", "boxed": "\\boxed{{{}}}"}


def write_demonstration(problem: Problem, program: Program, rng: random.Random) -> tuple[str, str]:
    """(think text, answer text) of a program on a problem."""
    return narrate(read_spec(problem.spec), program, rng)


TEACHING = Teaching(Program, write_demonstration)


def narrate(named: Named, program: Program, rng: random.Random) -> tuple[str, str]:
    """(think text, answer text) of a program on a problem."""
    answer = named.scenario.answer
    if answer is None:
        return UNANSWERED, UNANSWERED
    return " ".join(_Narrator(named, program, rng).run()), _ANSWERS[program.answer].format(answer)


class _Narrator:
    """The sentences so far, and the symbols of what was found."""

    def __init__(self, named: Named, program: Program, rng: random.Random) -> None:
        self.named = named
        self.scenario = named.scenario
        self.program = program
        self.rng = rng
        self.wording = Wording(named, program.voice_number)
        self.schedule = Schedule(self.scenario, program.order)
        self.calculator = Calculator(self.scenario, program)
        self.free = letters(rng)
        self.symbols: dict[Parameter, Operand] = {}
        self.asked: set[Parameter] = set()
        self.sentences: list[str] = []
        self.last: Parameter | None = None
        # The first, second or third chance to slip is taken, so that a slip is no fixed place in a trace.
        self.slip_after = rng.randint(0, 2)

    def run(self) -> list[str]:
        self._begin()
        turns = self.schedule.forward if self.program.direction == "forward" else self.schedule.backward
        for turn in turns():
            if turn.kind == "ask":
                self._ask(turn.parameter)
            else:
                self._find(turn.parameter)
        self._end()
        return self.sentences

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    # The beginning.

    def _begin(self) -> None:
        needed = [turn.parameter for turn in self.schedule.forward()]
        if self.program.listing == "needed":
            self.say(self.wording.list(needed))
        elif self.program.listing == "unneeded":
            for parameter in self.scenario.statements:
                if parameter not in self.schedule.place:
                    self.say(self.wording.skip(parameter))
        if self.program.restating == "all":
            for parameter in self.scenario.statements:
                if parameter in self.schedule.place:
                    self._restate(parameter)

    def _restate(self, parameter: Parameter) -> None:
        if parameter in self.scenario.statements:
            self.say(self.wording.restate(parameter, self.scenario.statements[parameter]))

    # Finding a parameter.

    def _ask(self, parameter: Parameter) -> None:
        if parameter in self.asked:
            return
        self.asked.add(parameter)
        needs = self.scenario.needs(parameter)
        self.say(self.wording.need(parameter, needs) if needs else self.wording.given(parameter))

    def _find(self, parameter: Parameter) -> None:
        self._slip_before(parameter)
        if self.program.focus == "place" and (self.last is None or self.last[0] != parameter[0]):
            self.say(self.wording.focus_place(parameter[0]))
        elif self.program.focus == "parameter":
            self.say(self.wording.focus_parameter(parameter))
        if self.program.restating == "each":
            self._restate(parameter)
        if self.program.asking == "needs":
            self._ask(parameter)
        self._compute(parameter)
        self.last = parameter
        if self.program.progress == "count" and len(self.symbols) < len(self.schedule.needed):
            self.say(self.wording.left(len(self.schedule.needed) - len(self.symbols)))

    def _compute(self, parameter: Parameter) -> None:
        value = self.calculator.value(parameter, self.symbols)
        if self.program.naming == "letters":
            letter = next(self.free)
            computation = self.calculator.lettered(parameter, letter, self.symbols, self.free)
            sentences = [
                self.wording.define(parameter, letter, c) for c in (self._wrong(computation), computation)
            ]
            symbol = letter
        else:
            computation = self.calculator.chain(parameter, self.symbols)
            sentences = [self.wording.compute(parameter, c) for c in (self._wrong(computation), computation)]
            symbol = self.named.name(parameter)
        if self.program.slip == "arithmetic" and self._slips():
            self.say(sentences[0])
            self.say(self.wording.retract())
        self.say(sentences[1])
        self.symbols[parameter] = (symbol, value)

    # Slips.

    def _slips(self) -> bool:
        """Is this the chance to slip that is taken? At the last parameter it is in any case.

        Nothing needs the question, so what begins too early has no chance there, and one trace in nine of short
        problems has no such slip. The tokenizer of `tiny-igsm` was made from such traces, so they stay as they are.
        """
        self.slip_after -= 1
        late = self.slip_after > -1 and len(self.symbols) + 1 == len(self.schedule.needed)
        if late:
            self.slip_after = -1
        return self.slip_after == -1

    def _wrong(self, computation: str) -> str:
        """The computation with another result, as a slip of the pen would have it."""
        head, _, last = computation.rpartition(" ")
        most = self.scenario.modulus or BOUND
        offsets = [offset for offset in (1, 2, 10, most - 1) if offset % most]
        wrong = (int(last) + self.rng.choice(offsets)) % most
        return f"{head} {wrong}" if head else str(wrong)

    def _slip_before(self, parameter: Parameter) -> None:
        if self.program.slip == "premature":
            self._begin_too_early(parameter)
        elif self.program.slip == "unneeded":
            self._begin_needless()

    def _begin_too_early(self, parameter: Parameter) -> None:
        """Turn to something that needs what comes now, and notice that."""
        users = [p for p in self.schedule.needed if parameter in self.scenario.needs(p)]
        if users and self._slips():
            user = self.rng.choice(users)
            self.say(self.wording.focus_parameter(user))
            self.say(self.wording.blocked(user, parameter))

    def _begin_needless(self) -> None:
        """Work something out that the question does not need, and take it back."""
        known = self.symbols.keys()
        needless = [
            parameter
            for parameter, expression in self.scenario.statements.items()
            if parameter not in self.schedule.place and known >= set(expression.terms)
        ]
        if not needless or not self._slips():
            return
        parameter = self.rng.choice(needless)
        if self.program.naming == "letters":
            # The letters are free again once the sentence is taken back; new ones come all the same.
            letter = next(self.free)
            computation = self.calculator.lettered(parameter, letter, self.symbols, self.free)
            self.say(self.wording.define(parameter, letter, computation))
        else:
            self.say(self.wording.compute(parameter, self.calculator.chain(parameter, self.symbols)))
        self.say(self.wording.retract())
        self.say(self.wording.skip(parameter))

    # The end.

    def _end(self) -> None:
        if self.program.verification == "answer":
            self._check(self.scenario.question)
        elif self.program.verification == "all":
            for parameter in self.schedule.needed:
                self._check(parameter)
        if self.program.bounds == "all":
            self.say(self.wording.bounds((self.scenario.modulus or BOUND) - 1))
        if self.program.summary == "done":
            self.say(self.wording.done(self.symbols[self.scenario.question][1]))

    def _check(self, parameter: Parameter) -> None:
        self.say(self.wording.check(parameter, self.calculator.chain(parameter, self.symbols)))

"""The environment `countdown`: one door to what the other modules of this package do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from tailor_core.environments.base import AnswerCheck, Solutions, StepReport
from tailor_core.environments.countdown import answers, formats, generator
from tailor_core.environments.countdown import options as options_module
from tailor_core.environments.countdown.options import CountdownOptions
from tailor_core.environments.countdown.solver import all_solutions
from tailor_core.environments.countdown.spec import canonical_hash, read_spec, render
from tailor_core.records import Problem


class CountdownGame:
    """Countdown as an `Environment`; stateless."""

    name = generator.ENVIRONMENT
    options_model = CountdownOptions
    main_difficulty = "numbers"

    def generate(
        self,
        options: CountdownOptions,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> list[Problem]:
        """Solvable problems; `difficulty` is how many numbers they have, else `options.numbers` take turns."""
        return list(
            generator.stream(
                options, count=count, split=split, seed=seed, exclude=exclude, difficulty=difficulty
            )
        )

    def stream(
        self,
        options: CountdownOptions,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> Iterator[Problem]:
        """The same problems, one at a time."""
        return generator.stream(
            options, count=count, split=split, seed=seed, exclude=exclude, difficulty=difficulty
        )

    def ood_levels(self, options: CountdownOptions) -> dict[str, CountdownOptions]:
        """Splits `ood_numbers_<n>` and `ood_target_<bound>`, as far as asked for."""
        return options_module.ood_levels(options)

    def render(self, spec: Mapping[str, Any]) -> str:
        """The question."""
        return render(read_spec(spec))

    def read_spec(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """`metadata.spec` of a row, or the numbers and the target of a peer's."""
        return formats.spec_of(row)

    def solve(self, spec: Mapping[str, Any]) -> Solutions:
        """All solutions, counted up to the order and grouping of sums and products; `first` is the shortest."""
        found = all_solutions(read_spec(spec))
        return Solutions(count=len(found), first=found[0] if found else None, any_answers=True)

    def check_answer(self, problem: Problem, answer_text: str) -> AnswerCheck:
        """One expression, evaluated exactly; see `answers`."""
        return answers.check_answer(answer_text, problem.spec["numbers"], problem.spec["target"])

    def check_steps(self, problem: Problem, think: str) -> StepReport:
        """Check a think block sentence by sentence."""
        from tailor_core.environments.countdown.steps import check_steps

        return check_steps(read_spec(problem.spec), think)

    def count_moves(self, think: str) -> dict[str, int]:
        """Steps by kind, and voices."""
        from tailor_core.environments.countdown.step_language import LANGUAGE

        return LANGUAGE.count_moves(think)

    def canonical_hash(self, spec: Mapping[str, Any]) -> str:
        """Equal exactly for the same numbers in any order with the same target."""
        return canonical_hash(read_spec(spec))

    def from_record(self, row: Mapping[str, Any]) -> Problem:
        """A problem from a row in Tailor's own, TinyZero's, verl's or reasoning-gym's form."""
        return formats.from_record(row)

    def to_record(self, problem: Problem) -> dict[str, Any]:
        """The TinyZero row of a problem."""
        return formats.to_record(problem)

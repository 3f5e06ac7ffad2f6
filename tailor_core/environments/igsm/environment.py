"""The environment `igsm`: one door to what the other modules of this package do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tailor_core.environments.base import AnswerCheck, Solutions, StepReport
from tailor_core.environments.igsm import answers, canonical, formats, generator
from tailor_core.environments.igsm import options as options_module
from tailor_core.environments.igsm.options import IGSMOptions
from tailor_core.environments.igsm.rendering import render
from tailor_core.environments.igsm.solution_check import AnswerKey, SolutionCheck
from tailor_core.environments.igsm.spec import Named, read_spec
from tailor_core.records import Problem


class IGSM:
    """iGSM as an `Environment`; stateless."""

    name = generator.ENVIRONMENT
    options_model = IGSMOptions
    main_difficulty = "op"

    def generate(
        self,
        options: IGSMOptions,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> list[Problem]:
        """Problems of exactly so many operations; `difficulty` is their number, else the options draw it."""
        return list(
            generator.stream(
                options, count=count, split=split, seed=seed, exclude=exclude, difficulty=difficulty
            )
        )

    def stream(
        self,
        options: IGSMOptions,
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

    def ood_levels(self, options: IGSMOptions) -> dict[str, IGSMOptions]:
        """Splits `ood_op_<n>`, as far as asked for."""
        return options_module.ood_levels(options)

    def render(self, spec: Mapping[str, Any]) -> str:
        """The question in the published wording."""
        named = read_spec(spec)
        scenario = named.scenario
        return render(named.categories, named.items, scenario.statements, scenario.question, scenario.modulus)

    def read_spec(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """`metadata.spec` of a row, or what the question of a published row says."""
        return formats.spec_of_row(row)

    def solve(self, spec: Mapping[str, Any]) -> Solutions:
        """One solution, the answer as a number; none where parameters need each other."""
        answer = read_spec(spec).scenario.answer
        return Solutions(count=int(answer is not None), first=answer)

    def check_answer(self, problem: Problem, answer_text: str) -> AnswerCheck:
        """One whole number, in one of four forms; see `answers`."""
        return answers.check_answer(answer_text, problem.metadata["spec"]["answer"])

    def check_solution(self, problem: Problem, text: str) -> SolutionCheck:
        """A full check of a template solution; see `solution_check`."""
        return answer_key(problem).check(text)

    def check_steps(self, problem: Problem, think: str) -> StepReport:
        """Check a think block sentence by sentence."""
        from tailor_core.environments.igsm.steps import check_steps

        return check_steps(answer_key(problem), think)

    def count_moves(self, think: str) -> dict[str, int]:
        """Steps by kind, and voices."""
        from tailor_core.environments.igsm.step_language import LANGUAGE

        return LANGUAGE.count_moves(think)

    def canonical_hash(self, spec: Mapping[str, Any]) -> str:
        """Equal exactly for problems that differ only by names and order."""
        return canonical.canonical_hash(read_spec(spec).scenario)

    def from_record(self, row: Mapping[str, Any]) -> Problem:
        """A problem from a row in Tailor's own or the published form."""
        return formats.from_record(row)

    def to_record(self, problem: Problem) -> dict[str, Any]:
        """The published row of a problem, with a template solution."""
        return formats.to_record(problem)


def named_of(problem: Problem) -> Named:
    """The scenario of a problem, with its names."""
    return read_spec(problem.spec)


@dataclass(frozen=True, slots=True)
class _ByText:
    """A problem as a key of the cache below: what it asks says which it is."""

    question: str
    canonical_hash: str
    problem: Problem = field(compare=False)


@lru_cache(maxsize=1024)
def _key_of(asked: _ByText) -> AnswerKey:
    """Every problem comes back for each completion of its group; read it once."""
    return AnswerKey(named_of(asked.problem))


def answer_key(problem: Problem) -> AnswerKey:
    """What checks of solutions need to know of a problem."""
    return _key_of(_ByText(problem.question, problem.canonical_hash, problem))

"""The environment `kk`: one door to what the other modules of this package do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from tailor_core.environments.base import AnswerCheck, Solutions, StepReport
from tailor_core.environments.knights_knaves import answers, canonical, formats, generator
from tailor_core.environments.knights_knaves import options as options_module
from tailor_core.environments.knights_knaves.options import KnightsKnavesOptions
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.rendering import render
from tailor_core.environments.knights_knaves.spec import read_spec, read_templates
from tailor_core.records import Problem


class KnightsKnaves:
    """Knights and knaves as an `Environment`; stateless."""

    name = generator.ENVIRONMENT
    options_model = KnightsKnavesOptions
    main_difficulty = "people"

    def generate(
        self,
        options: KnightsKnavesOptions,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> list[Problem]:
        """Uniquely solvable puzzles; `difficulty` is a number of people, else `options.people` take turns."""
        return list(
            generator.stream(
                options, count=count, split=split, seed=seed, exclude=exclude, difficulty=difficulty
            )
        )

    def stream(
        self,
        options: KnightsKnavesOptions,
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

    def ood_levels(self, options: KnightsKnavesOptions) -> dict[str, KnightsKnavesOptions]:
        """Splits `ood_people_<n>`, `ood_depth_<n>`, `ood_names` and `ood_roles`, as far as asked for."""
        return options_module.ood_levels(options)

    def render(self, spec: Mapping[str, Any]) -> str:
        """The question in the peers' wording."""
        puzzle = read_spec(spec)
        return render(puzzle, read_templates(spec, puzzle.people))

    def read_spec(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """`metadata.spec` of a row, or a peer's flat row, which holds the same fields."""
        return formats.spec_of(row)

    def solve(self, spec: Mapping[str, Any]) -> Solutions:
        """All solutions, counted; `first` is the one of the lowest number."""
        puzzle = read_spec(spec)
        if not puzzle.solutions:
            return Solutions(count=0, first=None)
        world = (puzzle.solutions & -puzzle.solutions).bit_length() - 1
        return Solutions(
            count=puzzle.n_solutions, first=[bool(world >> person & 1) for person in range(puzzle.people)]
        )

    def check_answer(self, problem: Problem, answer_text: str) -> AnswerCheck:
        """Every person exactly once, in one of two forms; see `answers`."""
        spec = problem.metadata["spec"]
        roles = spec["roles"]
        return answers.check_answer(
            answer_text, spec["names"], spec["solution"], roles["knight"], roles["knave"]
        )

    def check_steps(self, problem: Problem, think: str) -> StepReport:
        """Check a think block sentence by sentence."""
        from tailor_core.environments.knights_knaves.steps import check_steps

        return check_steps(puzzle_of(problem), think)

    def count_moves(self, think: str) -> dict[str, int]:
        """Steps by kind, steps that weigh a claim clause by clause (`weigh`), and voices."""
        from tailor_core.environments.knights_knaves.step_language import count_moves

        return count_moves(think)

    def canonical_hash(self, spec: Mapping[str, Any]) -> str:
        """Equal exactly for puzzles that differ by renaming and re-ordering alone."""
        return canonical.canonical_hash(read_spec(spec).statements)

    def from_record(self, row: Mapping[str, Any]) -> Problem:
        """A problem from a row in Tailor's own, mem-kk or Logic-RL form."""
        return formats.from_record(row)

    def to_record(self, problem: Problem) -> dict[str, Any]:
        """The mem-kk row of a problem."""
        return formats.to_record(problem)


def puzzle_of(problem: Problem) -> Puzzle:
    """The puzzle of a problem."""
    return read_spec(problem.spec)

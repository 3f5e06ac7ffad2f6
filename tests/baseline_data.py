"""What the tests of baselines share: small recipes, a model in place of one, and the tables that a method makes."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tailor_core.config.baselines import Method
from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe
from tailor_core.demonstrations.misreading import misread
from tailor_core.environments import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.records import (
    Demonstration,
    Primitive,
    Problem,
    SelectionDecision,
    Verdict,
    completion_text,
)

FAMILIES: dict[str, dict[str, Any]] = {
    "kk": {"people": [3]},
    "igsm": {"setting": "tiny"},
    "countdown": {},
}
PROGRAMS: tuple[Method, ...] = (
    "rule-based",
    "4-star",
    "empty-cot",
    "dots",
    "all-wrong",
    "behavior-injection",
)
SAMPLED: tuple[Method, ...] = ("self-stitch", "re-distillation-a", "re-distillation-b")
BASELINES = (*PROGRAMS, *SAMPLED)
TOKENS = 2500
DATA = ("primitives", "demonstrations", "verdicts", "selection", "sft_dataset")

HABITS = {
    "kk": {"verification": "check", "backtracking": "reject", "subgoals": "open", "backward": "ask"},
    "igsm": {"verification": "check", "backtracking": "blocked", "subgoals": "list", "backward": "need"},
    "countdown": {"verification": "check", "backtracking": "back", "subgoals": "aim", "backward": "keep"},
}
"""The move, as the environment's classifier counts it, that shows each of the four habits."""


def recipe(family: str = "kk", method: Method = "tailor", **sections: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "baseline",
        "seed": 3,
        "method": method,
        "environment": {"name": family, "options": FAMILIES[family]},
        "problems": {"train": 40, "validation": 4, "test": 6, "ood": 0},
        "primitives": {
            "probe_problems": 6,
            "candidates_per_round": 6,
            "rounds": 1,
            "max_primitives": 4,
            "max_tokens": 900,
        },
        "demonstrations": {"total": 40},
        "selection": {"budget": 20, "token_budget": TOKENS},
        "baselines": {"problems": 16, "samples": 6},
    }
    return make_recipe({**values, **sections}, "a test")


class Model:
    """A model in place of one: it solves as the plainest program does, or errs, by turns; alone it is right."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.sampled: list[Sampling] = []
        self._problems = {problem.question: problem for problem in problems}

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, on_done: Callable[[int], None] | None = None
    ) -> list[list[Completion]]:
        self.sampled.append(sampling)
        groups = []
        for messages in prompts:
            problem = self._problems[messages[-1]["content"]]
            groups.append([self._answer(problem, sample) for sample in range(sampling.n)])
            if on_done:
                on_done(sampling.n)
        return groups

    def _answer(self, problem: Problem, sample: int) -> Completion:
        other = misread(problem, sample) if sample % 3 == 0 and self._errs(problem) else problem
        think, answer = plainly(other)
        text = think if sample % 3 == 2 else completion_text(think, answer)  # the third is out of form
        return Completion(text=text, finish="stop", usage=Usage())

    def _errs(self, problem: Problem) -> bool:
        return int(problem.id[-1], 16) % 2 == 0


def plainly(problem: Problem) -> tuple[str, str]:
    """What the plainest program makes of a problem: thoughts and answer."""
    teaching = get_teaching(problem.environment)
    return teaching.write(problem, teaching.program(), random.Random(sum(problem.id.encode())))


@dataclasses.dataclass(frozen=True)
class Made:
    """The tables of the data stages of one method."""

    problems: dict[str, Problem]
    primitives: list[Primitive]
    demonstrations: list[Demonstration]
    verdicts: dict[str, Verdict]
    decisions: list[SelectionDecision]
    summaries: Mapping[str, Mapping[str, Any]]
    sampled: list[Sampling]
    root: Path
    shared: Path

    @property
    def kept(self) -> list[Demonstration]:
        wanted = {decision.demonstration_id for decision in self.decisions if decision.kept}
        return [one for one in self.demonstrations if one.id in wanted]

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.kept)

    def shares(self) -> dict[str, float]:
        """The share of kept traces that show each move."""
        moves = [get_environment(self.family).count_moves(one.think) for one in self.kept]
        return {move: sum(move in one for one in moves) / len(moves) for move in set().union(*moves)}

    @property
    def family(self) -> str:
        return next(iter(self.problems.values())).environment


Make = Callable[..., Made]

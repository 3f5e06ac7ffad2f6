"""A taskset of `verifiers` (0.4 and newer) over any family, `tailor_taskset` to its commands.

    vf-validate tailor_taskset --taskset.family igsm --taskset.size 20 --runtime.type subprocess

The reward is 1 for a right answer in the right form and 0 for all else; how much of it is right is a metric.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from tailor_core.environments import Wanted, get_environment, read_options
from tailor_core.environments.rows import json_object, problem_from_json, problem_to_json
from tailor_core.errors import MissingExtraError
from tailor_core.records import Problem, canonical_json, completion_text
from tailor_core.verification import score

try:
    import verifiers.v1 as vf
except ImportError as error:
    raise MissingExtraError(
        f"verifiers is not installed ({error}); install it with pip install 'tailor[verifiers]'"
    ) from error

__all__ = ["TailorTaskset"]

_FORM = (
    "Reason inside <think> and </think>, then give the answer alone inside <answer> and </answer>. "
    "Write nothing before, between or after the two."
)


class TailorData(vf.TaskData):  # type: ignore[misc]  # verifiers is an extra: its types may not be there
    """A problem on the wire; `problem` is all of it as JSON text."""

    problem: str


class TailorTask(vf.Task[TailorData]):  # type: ignore[misc]
    """A problem with its score."""

    @property
    def key(self) -> str:
        """The id of the problem, which does not depend on its place."""
        return str(self.data.id)

    @property
    def problem(self) -> Problem:
        """The problem itself; InputError where the data holds none."""
        return problem_from_json(json_object(self.data.problem, "problem"))

    @vf.reward  # type: ignore[untyped-decorator]
    async def correct(self, trace: Any) -> float:
        """1.0 where form and answer are right."""
        return score(self.problem, trace.last_reply).reward

    @vf.metric  # type: ignore[untyped-decorator]
    async def partly_correct(self, trace: Any) -> float:
        """What the answer earns in the mode `partial`."""
        return score(self.problem, trace.last_reply, "partial").reward

    @vf.metric  # type: ignore[untyped-decorator]
    async def well_formed(self, trace: Any) -> float:
        """1.0 where think and answer blocks are as they should be."""
        return float(bool(score(self.problem, trace.last_reply).checks["well_formed"]))

    async def validate(self, runtime: Any) -> bool | None:
        """Does the recorded answer earn the reward? None where none is recorded."""
        problem = self.problem
        if not problem.answer:
            return None
        return score(problem, completion_text("As recorded.", problem.answer)).reward == 1.0


class TailorConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which problems: `family` and `options` as in `tailor problems`, `size` of them from one split."""

    family: str = "kk"
    options: dict[str, Any] = Field(default_factory=dict)
    split: str = "test"
    seed: int = 0
    size: int = 100


class TailorTaskset(vf.Taskset[TailorTask, TailorConfig]):  # type: ignore[misc]
    """Problems of one family and split, one at a time; InputError or RecipeError where the configuration is wrong."""

    def load(self) -> Iterator[TailorTask]:
        """A task for each problem."""
        config = self.config
        wanted = Wanted(
            environment=get_environment(config.family),
            options=read_options(config.family, config.options),
            splits={config.split: config.size},
            seed=config.seed,
        )
        for problem in wanted.problems(config.split):
            yield TailorTask(
                TailorData(
                    id=problem.id,
                    name=f"{config.family} {problem.id}",
                    prompt=problem.question,
                    system_prompt=_FORM,
                    problem=canonical_json(problem_to_json(problem)),
                ),
                config.task,
            )

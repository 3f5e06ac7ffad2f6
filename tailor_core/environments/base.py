"""What an environment is, and where environments are found.

An environment owns a family of problems: it generates, renders, solves and checks them. It knows nothing of
models, prompts or rewards. A package of the user's own adds one by an entry point in the group
`tailor.environments` whose value is a class without constructor arguments that follows `Environment`; how the
family is taught, if it is, is another matter (`teaching`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, cast, runtime_checkable

from pydantic import BaseModel, ValidationError

from tailor_core.environments.plugins import ENVIRONMENTS, find_plugin, first_line, plugin_names
from tailor_core.errors import RecipeError, TailorError
from tailor_core.records import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Solutions:
    """All solutions of a spec, counted; `first` is one of them (JSON values), None where there is none.

    any_answers: whether each of several answers the question; else only the sole solution does
    """

    count: int
    first: Any
    any_answers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCheck:
    """What an answer text is worth. `matched` in [0, 1] is the share that is right; 0 unless `parsed`.

    `credit` is what the family itself pays for the answer in the mode `partial`, where it has a scale of its own.
    """

    correct: bool
    matched: float
    reason: str
    parsed: bool
    credit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """What a step-by-step check found in a think block.

    sound:        every step follows (errors that were taken back at once do not count against it)
    steps:        steps that were read
    errors_found: steps that do not follow, recovered ones included
    recovered:    errors that the trace itself took back
    moves:        how often each reasoning move was seen
    reason:       empty when sound, else one sentence on the first thing wrong
    guessed:      what the end takes for granted without a look, in a sentence: a teacher's trace may leave that
                  out, but not the answer of a model that is to have reasoned; empty where all was looked at
    """

    sound: bool
    steps: int
    errors_found: int
    recovered: int
    moves: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    guessed: str = ""


class Environment(Protocol):
    """A family of problems with checkable answers.

    `options` is always an instance of `options_model`; `spec` is what `Problem.spec` holds (JSON values).
    `main_difficulty` names the whole number in `Problem.difficulty` that tells how hard a problem is.
    Nothing here raises on a wrong answer; a spec or row that cannot be read is an `InputError`. A class may also have
    `stream` (see `Streams`), and in `libraries` the distributions whose version decides on the problems.
    """

    name: str
    options_model: type[BaseModel]
    main_difficulty: str

    def generate(
        self,
        options: Any,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> list[Problem]:
        """`count` problems with distinct canonical hashes, none in `exclude`, all belonging to `split` alone.

        The same arguments give the same problems; a larger count only adds to them.
        """
        ...

    def ood_levels(self, options: Any) -> Mapping[str, Any]:
        """Name of each out-of-distribution split -> the options that generate it."""
        ...

    def render(self, spec: Mapping[str, Any]) -> str:
        """The question text of a spec."""
        ...

    def read_spec(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec of one row in Tailor's or a peer's format, solvable or not."""
        ...

    def solve(self, spec: Mapping[str, Any]) -> Solutions:
        """Count the solutions of a spec, and give one."""
        ...

    def check_answer(self, problem: Problem, answer_text: str) -> AnswerCheck:
        """Compare an answer (the text inside the answer tags) with the solution, strictly."""
        ...

    def check_steps(self, problem: Problem, think: str) -> StepReport:
        """Check the reasoning itself, step by step."""
        ...

    def count_moves(self, think: str) -> dict[str, int]:
        """How often each reasoning move is seen in any text, told by its wording alone.

        `other` counts sentences of no known form, `voice:<name>` those in a voice's wording; zeros are left out.
        """
        ...

    def canonical_hash(self, spec: Mapping[str, Any]) -> str:
        """Equal exactly for specs that differ only by renaming and re-ordering."""
        ...

    def from_record(self, row: Mapping[str, Any]) -> Problem:
        """A problem from one row in Tailor's or a peer's format."""
        ...

    def to_record(self, problem: Problem) -> dict[str, Any]:
        """The row of a problem in the peers' format."""
        ...


@runtime_checkable
class Streams(Protocol):
    """An environment that can also hand out its problems one at a time, so that any number of them fits in memory."""

    def stream(
        self,
        options: Any,
        *,
        count: int,
        split: str,
        seed: int,
        exclude: Set[str] = frozenset(),
        difficulty: int | None = None,
    ) -> Iterator[Problem]:
        """The problems of `generate` in their order."""
        ...


def stream(
    environment: Environment,
    options: Any,
    *,
    count: int,
    split: str,
    seed: int,
    difficulty: int | None = None,
) -> Iterator[Problem]:
    """The problems that `generate` gives, one at a time; all are made at once where there is no other way."""
    if isinstance(environment, Streams):
        return environment.stream(options, count=count, split=split, seed=seed, difficulty=difficulty)
    return iter(environment.generate(options, count=count, split=split, seed=seed, difficulty=difficulty))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which problems to draw, with these options and this seed: so many of each split."""

    environment: Environment
    options: Any
    splits: Mapping[str, int]
    seed: int

    def problems(self, split: str) -> Iterator[Problem]:
        """The problems of a split; that of an out-of-distribution level has the options of that level."""
        options = self.environment.ood_levels(self.options).get(split, self.options)
        return stream(self.environment, options, count=self.splits[split], split=split, seed=self.seed)


def known_environments() -> list[str]:
    """The names that `get_environment` accepts, sorted; those of collections (`rg:NAME`) aside."""
    return plugin_names(ENVIRONMENTS)


@cache
def get_environment(name: str) -> Environment:
    """The environment called `name`; RecipeError when there is none, or its package is at fault."""
    plugin = find_plugin(ENVIRONMENTS, name)
    if plugin is None:
        raise RecipeError(
            f"environment.name = {name!r} is not known; use one of {', '.join(known_environments())}, or rg: and the "
            "name of a data set of reasoning-gym, such as rg:leg_counting, or install a package with an entry "
            f"point of that name in the group {ENVIRONMENTS!r}"
        )
    made = plugin.load()
    try:
        environment = made(*plugin.arguments)
    except TailorError:
        raise
    except Exception as error:
        raise plugin.broken(f"makes no environment ({first_line(error)})") from error
    if fault := _fault(environment, name):
        raise plugin.broken(fault)
    return cast(Environment, environment)


def _fault(environment: Any, name: str) -> str:
    """What keeps an object from being the environment `name`; empty where it has all parts."""
    if missing := [part for part in (*_DATA, *_METHODS) if not hasattr(environment, part)]:
        return f"lacks {', '.join(missing)}, so it is no environment; see tailor_core.environments.base.Environment"
    if environment.name != name:
        return f"has the name {environment.name!r}, but must have that under which it is registered"
    options = environment.options_model
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        return "has an options_model that is no pydantic model"
    if not isinstance(environment.main_difficulty, str):
        return "has a main_difficulty that is no text"
    if uncallable := [part for part in _METHODS if not callable(getattr(environment, part))]:
        return f"has {', '.join(uncallable)}, but not as a method"
    return ""


def read_options(environment: str, options: Mapping[str, Any]) -> Any:
    """The recipe's `[environment.options]` as the environment's own model; RecipeError naming the key."""
    model = get_environment(environment).options_model
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(["environment.options", *map(str, first["loc"])])
        known = (
            f"; the keys are {', '.join(model.model_fields)}" if first["type"] == "extra_forbidden" else ""
        )
        message = first["msg"].removeprefix("Value error, ")
        raise RecipeError(f"{field} = {first['input']!r}: {message}{known}") from None


_DATA = ("name", "options_model", "main_difficulty")
_METHODS = (
    "generate",
    "ood_levels",
    "render",
    "read_spec",
    "solve",
    "check_answer",
    "check_steps",
    "count_moves",
    "canonical_hash",
    "from_record",
    "to_record",
)

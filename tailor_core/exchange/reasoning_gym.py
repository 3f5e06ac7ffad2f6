"""Tailor's families as data sets of reasoning-gym: `tailor_kk` and so on, and one for each that a package adds.

Import this module, and they are registered:

    import reasoning_gym, tailor_core.exchange.reasoning_gym
    data = reasoning_gym.create_dataset("tailor_kk", size=100, seed=7, split="train", people=(3, 4))

The configuration has `size`, `seed` and `split`, and the options of the family. No seed brings a problem of one split
into another; a score is 1 for the right answer and 0 for all else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from pydantic import BaseModel

from tailor_core.environments import Wanted, get_environment, known_environments, read_options
from tailor_core.errors import InputError, MissingExtraError, RecipeError
from tailor_core.records import Problem, content_id

try:
    from reasoning_gym.coaching import BaseCurriculum, ScalarAttributeDefinition
    from reasoning_gym.dataset import ProceduralDataset
    from reasoning_gym.factory import DATASETS, register_dataset
except ImportError as error:
    raise MissingExtraError(
        f"reasoning-gym is not installed ({error}); install it with pip install 'tailor[reasoning-gym]'"
    ) from error

_BLOCK = 32
"""Problems that are drawn together: different from each other, and of every difficulty."""

_OWN = frozenset({"size", "seed", "split"})
"""Fields of a configuration that are not options of the family."""

_LEVELS = {"countdown": range(2, 7), "igsm": range(4, 16), "kk": range(2, 9)}
"""Family -> the levels of its main difficulty; the option of that name is set to one after the other."""


class FamilyConfig:
    """What the configurations of all families can do; subclasses are dataclasses made by `config_class`."""

    family: str
    size: int
    seed: int | None
    split: str

    def validate(self) -> None:
        """InputError or RecipeError, in one sentence, where a value is wrong."""
        if self.size < 1:
            raise InputError(f"size = {self.size}, but must be at least 1")
        self.options()

    def options(self) -> Any:
        """The options of the family."""
        names = get_environment(self.family).options_model.model_fields
        return read_options(self.family, {name: getattr(self, name) for name in names if name not in _OWN})


class FamilyDataset(ProceduralDataset):  # type: ignore[misc]  # reasoning-gym has no types
    """Problems of one split of a family, any of them found by its index without those before it.

    Problems are drawn in blocks of 32, each with a seed hashed from `seed` and its number, and no two of a block are
    the same problem. Where the split holds fewer different problems, they come again.
    """

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config=config, seed=config.seed, size=config.size)
        self.environment = get_environment(config.family)
        self.options = config.options()
        self._block: tuple[int | None, list[Problem]] = (None, [])

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """The entry at an index; its metadata is that of a problem, with what reasoning-gym adds."""
        number, place = divmod(idx, _BLOCK)
        if self._block[0] != number:
            self._block = (number, self._draw(number))
        found = self._block[1]
        problem = found[place % len(found)]
        return {
            "question": problem.question,
            "answer": problem.answer,
            "metadata": {
                "source_dataset": dataset_name(self.config.family),
                "source_index": idx,
                "id": problem.id,
                **problem.metadata,
            },
        }

    def score_answer(self, answer: str | None, entry: Mapping[str, Any]) -> float:
        """1.0 for the right answer, the text that belongs inside the answer tags, and else 0.0."""
        if not isinstance(answer, str):
            return 0.0
        problem = Problem(
            id="",
            environment=self.environment.name,
            question=entry["question"],
            answer=entry["answer"],
            metadata=entry["metadata"],
        )
        return float(self.environment.check_answer(problem, answer).correct)

    def _draw(self, number: int) -> list[Problem]:
        wanted = Wanted(
            environment=self.environment,
            options=self.options,
            splits={self.config.split: min(_BLOCK, self.size)},
            seed=int(content_id([self.seed, number]), 16),
        )
        found: list[Problem] = []
        try:
            found.extend(wanted.problems(self.config.split))
        except RecipeError:
            if not found:
                raise
        return found


class FamilyCurriculum(BaseCurriculum):  # type: ignore[misc]
    """One attribute, the main difficulty of the family, from few to many."""

    def __init__(self, family: str) -> None:
        super().__init__(f"{dataset_name(family)} curriculum", config_class(family))
        name = get_environment(family).main_difficulty
        self._define_attributes(
            ScalarAttributeDefinition(
                name=name,
                field_name=name,
                levels=[(level,) for level in _LEVELS[family]],
                description=f"the number of {name}",
            )
        )


def dataset_name(family: str) -> str:
    """What reasoning-gym calls a family."""
    return f"tailor_{family}"


@cache
def config_class(family: str) -> type[FamilyConfig]:
    """The configuration of a family: a dataclass with `size`, `seed`, `split` and the family's options."""
    model: type[BaseModel] = get_environment(family).options_model
    fields: list[Any] = [
        ("size", int, dataclasses.field(default=500)),
        ("seed", int | None, dataclasses.field(default=None)),
        ("split", str, dataclasses.field(default="train")),
    ]
    for name, option in model.model_fields.items():
        default = partial(option.get_default, call_default_factory=True)
        if name not in _OWN:
            fields.append((name, option.annotation, dataclasses.field(default_factory=default)))
    made = dataclasses.make_dataclass(
        f"{model.__name__}Config", fields, bases=(FamilyConfig,), namespace={"family": family}
    )
    # Found by its name, so that data sets can be sent to other processes.
    made.__module__, made.__qualname__ = __name__, made.__name__
    globals()[made.__name__] = made
    return made


def register() -> None:
    """Register each family that is not registered yet; importing this module does so."""
    for family in known_environments():
        name = dataset_name(family)
        if name not in DATASETS:
            curriculum = partial(FamilyCurriculum, family) if family in _LEVELS else None
            register_dataset(name, FamilyDataset, config_class(family), curriculum)


register()

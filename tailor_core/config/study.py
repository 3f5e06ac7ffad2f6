"""A study: which arms (methods, and ablations of them) are compared, on which backbones, with which seeds.

A TOML file as that of a recipe, and as with recipes every mistake is one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tailor_core.config.baselines import Method
from tailor_core.config.load import apply_override, did_you_mean, find_file, make_config, read_toml
from tailor_core.config.recipe import Recipe
from tailor_core.config.seeds import Seed
from tailor_core.errors import RecipeError

M = TypeVar("M", bound=BaseModel)

Value = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)] | str
"""A number or a word that an override has for a value."""

_Seed = Annotated[Seed, Field(strict=True)]

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=60)]
"""What arms and sweeps are called: in tables, figures, and files' names."""

_PLACE = "{value}"


class Arm(BaseModel):
    """A method, or an ablation of one: what it changes in the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", description="what it is, for people")
    method: Method = Field(default="tailor", description="whose warm-start data are made")
    overrides: tuple[str, ...] = Field(default=(), description="of the recipe, such as policy.beta=0.02")


class Sweep(BaseModel):
    """A family of arms along one value: an arm for each, named `kl=0.02`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", description="what the value is, for people")
    method: Method = Field(default="tailor", description="whose warm-start data are made")
    values: tuple[Value, ...] = Field(min_length=1, description="numbers or words")
    overrides: tuple[str, ...] = Field(
        min_length=1, description="of the recipe, with {value} in the place of the value: policy.beta={value}"
    )
    default: Value | None = Field(
        default=None, description="the value that the recipe has: that of the method's own arm"
    )

    @field_validator("overrides")
    @classmethod
    def _has_a_place_for_the_value(cls, overrides: tuple[str, ...]) -> tuple[str, ...]:
        if not any(_PLACE in override for override in overrides):
            raise ValueError(
                f"{list(overrides)} have no {_PLACE} in them, so all values would be the same arm; "
                f"write it where the value belongs, such as policy.beta={_PLACE}"
            )
        return overrides

    @staticmethod
    def arm_name(name: str, value: Value) -> str:
        """What the arm of a value is called, in the sweep of this name."""
        return f"{name}={value}"

    def arms(self, name: str) -> Iterator[tuple[str, Arm]]:
        """The arm of each value, with its name."""
        for value in self.values:
            yield self.arm_name(name, value), Arm(method=self.method, overrides=self.overrides_at(value))

    def overrides_at(self, value: Value) -> tuple[str, ...]:
        """What a value changes in the recipe."""
        return tuple(override.replace(_PLACE, str(value)) for override in self.overrides)


class Study(BaseModel):
    """What is compared with what, and how often."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="lower-case letters, digits, . _ -")
    description: str = Field(default="", description="one sentence on what the study asks")
    recipe: str = Field(description="the recipe that all trials are runs of: a name, or a .toml file")
    seeds: (
        Annotated[int, Field(ge=1, le=10_000, strict=True)]
        | Annotated[tuple[_Seed, ...], Field(min_length=1)]
    ) = Field(default=3, description="how many, from the recipe's on; or which")
    backbones: tuple[str, ...] = Field(default=(), description="names of backbones; none is the recipe's own")
    methods: tuple[Method, ...] = Field(default=(), description="each is an arm of that name")
    reference: str = Field(description="the arm that all others are compared with")
    overrides: tuple[str, ...] = Field(default=(), description="of the recipe, for every trial")
    target: float | None = Field(default=None, gt=0, lt=1, description="accuracy that steps are counted to")
    arms: Mapping[_Name, Arm] = Field(default={}, description="arms of your own: ablations")
    sweeps: Mapping[_Name, Sweep] = Field(default={}, description="families of arms along one value")

    def all_arms(self) -> dict[str, Arm]:
        """Every arm by its name: those of the methods, those of your own, those of sweeps."""
        return dict(self._named_arms())

    def _named_arms(self) -> Iterator[tuple[str, Arm]]:
        yield from ((method, Arm(method=method)) for method in self.methods)
        yield from self.arms.items()
        for name, sweep in self.sweeps.items():
            yield from sweep.arms(name)

    @model_validator(mode="after")
    def _nothing_is_said_twice(self) -> Study:
        seeds = self.seeds if isinstance(self.seeds, tuple) else ()
        listed = {"seeds": seeds, "backbones": self.backbones, "arms": [n for n, _ in self._named_arms()]}
        for field, values in listed.items():
            if twice := next((value for value in values if list(values).count(value) > 1), None):
                raise ValueError(
                    f"{field}: {twice!r} is there twice, but each trial is to be told from all others; leave one out"
                )
        return self

    @model_validator(mode="after")
    def _reference_is_an_arm(self) -> Study:
        arms = list(self.all_arms())
        if self.reference not in arms:
            listed = f"the arms are {', '.join(arms)}" if arms else "there is none: name some in methods"
            raise ValueError(
                f"reference = {self.reference!r} is no arm{did_you_mean(self.reference, arms)}; {listed}"
            )
        return self

    @model_validator(mode="after")
    def _defaults_are_arms(self) -> Study:
        for name, sweep in self.sweeps.items():
            if sweep.default is not None and sweep.method not in self.methods:
                raise ValueError(
                    f"sweeps.{name}.default = {sweep.default!r} is the value of the arm {sweep.method!r}, which is "
                    "not among the methods; add it there, or leave the default out"
                )
            if sweep.default in sweep.values:
                raise ValueError(
                    f"sweeps.{name}.default = {sweep.default!r} is among its values, so that it would be run twice; "
                    "leave it out there"
                )
        return self

    @model_validator(mode="after")
    def _overrides_change_no_arm(self) -> Study:
        """Whoever overrode what the study itself decides would compare other things than the names say."""
        decided = {"method": "methods", **({"backbone.name": "backbones"} if self.backbones else {})}
        for field in self.overrides:
            _refuse("overrides", field, decided)
        for name, arm in self._named_arms():
            for field in arm.overrides:
                _refuse(f"arm {name!r}", field, {**decided, "seed": "seeds"})
        return self


def _refuse(place: str, override: str, decided: Mapping[str, str]) -> None:
    field = override.partition("=")[0].strip()
    if field in decided:
        raise ValueError(f"{place}: {override!r} is what {decided[field]} of the study decides; say it there")


def load_study(name: str, studies: Path, changes: Sequence[str] = ()) -> Study:
    """The study called `name` in the directory `studies`, or in the file of that path, with changes.

    A change is `key=value` as an override of a recipe is. Where the key is a field of the study it changes the study;
    any other is an override of every trial's recipe. A recipe's file is named from where the study's file is.
    """
    path = find_file(name, studies, "study", "studies")
    values = read_toml(path)
    values.setdefault("name", path.stem)
    if str(values.get("recipe", "")).endswith(".toml"):
        values["recipe"] = str((path.parent / values["recipe"]).absolute())
    source = f"study {name!r}"
    overrides = []
    for change in changes:
        if _is_of_the_recipe(change, source):
            overrides.append(change)
        else:
            apply_override(values, change)
    if isinstance(values.get("overrides", []), list):
        values["overrides"] = [*values.get("overrides", []), *overrides]
    for table, model in (("arms", Arm), ("sweeps", Sweep)):
        for entry, content in _tables(values.get(table)):
            _make(model, content, f"{source}: {table}.{entry}")
    return _make(Study, values, source)


def _make(model: type[M], values: Mapping[str, Any], source: str) -> M:
    """`make_config`, and RecipeError where what has no default is missing."""
    for name, field in model.model_fields.items():
        if field.is_required() and name not in values:
            raise RecipeError(
                f"{source}: {name} is missing, but has no default; write it ({field.description})"
            )
    return make_config(model, values, source)


def _is_of_the_recipe(change: str, source: str) -> bool:
    """Whether a change is an override of the recipe; RecipeError where it is of neither."""
    field, given, _ = change.partition("=")
    section = field.partition(".")[0].strip()
    if not given or section in Study.model_fields:
        return False
    known = sorted({*Study.model_fields, *Recipe.model_fields, "size"})
    if section not in known:
        raise RecipeError(
            f"{source}: --set {change!r}: {section!r} is a key neither of a study nor of a recipe"
            f"{did_you_mean(section, known)}; the known ones are {', '.join(known)}"
        )
    return True


def _tables(value: Any) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """The tables in a table; what is none is refused with the whole study."""
    if not isinstance(value, Mapping):
        return []
    return [(name, entry) for name, entry in value.items() if isinstance(entry, Mapping)]

"""The configuration of a data set of reasoning-gym as an options model: typed, and refused in one sentence."""

from __future__ import annotations

import dataclasses
import difflib
from functools import cache
from typing import Any, ClassVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from tailor_core.errors import MissingExtraError, RecipeError

_OURS = frozenset({"size", "seed"})
"""Fields that are not options: Tailor says which problems to draw."""


class DatasetOptions(BaseModel):
    """The fields of a configuration but `size` and `seed`; subclasses are made by `options_model`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    config_class: ClassVar[Any]

    def config(self, *, seed: int, size: int) -> Any:
        """reasoning-gym's own configuration of these options."""
        return self.config_class(**{name: getattr(self, name) for name in self.given}, seed=seed, size=size)

    @property
    def given(self) -> list[str]:
        """The options that differ from the default: the others are left to reasoning-gym."""
        return list(self.differing(self))

    @classmethod
    def differing(cls, config: Any) -> dict[str, Any]:
        """The values of a configuration that are not the default, by name."""
        fields = cls.model_fields.items()
        defaults = {name: field.get_default(call_default_factory=True) for name, field in fields}
        return {n: getattr(config, n) for n, value in defaults.items() if getattr(config, n) != value}

    def to_json(self) -> dict[str, Any]:
        """JSON values of the options that differ from the default."""
        # Some of reasoning-gym's own defaults and levels are not of the type that it declares.
        return self.model_dump(mode="json", include=set(self.given), warnings=False)

    @model_validator(mode="after")
    def _accepted(self) -> DatasetOptions:
        """What reasoning-gym says of the configuration as a whole."""
        try:
            config = self.config(seed=0, size=1)
            if hasattr(config, "validate"):
                config.validate()
        except Exception as error:
            raise ValueError(f"reasoning-gym refuses these options ({error}); mend them") from None
        return self


def library() -> Any:
    """reasoning-gym; MissingExtraError where it is not installed."""
    try:
        import reasoning_gym
    except ImportError as error:
        raise MissingExtraError(
            f"reasoning-gym is not installed ({error}); install it with pip install 'tailor[reasoning-gym]'"
        ) from error
    return reasoning_gym


def registered() -> dict[str, tuple[Any, Any]]:
    """Name -> class and configuration class of each data set."""
    found: dict[str, tuple[Any, Any]] = library().factory.DATASETS
    return found


@cache
def options_model(dataset: str) -> type[DatasetOptions]:
    """The options of a data set; RecipeError where there is none of that name."""
    known = registered()
    if dataset not in known:
        near = difflib.get_close_matches(dataset, known, n=1)
        cure = f"did you mean 'rg:{near[0]}'?" if near else f"use rg: and one of {', '.join(sorted(known))}"
        raise RecipeError(f"environment.name = 'rg:{dataset}' is no data set of reasoning-gym; {cure}")
    config = known[dataset][1]
    hints = get_type_hints(config)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], _default(field))
        for field in dataclasses.fields(config)
        if field.name not in _OURS
    }
    model = create_model(f"{config.__name__}Options", __base__=DatasetOptions, **fields)
    model.config_class = config
    return model


def _default(field: dataclasses.Field[Any]) -> Any:
    """The default of a field as pydantic wants it."""
    if field.default_factory is not dataclasses.MISSING:
        return Field(default_factory=field.default_factory)
    if field.default is not dataclasses.MISSING:
        return field.default
    return ...

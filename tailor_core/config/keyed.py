"""Which values of a section decide a stage's result, and with that its key.

A field that only says how the work is done, such as the size of the pieces that survive a crash, is declared
`Annotated[..., UNKEYED]`: to change it makes nothing anew. Where in doubt a field is not. Sections in a section
have such fields of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

UNKEYED = "changes nothing in the result"
"""The mark of a field that is left out of stage keys."""


def keyed_values(config: BaseModel) -> dict[str, Any]:
    """What the result depends on, as JSON values."""
    return config.model_dump(mode="json", exclude=_unkeyed(config))


def unkeyed_values(config: BaseModel) -> dict[str, Any]:
    """The rest of the section, as JSON values."""
    return config.model_dump(mode="json", include=_unkeyed(config))


def all_values(keyed: Mapping[str, Any], unkeyed: Mapping[str, Any]) -> dict[str, Any]:
    """The section that the two were made of."""
    whole = dict(keyed)
    for name, value in unkeyed.items():
        inner = isinstance(value, Mapping) and isinstance(whole.get(name), Mapping)
        whole[name] = all_values(whole[name], value) if inner else value
    return whole


def _unkeyed(config: BaseModel) -> dict[str, Any]:
    """Name -> True, or what is unkeyed in the section of that name; in the form that `model_dump` takes."""
    found: dict[str, Any] = {}
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if UNKEYED in field.metadata:
            found[name] = True
        elif isinstance(value, BaseModel) and (inner := _unkeyed(value)):
            found[name] = inner
    return found

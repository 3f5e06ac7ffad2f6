"""Which values of a section decide a stage's result, and with that its key.

A field that only says how the work is done, such as the size of the pieces that survive a crash, is declared
`Annotated[..., UNKEYED]`: to change it makes nothing anew. Where in doubt a field is not.
"""

from __future__ import annotations

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


def _unkeyed(config: BaseModel) -> set[str]:
    return {name for name, field in type(config).model_fields.items() if UNKEYED in field.metadata}

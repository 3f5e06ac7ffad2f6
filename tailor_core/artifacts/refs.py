"""What stages hand to each other: a reference to an artifact, never the data itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tailor_core.errors import ArtifactError

# No "-": it parts stage, key and number in the names of locks and of temporary directories.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]{0,199}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRef:
    """An artifact: the stage and key that made it and the digest of its content.

    `uri` is relative to the store, so that a reference stays good when the store moves.
    """

    stage: str
    key: str
    digest: str
    uri: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The reference that `to_json` wrote; ArtifactError where a part is missing, no text, or out of place."""
        fields = {}
        for name in ("stage", "key", "digest", "uri"):
            if not isinstance(value.get(name), str):
                raise ArtifactError(
                    f"artifact reference: {name} = {value.get(name)!r}, but must be a string; "
                    "run the stage again"
                )
            fields[name] = value[name]
        if fields["uri"] != artifact_uri(fields["stage"], fields["key"]):
            raise ArtifactError(
                f"artifact reference: uri = {fields['uri']!r}, but must be stage/key; run the stage again"
            )
        return cls(**fields)


def artifact_uri(stage: str, key: str) -> str:
    """Where the artifact of a stage key lies in a store; ArtifactError where that would lead elsewhere."""
    for field, value in (("stage", stage), ("key", key)):
        if not is_name(value):
            raise ArtifactError(
                f"artifact {field} = {value!r} is not allowed: it must be letters, digits, '_' and '.', "
                "and not begin with '.'; `tailor store ls` shows what there is"
            )
    return f"{stage}/{key}"


def is_name(text: str) -> bool:
    """Whether a text can be a stage or a key: one visible path segment."""
    return _NAME.fullmatch(text) is not None

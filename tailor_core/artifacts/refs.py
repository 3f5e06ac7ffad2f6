"""What stages hand to each other: a reference to an artifact, never the data itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from tailor_core.errors import ArtifactError


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
        """The reference that `to_json` wrote; ArtifactError where a part is missing or is no text."""
        fields = {}
        for name in ("stage", "key", "digest", "uri"):
            if not isinstance(value.get(name), str):
                raise ArtifactError(
                    f"artifact reference: {name} = {value.get(name)!r}, but must be a string; "
                    "run the stage again"
                )
            fields[name] = value[name]
        return cls(**fields)


def artifact_uri(stage: str, key: str) -> str:
    """Where the artifact of a stage key lies in a store."""
    return f"{stage}/{key}"

"""Which problems are solved by the same steps, and so stand or fall together.

A family that has many problems of few solution skeletons, as iGSM has, names the skeleton of each in its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SKELETON = "template_hash"
"""Where a problem's metadata have the name of the skeleton of its solution."""


def skeleton_of(identity: str, metadata: Mapping[str, Any]) -> str:
    """The name of a problem's skeleton; its own id where its family names none."""
    return str(metadata.get(_SKELETON, identity))

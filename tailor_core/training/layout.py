"""Where a policy has the models that it kept on the way: known to who writes them and to who evaluates them."""

from __future__ import annotations

SNAPSHOTS = "snapshots"
"""The directory in a policy, with a model directory for each."""


def snapshot_name(step: int) -> str:
    """`step-000010`: names sort as steps do."""
    return f"step-{step:06d}"


def snapshot_step(name: str) -> int:
    """The step of such a name."""
    return int(name.removeprefix("step-"))

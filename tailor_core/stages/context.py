"""What a stage function is given: input artifacts, an output directory, a workdir, a seed and a tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Track = Callable[[Mapping[str, float], int], None]
"""`track(metrics, step)`: send metrics to whatever follows the run; a no-op where nothing does."""


def untracked(metrics: Mapping[str, float], step: int) -> None:
    """A `Track` that drops everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageContext:
    """The world of one stage attempt.

    inputs:  input name -> local directory of that artifact (read only)
    output:  an empty directory; what is in it when the function returns becomes the artifact
    workdir: survives a crash of the attempt and belongs to this stage key alone (checkpoints, shards)
    completions: file of what was asked of servers, for all stages of this home; None keeps it in the workdir
    """

    inputs: Mapping[str, Path]
    output: Path
    workdir: Path
    seed: int
    completions: Path | None = None
    track: Track = untracked

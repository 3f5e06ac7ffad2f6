"""What a stage function is given: input artifacts, an output directory, a workdir, a seed and a tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tailor_core.config.settings import Settings

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
    settings: the places that all stages of a home share, such as the file of what was asked of servers; None keeps
              what would lie there in the workdir
    """

    inputs: Mapping[str, Path]
    output: Path
    workdir: Path
    seed: int
    settings: Settings | None = None
    track: Track = untracked

    @property
    def places(self) -> Settings:
        """Where completions, models and the logs of servers are kept."""
        return self.settings or Settings(home=self.workdir, store="")

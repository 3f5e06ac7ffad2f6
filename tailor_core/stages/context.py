"""What a stage function is given: input artifacts, an output directory, a workdir, a seed and a tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tailor_core.config.settings import Settings

Track = Callable[[Mapping[str, float], int], None]
"""`track(metrics, step)`: send metrics to whatever follows the run; a no-op where nothing does."""


Keep = Callable[[range, bytes], None]
"""`keep(piece, content)`: take the Parquet file of a piece of a table, named by the places of its rows."""

FanOut = Callable[[str, Sequence[range], Keep], None]
"""`fan_out(work, pieces, keep)`: have workers make the pieces of a piecework (its class by dotted name, see
`stages.piecework`), and keep each as it comes, in any order. What the work raises is raised here."""


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
    fan_out: makes the pieces of a table elsewhere; None makes them in this process
    """

    inputs: Mapping[str, Path]
    output: Path
    workdir: Path
    seed: int
    settings: Settings | None = None
    track: Track = untracked
    fan_out: FanOut | None = None

    @property
    def places(self) -> Settings:
        """Where completions, models and the logs of servers are kept."""
        return self.settings or Settings(home=self.workdir, store="")

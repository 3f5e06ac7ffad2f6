"""What the trials of a study left behind, as one value."""

from __future__ import annotations

from dataclasses import dataclass

import polars


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All figures that a study rests on, one row a ..., as polars frames; every frame has arm, backbone, seed."""

    answers: polars.DataFrame
    curve: polars.DataFrame
    wide: polars.DataFrame
    training: polars.DataFrame
    moves: polars.DataFrame
    data: polars.DataFrame
    coverage: polars.DataFrame
    map: polars.DataFrame

"""Rows of an evidence's frames as arrays: one axis for the seeds, one for the problems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import polars
from numpy.typing import NDArray

Floats = NDArray[numpy.float64]

SHARE = polars.col("correct") / polars.col("samples")
"""The share of correct samples of a problem."""

SOUND = polars.col("sound") / polars.col("samples")
"""The share of samples that are correct by sound reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How one model of one arm did with each seed on each problem.

    clusters: what each problem shares with those that are much like it, P names; its own id where it stands alone
    shares: in [0, 1], shape [S, P]; along a curve [S, T, P]. NaN where a seed has not met a problem, as all have
        in a study that fixes `problems.seed`.
    """

    seeds: tuple[int, ...]
    problems: tuple[str, ...]
    clusters: tuple[str, ...]
    shares: Floats


def scores(frame: polars.DataFrame, share: polars.Expr = SHARE) -> Scores:
    """The scores [S, P] in the rows of one model; `share` is what counts as the score of a row."""
    (seeds, problems), shares = _grid(frame, ("seed", "problem_id"), share)
    return Scores(seeds=seeds, problems=problems, clusters=_clusters(frame), shares=shares)


def scores_along(frame: polars.DataFrame) -> tuple[tuple[int, ...], Scores]:
    """The steps [T] that every seed has a model of, and the scores [S, T, P] of these models."""
    seeds = frame["seed"].n_unique()
    whole = frame.filter(polars.col("seed").n_unique().over("step") == seeds)
    (labels, steps, problems), shares = _grid(whole, ("seed", "step", "problem_id"), SHARE)
    return steps, Scores(seeds=labels, problems=problems, clusters=_clusters(whole), shares=shares)


def groups(frame: polars.DataFrame, *columns: str) -> Iterator[tuple[tuple[Any, ...], polars.DataFrame]]:
    """The parts of a frame that are alike in `columns`, in the order in which they first appear."""
    yield from frame.partition_by(columns, as_dict=True, maintain_order=True).items()


def _clusters(frame: polars.DataFrame) -> tuple[str, ...]:
    """The cluster of each problem, in the order of the problems' axis."""
    return tuple(frame.unique("problem_id").sort("problem_id")["cluster"])


def _grid(
    frame: polars.DataFrame, axes: Sequence[str], value: polars.Expr
) -> tuple[list[tuple[Any, ...]], Floats]:
    """The sorted labels of each axis, and the values at their crossings."""
    found = [numpy.unique(frame[axis].to_numpy(), return_inverse=True) for axis in axes]
    filled = numpy.full([len(labels) for labels, _ in found], numpy.nan)
    filled[tuple(places for _, places in found)] = (
        frame.select(value.cast(polars.Float64)).to_series().to_numpy()
    )
    return [tuple(labels.tolist()) for labels, _ in found], filled

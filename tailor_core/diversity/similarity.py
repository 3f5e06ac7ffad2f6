"""Cosine similarity whose every digit is the same on every machine.

A float matrix product depends, in its last bits, on the BLAS, the CPU and the number of threads, and a
threshold or an argmax can turn on those bits. So unit vectors are first put on a grid of 2^-25: their
products and sums are whole multiples of 2^-50 that fit in the 53 bits of a float64, so they are exact in
whatever order they are added. The result is then rounded to six digits, well above the 1e-7 or so that the
grid costs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailor_core.errors import InputError

Grid = NDArray[np.float64]
"""[rows, dimension], unit rows rounded to whole multiples of `GRID_STEP`."""

GRID_STEP = 2.0**-25
DIGITS = 6
_UNIT_TOLERANCE = 1e-3


def on_grid(vectors: NDArray[Any]) -> Grid:
    """Unit rows [n, d] as grid points. InputError for rows that are not finite or not of length one."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2:
        raise InputError(f"embeddings must be a matrix [rows, dimension], got shape {rows.shape!r}")
    lengths = np.sqrt((rows * rows).sum(axis=1))
    wrong = np.flatnonzero(~(np.abs(lengths - 1) < _UNIT_TOLERANCE))
    if wrong.size:
        raise InputError(
            f"embedding row {int(wrong[0])} has length {lengths[wrong[0]]!r}; every row must be a unit vector"
        )
    return np.rint(rows / GRID_STEP) * GRID_STEP


def cosine(left: Grid, right: Grid) -> NDArray[np.float64]:
    """All cosines [n, m] between two grids [n, d] and [m, d], rounded to six digits."""
    return np.round(left @ right.T, DIGITS)

"""What a smaller sample would have shown: so that sets of different size can be compared at a common one.

A set of n units is thought to be sampled without replacement, m units at a time, in every possible way; what is
expected then has a closed form, so nothing is drawn. Units are traces here. Hurlbert 1971 (The nonconcept of species
diversity, eq. 15) has it for units of one kind each; for units that show several kinds it is the same formula over the
number of units that show a kind (Chiarucci et al. 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[numpy.float64]


def expected_distinct(shown_by: NDArray[Any], units: int, sizes: Sequence[int]) -> Floats:
    """How many kinds samples of these sizes are expected to show: sum over kinds of 1 - C(n - f, m) / C(n, m).

    shown_by: [kinds], by how many of the n `units` each kind is shown (zeros add nothing). sizes: 1..units.
    Shape [sizes].
    """
    unseen = numpy.asarray(units - numpy.asarray(shown_by))[None, :]
    size = numpy.asarray(sizes, dtype=numpy.float64)[:, None]
    missed = numpy.exp(_log_choose(unseen, size) - _log_choose(units, size))
    return numpy.asarray((1.0 - missed).sum(axis=1))


def expected_nearest(distances: Floats, sizes: Sequence[int]) -> Floats:
    """How far the nearest of so many units is expected to be from a point, on the average over points.

    distances: [points, units]. sizes: 1..units. Shape [sizes]. The i-th nearest of n units, counted from 1, is the
    nearest of m drawn ones with probability C(n - i, m - 1) / C(n, m).
    """
    units = distances.shape[1]
    further = numpy.arange(units - 1, -1, -1)[None, :]
    size = numpy.asarray(sizes, dtype=numpy.float64)[:, None]
    chances = numpy.exp(_log_choose(further, size - 1) - _log_choose(units, size))
    return numpy.asarray(chances @ numpy.sort(distances, axis=1).mean(axis=0))


def ladder(units: int) -> Sequence[int]:
    """The sizes at which a set of so many units is looked at: 1, 2, 5, 10, 20, 50, ... up to all of them.

    They are the same for all sets, so that any two have sizes in common.
    """
    sizes = [step * 10**power for power in range(len(str(units))) for step in (1, 2, 5)]
    return [size for size in sizes if size <= units]


def _log_choose(of: Any, number: Floats) -> Floats:
    """The logarithm of C(of, number), of shapes that broadcast; -inf where there is no such choice."""
    possible = numpy.asarray(of) >= number
    there = numpy.where(possible, of, number).astype(numpy.float64)
    logarithm = gammaln(there + 1) - gammaln(number + 1) - gammaln(there - number + 1)
    return numpy.where(possible, logarithm, -numpy.inf)

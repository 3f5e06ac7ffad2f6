"""Random numbers of a study: draws with replacement that follow from a seed and from what is drawn.

The same clusters of problems are drawn for every arm that answered them, which is what makes a difference of two arms a
paired one, and an arm more or less changes no figure of the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy
from numpy.typing import NDArray

from tailor_core.records import content_id

Floats = NDArray[numpy.float64]


class Resampler:
    """`resamples` draws of whatever is asked for, kept for the next who asks."""

    def __init__(self, seed: int, resamples: int) -> None:
        self.seed = seed
        self.resamples = resamples
        self._kept: dict[tuple[object, ...], Floats] = {}

    def rng(self, *name: object) -> numpy.random.Generator:
        """The random numbers of one figure."""
        return numpy.random.default_rng(int(content_id([self.seed, *name]), 16))

    def weights(self, kind: str, units: Sequence[object]) -> Floats:
        """How often each of N `units` is in a draw of N with replacement, over N: shape [R, N], rows sum to 1."""
        key = (kind, *units)
        if key not in self._kept:
            count = len(units)
            drawn = self.rng(*key).integers(0, count, (self.resamples, count))
            places = drawn + count * numpy.arange(self.resamples)[:, None]
            times = numpy.bincount(places.ravel(), minlength=self.resamples * count)
            self._kept[key] = times.reshape(self.resamples, count) / count
        return self._kept[key]

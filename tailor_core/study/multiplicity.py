"""Many comparisons at once: Holm's correction (1979, Scandinavian Journal of Statistics 6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy


def holm(p_values: Sequence[float]) -> list[float]:
    """The adjusted p-values of a family, in order.

    To reject where the adjusted one is at most alpha keeps the chance of any false rejection at alpha, however the
    tests depend on each other; so it fits arms that are all compared with the same reference.
    """
    p = numpy.asarray(p_values, numpy.float64)
    order = numpy.argsort(p, kind="stable")
    raised = numpy.maximum.accumulate(p[order] * numpy.arange(len(p), 0, -1))
    adjusted = numpy.empty_like(p)
    adjusted[order] = numpy.minimum(raised, 1.0)
    return [float(one) for one in adjusted]

"""How large a difference is, beside whether there is one."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

from tailor_core.study.figures import SAME

Floats = NDArray[numpy.float64]


def cohens_dz(differences: Floats) -> float | None:
    """Mean of paired differences [P] over their standard deviation (Cohen 1988); None where they do not vary."""
    if len(differences) < 2 or numpy.ptp(differences) < SAME:
        return None
    return float(differences.mean() / differences.std(ddof=1))


def probability_of_superiority(first: Floats, second: Floats) -> float:
    """The chance that one of `first` [n] is above one of `second` [m], a tie counting half.

    Mann-Whitney's U / (n m): Vargha & Delaney's A (2000), and over runs Agarwal et al.'s "probability of
    improvement" (2021, arXiv 2108.13264).
    """
    gaps = first[:, None] - second[None, :]
    return float(((gaps > 0) + 0.5 * (gaps == 0)).mean())

"""The unbiased pass@k estimator of Chen et al. 2021 ("Evaluating Large Language Models Trained on Code").

With c correct among n samples of a problem, pass@k = 1 - C(n-c, k) / C(n, k): the chance that k samples drawn
without replacement hold at least one correct one. Averaged over problems it is unbiased for every k <= n.
"""

from __future__ import annotations

import numpy
from numpy.typing import ArrayLike, NDArray

from tailor_core.errors import InputError

Floats = NDArray[numpy.float64]


def pass_at_k(samples: ArrayLike, correct: ArrayLike, k: int) -> Floats:
    """pass@k of each problem, shape [P], from sample counts [P] (or one count for all) and correct ones [P].

    InputError unless 1 <= k <= samples and 0 <= correct <= samples.
    """
    n, c = numpy.broadcast_arrays(numpy.asarray(samples, numpy.int64), numpy.asarray(correct, numpy.int64))
    if k < 1 or (n < k).any():
        raise InputError(
            f"k = {k}, but pass@k needs 1 <= k <= samples = {n.min(initial=k)}; choose a smaller k"
        )
    if (c < 0).any() or (c > n).any():
        raise InputError("correct holds a count below 0 or above samples; count the correct samples again")
    # C(n-c, k) / C(n, k) as a product of k factors below 1: exact enough where factorials would overflow.
    drawn = numpy.arange(k)
    wrong_left = numpy.clip((n - c)[..., None] - drawn, 0, None)
    none_correct: Floats = numpy.prod(wrong_left / (n[..., None] - drawn), axis=-1)
    return 1.0 - none_correct

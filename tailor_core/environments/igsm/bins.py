"""Which split a problem belongs to: a function of the skeleton of its solution alone.

As in the published benchmark the template hash falls into one of 23 bins, of which 0 to 15 are for training
and 16 to 22 for tests; Tailor's validation split is the last of the training bins. Out-of-distribution splits
use the test bins: the number of operations, which sets them apart from tests, is part of the skeleton.
"""

from __future__ import annotations

from tailor_core.environments.splits import ood_kind

BINS = 23
TRAIN_BINS = range(16)
TEST_BINS = range(16, BINS)
OOD_KINDS = ("op",)

_SPLITS = {"train": TRAIN_BINS[:-1], "validation": TRAIN_BINS[-1:], "test": TEST_BINS}


def bin_of(template_hash: str) -> int:
    """The bin, 0 to 22, of a template hash."""
    return int(template_hash[:8], 16) % BINS


def bins_of(split: str) -> range:
    """The bins of a split; InputError for one that does not exist."""
    if split not in _SPLITS:
        ood_kind(split, OOD_KINDS)
    return _SPLITS.get(split, TEST_BINS)

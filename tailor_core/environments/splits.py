"""Which split a problem belongs to: a function of its canonical hash alone.

The hash falls into one of 40 buckets, each of which belongs to one split for good. So no two calls, seeds,
option sets or machines can put the same problem (up to renaming and re-ordering) into two splits, and
nothing has to be remembered to keep it so. The price is that the generator draws about 1.4 problems for each
train problem it keeps and 10 for each test problem.
"""

from __future__ import annotations

from collections.abc import Sequence

from tailor_core.errors import InputError

_SHARES = {"train": range(28), "validation": range(28, 32), "test": range(32, 36)}
_OOD_SHARE = range(36, 40)
_BUCKETS = 40

OOD_PREFIX = "ood_"


def belongs(canonical_hash: str, split: str, ood_kinds: Sequence[str]) -> bool:
    """Is a problem of this hash in `split`? InputError for a split that does not exist.

    The out-of-distribution share is divided once more among `ood_kinds`, the ways in which an environment
    leaves its distribution; the splits of one kind are called `ood_<kind>` or `ood_<kind>_<level>`, and its
    levels must differ by what they are.
    """
    bucket = int(canonical_hash[:8], 16) % _BUCKETS
    share = _SHARES.get(split)
    if share is not None:
        return bucket in share
    kind = ood_kind(split, ood_kinds)
    return bucket in _OOD_SHARE and int(canonical_hash[8:16], 16) % len(ood_kinds) == ood_kinds.index(kind)


def ood_kind(split: str, ood_kinds: Sequence[str]) -> str:
    """The kind that the out-of-distribution split `split` is of; InputError when it is of none."""
    kind = split.removeprefix(OOD_PREFIX).partition("_")[0]
    if not split.startswith(OOD_PREFIX) or kind not in ood_kinds:
        kinds = ", ".join(f"{OOD_PREFIX}{kind}" for kind in ood_kinds)
        others = f", or one of {kinds}" if kinds else ""
        raise InputError(f"split = {split!r} does not exist; use train, validation, test{others}")
    return kind

"""Near-duplicate texts: the exact Jaccard similarity of word shingles, found without comparing all pairs.

Prefix filtering (Chaudhuri et al. 2006, Bayardo et al. 2007): put every set in one order, rare shingles
first; two sets with Jaccard >= t share a shingle among the first |x| - ceil(t |x|) + 1 of each, so only
texts that meet in such a prefix are compared, and their similarity is counted, not estimated. Unlike
MinHash with LSH this misses no pair, needs no seed and no further dependency, and is fast enough for a set
of demonstrations.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tailor_core.diversity.structure import masked_sentences

SHINGLE_WORDS = 5
_SIMILARITY_DIGITS = 6
_SLACK = 1e-9
"""Keeps 0.55 * 100 = 55.00000000000001 from losing a pair that shares exactly 55 of 100."""

Shingles = frozenset[tuple[str, ...]]


def shingles(text: str) -> Shingles:
    """Every run of five masked words of `text`; a shorter text is one shingle of all its words."""
    words = [word for sentence in masked_sentences(text) for word in sentence]
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(tuple(words[i : i + SHINGLE_WORDS]) for i in range(last))


def jaccard(left: Shingles, right: Shingles) -> float:
    """|left & right| / |left | right|; never of two empty sets, because `shingles` gives none."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


class ShingleIndex:
    """Finds, among the texts added so far, the one nearest to a text at or above a threshold.

    The shingles of all texts that will ever be added or looked up must be counted first (`frequencies`): the
    order of rarity has to be one and the same throughout.
    """

    def __init__(self, threshold: float, frequencies: Mapping[tuple[str, ...], int]) -> None:
        self._threshold = threshold
        self._frequencies = frequencies
        self._members: list[Shingles] = []
        self._meeting: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)

    def nearest(self, text: Shingles) -> tuple[int, float] | None:
        """(position of addition, similarity to six digits) of the most similar; the first on a tie."""
        best: tuple[int, float] | None = None
        for position in sorted({p for shingle in self._prefix(text) for p in self._meeting.get(shingle, ())}):
            member = self._members[position]
            if min(len(text), len(member)) < self._threshold * max(len(text), len(member)) - _SLACK:
                continue
            similarity = jaccard(text, member)
            if similarity >= self._threshold and (best is None or similarity > best[1]):
                best = (position, similarity)
        return None if best is None else (best[0], round(best[1], _SIMILARITY_DIGITS))

    def add(self, text: Shingles) -> None:
        """Make `text` findable."""
        for shingle in self._prefix(text):
            self._meeting[shingle].append(len(self._members))
        self._members.append(text)

    def _prefix(self, text: Shingles) -> Sequence[tuple[str, ...]]:
        needed = math.ceil(self._threshold * len(text) - _SLACK)
        ordered = sorted(text, key=lambda shingle: (self._frequencies[shingle], shingle))
        return ordered[: len(text) - needed + 1]


class NearTextIndex:
    """A `ShingleIndex` over plain texts; `expected` are the texts that will be added."""

    def __init__(self, threshold: float, expected: Iterable[str]) -> None:
        self._index = ShingleIndex(threshold, count_shingles([shingles(text) for text in expected]))

    def add(self, text: str) -> None:
        """Make `text` findable."""
        self._index.add(shingles(text))

    def nearest(self, text: str) -> tuple[int, float] | None:
        """(position of addition, Jaccard similarity) of the most similar text, None below the threshold."""
        return self._index.nearest(shingles(text))


def count_shingles(texts: Sequence[Shingles]) -> Counter[tuple[str, ...]]:
    """In how many of the texts each shingle is found."""
    return Counter(shingle for text in texts for shingle in text)

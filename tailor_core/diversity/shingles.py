"""Near-duplicate texts: the exact Jaccard similarity of word shingles, found without comparing all pairs.

Prefix filtering (Chaudhuri et al. 2006, Bayardo et al. 2007): put all sets in one order, rare shingles first;
two sets with Jaccard >= t share a shingle among the first |x| - ceil(t |x|) + 1 of each, so only texts that
meet in such a prefix are compared, and their similarity is counted, not estimated. Unlike MinHash with LSH it
misses no pair, needs no seed and no further dependency, and it is as fast on some thousand demonstrations. Traces of
one language share many shingles, so that time grows with nearly the square of their number: four times the traces of
Knights & Knaves take ten times as long.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from tailor_core.diversity.structure import masked_sentences

SHINGLE_WORDS = 5
_SIMILARITY_DIGITS = 6
_SLACK = 1e-9
"""Keeps 0.55 * 100 = 55.00000000000001 from losing a pair that shares exactly 55 of 100."""

Shingle = tuple[str, ...]
Shingles = frozenset[Shingle]


def shingles(text: str, *, numbers: bool = False) -> Shingles:
    """Every run of five masked words of `text`; a shorter text is one shingle of all its words."""
    words = [word for sentence in masked_sentences(text, numbers=numbers) for word in sentence]
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(tuple(words[i : i + SHINGLE_WORDS]) for i in range(last))


class NearTextIndex:
    """Finds, among the texts added so far, the one nearest to a text at or above a Jaccard threshold.

    `expected` are the texts that will be added: the order of rarity has to stay the same throughout. With
    `numbers` those tell texts apart, as in questions; without, texts that only count otherwise are alike.
    """

    def __init__(self, threshold: float, expected: Iterable[str], *, numbers: bool = False) -> None:
        self._numbers = numbers
        sets = {text: shingles(text, numbers=numbers) for text in expected}
        counts = Counter(shingle for own in sets.values() for shingle in own)
        ordered = sorted(counts, key=lambda shingle: (counts[shingle], shingle))
        self._rank = {shingle: rank for rank, shingle in enumerate(ordered)}
        self._threshold = threshold
        self._expected = {text: self._ranked(own) for text, own in sets.items()}
        self._members: list[frozenset[int]] = []
        self._meeting: defaultdict[int, list[int]] = defaultdict(list)

    def nearest(self, text: str) -> tuple[int, float] | None:
        """(position of addition, similarity to six digits) of the most similar; the first on a tie."""
        known, size = self._expected.get(text) or self._ranked(shingles(text, numbers=self._numbers))
        own = frozenset(known)
        best: tuple[int, float] | None = None
        for position in sorted(
            {p for rank in self._prefix(known, size) for p in self._meeting.get(rank, ())}
        ):
            member = self._members[position]
            if min(size, len(member)) < self._threshold * max(size, len(member)) - _SLACK:
                continue
            shared = len(own & member)
            similarity = shared / (size + len(member) - shared)
            if similarity >= self._threshold and (best is None or similarity > best[1]):
                best = (position, similarity)
        return None if best is None else (best[0], round(best[1], _SIMILARITY_DIGITS))

    def add(self, text: str) -> None:
        """Make `text`, which is one of the expected, findable."""
        known, size = self._expected[text]
        for rank in self._prefix(known, size):
            self._meeting[rank].append(len(self._members))
        self._members.append(frozenset(known))

    def _ranked(self, own: Shingles) -> tuple[list[int], int]:
        """(ranks of those shingles that an expected text has, rarest first; how many shingles there are)."""
        return sorted(self._rank[shingle] for shingle in own if shingle in self._rank), len(own)

    def _prefix(self, known: list[int], size: int) -> list[int]:
        """The ranks in the prefix; shingles that no expected text has are the rarest and take its start."""
        unknown = size - len(known)
        length = size - math.ceil(self._threshold * size - _SLACK) + 1
        return known[: max(0, length - unknown)]

"""Which problems were drawn already: a set of canonical hashes small enough for millions of them.

It keeps 64 bits of each hash in a table of machine words (open addressing, linear probing), so it grows by 12 to 24
bytes a problem, where a set of texts takes about 150. Two hashes that agree in these bits count as one: a problem too
few, never one twice, and for a million problems the odds are one in 40 million.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

_FIRST_SIZE = 64
_DIGITS = 16


class Seen:
    """A set of hashes (hex digits, at least 16) that only grows."""

    __slots__ = ("_count", "_table")

    def __init__(self, digests: Iterable[str] = ()) -> None:
        self._table = _empty(_FIRST_SIZE)
        self._count = 0
        for digest in digests:
            self.add(digest)

    def add(self, digest: str) -> None:
        """Put a hash into the set."""
        word = _word(digest)
        place = _place(self._table, word)
        if self._table[place] == word:
            return
        self._table[place] = word
        self._count += 1
        if 3 * self._count > 2 * len(self._table):
            self._grow()

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, str):
            return False
        word = _word(digest)
        return self._table[_place(self._table, word)] == word

    def __len__(self) -> int:
        return self._count

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self._table.itemsize * len(self._table)

    def _grow(self) -> None:
        """Twice the places."""
        table = _empty(2 * len(self._table))
        for word in self._table:
            if word:
                table[_place(table, word)] = word
        self._table = table


def _empty(size: int) -> array[int]:
    """A table of free places, which hold 0; `size` is a power of two."""
    return array("Q", bytes(8 * size))


def _word(digest: str) -> int:
    """The last 64 bits of a hash (the first decide on the split), and never 0."""
    return int(digest[-_DIGITS:], 16) or 1


def _place(table: array[int], word: int) -> int:
    """Where the word is, or the free place where it belongs."""
    mask = len(table) - 1
    place = word & mask
    while table[place] and table[place] != word:
        place = place + 1 & mask
    return place

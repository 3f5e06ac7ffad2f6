"""Reasoning states: where in an argument a trace is, told by the last sentences with their particulars masked.

The paper's Figure 1 shows how much of a space of reasoning states a method covers, but its details are not public;
this definition is ours. A sentence counts as what is left of it when names, roles and numbers are masked and whole
statements are folded (`diversity.structure`), so it is a move rather than what the move is about. A state is a run of
three such sentences; a trace begins and ends with a mark, so that how it opens and closes are states as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy
from numpy.typing import NDArray

from tailor_core.diversity.structure import Sentence, masked_sentences, skeleton

RUN = 3
"""Sentences of a state."""

_START, _END = "<", ">"
_LONG_NAME = re.compile(r"\bN(?: N)+\b")

Ids = NDArray[numpy.int64]
"""The different states of a trace as the numbers that a `StateBook` gave them, ascending."""


def moves_of(trace: str) -> list[str]:
    """What each sentence of a trace does; names of several words count as one name."""
    return [_move(sentence) for sentence in masked_sentences(trace)]


@lru_cache(maxsize=1 << 14)
def _move(sentence: Sentence) -> str:
    return _LONG_NAME.sub("N", skeleton(sentence))


def states_of(moves: Sequence[str]) -> set[tuple[str, ...]]:
    """The different runs of three sentences, the two marks among these; none for a trace without a sentence."""
    if not moves:
        return set()
    marked = [_START, *moves, _END]
    return {tuple(marked[i : i + RUN]) for i in range(len(marked) - RUN + 1)}


class StateBook:
    """Numbers the states of all traces of a study, so that a trace is a few whole numbers."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def sentences(self, moves: Sequence[str]) -> Ids:
        """The different sentences of a trace."""
        return self._ids({(move,) for move in moves})

    def states(self, moves: Sequence[str]) -> Ids:
        """The different states of a trace."""
        return self._ids(states_of(moves))

    def _ids(self, states: set[tuple[str, ...]]) -> Ids:
        known = self._numbers
        numbers = [known.setdefault(state, len(known)) for state in sorted(states)]
        return numpy.array(sorted(numbers), dtype=numpy.int64)

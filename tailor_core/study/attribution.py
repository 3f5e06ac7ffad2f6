"""Which primitive of its library a trace uses, told by the moves that it shows.

A library differs from seed to seed, so each trial has a classifier of its own: logistic regression on how often each
move is seen, taught by kept demonstrations, whose primitives are known. How far to believe it is told by
cross-validation: primitives that differ in what the moves do not show are not told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

Moves = Mapping[str, int]
"""How often each move is seen in a trace."""

_FOLDS = 5
_DIGITS = 6


class Attribution:
    """Tells the primitive of a trace.

    told: the share of demonstrations whose primitive it told without having seen them, by cross-validation; beside
        `guessed`, the share that naming the most frequent primitive always would get right
    """

    def __init__(self, moves: Sequence[Moves], primitives: Sequence[str]) -> None:
        """Learn from demonstrations, `_FOLDS` at least of each of two primitives or more (see `attribute`)."""
        self._model = make_pipeline(
            DictVectorizer(), MaxAbsScaler(), LogisticRegression(C=10.0, max_iter=2000)
        )
        self.told = float(cross_val_score(self._model, list(moves), list(primitives), cv=_FOLDS).mean())
        self.guessed = Counter(primitives).most_common(1)[0][1] / len(primitives)
        self._model.fit(list(moves), list(primitives))

    @property
    def known(self) -> list[str]:
        """The primitives, sorted."""
        return [str(one) for one in self._model.classes_]

    def primitives_of(self, moves: Sequence[Moves]) -> list[str]:
        """The most likely primitive of each trace, also of one that follows none of them."""
        found: Any = self._model.predict(list(moves)) if moves else numpy.empty(0, dtype=str)
        return [str(one) for one in found]


def attribute(moves: Sequence[Moves], primitives: Sequence[str]) -> Attribution | None:
    """What tells primitives apart; None where there are not two that have demonstrations enough to learn from.

    Demonstrations of rarer primitives are left out.
    """
    counts = Counter(primitives)
    pairs = [(m, p) for m, p in zip(moves, primitives, strict=True) if counts[p] >= _FOLDS]
    if len({primitive for _, primitive in pairs}) < 2:
        return None
    return Attribution([m for m, _ in pairs], [p for _, p in pairs])


def tell_apart(names: Mapping[str, str]) -> dict[str, str]:
    """Id of a primitive -> its name, with the first digits of the id where others have the same name."""
    counts = Counter(names.values())
    return {one: name if counts[name] == 1 else f"{name} ({one[:_DIGITS]})" for one, name in names.items()}

"""How far a stage is: a bar for whoever watches the terminal, and a metric for whoever follows the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from tqdm.auto import tqdm

PROGRESS = "progress"
"""The metric: the share of a stage's work that is done, from 0 to 1."""

_PAUSE_SECONDS = 5.0


class Bar(tqdm):  # type: ignore[misc]  # tqdm is untyped
    """A bar of `total` steps that tells `track(metrics, step)`, too: at its start, every few seconds, and when full."""

    def __init__(self, track: Callable[[Mapping[str, float], int], None], **options: Any) -> None:
        super().__init__(**options)
        self._track = track
        self._told = -1
        self._next = 0.0
        self._tell()

    def update(self, n: float | None = 1) -> bool | None:
        """Go on by `n` steps."""
        displayed: bool | None = super().update(n)
        self._tell()
        return displayed

    def _tell(self) -> None:
        now = time.monotonic()
        if self.total and self.n != self._told and (now >= self._next or self.n >= self.total):
            self._told, self._next = self.n, now + _PAUSE_SECONDS
            self._track({PROGRESS: min(1.0, self.n / self.total)}, self.n)

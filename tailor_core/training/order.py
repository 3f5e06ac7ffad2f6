"""The order in which an epoch visits its rows, remembered so that a resumed epoch visits them in the same one.

A sampler that draws its order from a random generator cannot find it again later in the epoch: the state that it drew
from is gone. Samplers whose order follows from the epoch's number alone, such as accelerate's, need none of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import RandomSampler, Sampler

Position = dict[str, Tensor | None]
"""`drawn_from`: the generator's state before it drew the running epoch's order; `then`: after it, if it is its own."""


class RememberedOrder(Sampler[int]):  # type: ignore[misc]  # torch is not looked into
    """A sampler with an attribute `generator`, or torch's own where that is None, which knows where it is.

    `start` is the state of the generator to draw the first epoch's order from.
    """

    def __init__(self, inner: Any, start: Tensor | None) -> None:
        self.inner = inner
        self._start = start
        self._drawn_from: Tensor | None = None

    def __iter__(self) -> Iterator[int]:
        generator = self.inner.generator or torch.default_generator
        if self._start is not None:
            generator.set_state(self._start)
            self._start = None
        self._drawn_from = generator.get_state()
        yield from self.inner

    def __len__(self) -> int:
        return len(self.inner)

    def position(self) -> Position:
        """What `resume_at` needs to go on from here."""
        own = self.inner.generator
        return {"drawn_from": self._drawn_from, "then": own.get_state() if own else None}


class RemembersOrder:
    """Put before a transformers `Trainer` among the bases: its training sampler's order can be resumed."""

    order: RememberedOrder | None = None
    _start: Tensor | None = None

    def _get_train_sampler(self, *arguments: Any) -> Any:
        sampler = super()._get_train_sampler(*arguments)  # type: ignore[misc]  # the trainer has it
        if isinstance(sampler, RandomSampler):  # accelerate seeds it by epoch
            return sampler
        self.order = RememberedOrder(sampler, self._start)
        return self.order

    def resume_at(self, position: Position, *, in_epoch: bool) -> None:
        """Let the next training begin in the middle of the epoch of `position`, or with the one after it."""
        self._start = position["drawn_from" if in_epoch else "then"]

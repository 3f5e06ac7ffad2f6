"""The order in which an epoch visits its rows, remembered so that a resumed epoch visits them in the same one.

A sampler that draws its order from a random generator cannot find it again later in the epoch: the state that it drew
from is gone. Samplers whose order follows from the epoch's number alone, such as accelerate's, need none of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import datasets
import torch
from accelerate.data_loader import SeedableRandomSampler
from torch import Tensor
from torch.utils.data import RandomSampler, Sampler
from transformers.trainer_pt_utils import LengthGroupedSampler

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


class WholeSteps(Sampler[int]):  # type: ignore[misc]  # torch is not looked into
    """The rows of another sampler, and after them the row `blank` until they divide into steps of `rows`.

    Several processes take turns at the batches of a step. Where an epoch ends within one, accelerate would have them
    begin the epoch again to fill it, which one process does not.
    """

    def __init__(self, inner: Any, rows: int, blank: int) -> None:
        self.inner = inner
        self.rows = rows
        self.blank = blank

    def __iter__(self) -> Iterator[int]:
        yield from self.inner
        yield from [self.blank] * (len(self) - len(self.inner))

    def __len__(self) -> int:
        return -(-len(self.inner) // self.rows) * self.rows

    def set_epoch(self, epoch: int) -> None:
        """For samplers whose order follows from the epoch's number."""
        if hasattr(self.inner, "set_epoch"):
            self.inner.set_epoch(epoch)


class StepsOfOneProcess:
    """Put before `RemembersOrder`: several processes go through the rows in the steps that one would take."""

    args: Any
    train_dataset: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._rows = len(self.train_dataset)
        if self.args.world_size > 1:
            self.train_dataset = with_blank_row(self.train_dataset)

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        processes = self.args.world_size
        if processes == 1:
            return super()._get_train_sampler(dataset)  # type: ignore[misc]  # the trainer has it
        real = (self.train_dataset if dataset is None else dataset).select(range(self._rows))
        sampler = super()._get_train_sampler(real)  # type: ignore[misc]
        if isinstance(sampler, RandomSampler):  # as accelerate does where it sees it
            sampler = SeedableRandomSampler(real, data_seed=self.args.data_seed)
        elif isinstance(sampler.inner, LengthGroupedSampler):
            sampler.inner.batch_size *= processes
        rows = processes * self.args.train_batch_size * self.args.gradient_accumulation_steps
        return WholeSteps(sampler, rows, blank=self._rows)


def with_blank_row(rows: datasets.Dataset) -> datasets.Dataset:
    """Rows of tokens as TRL prepares them, and a last one that teaches nothing: two tokens without labels."""
    first = rows[0]
    blank = {**first, "input_ids": first["input_ids"][:2], "labels": [-100, -100], "seq_lengths": [2]}
    return datasets.concatenate_datasets(
        [rows, datasets.Dataset.from_dict({name: [blank[name]] for name in rows.column_names}, rows.features)]
    )

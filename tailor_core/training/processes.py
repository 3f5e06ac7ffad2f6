"""The processes that train a model together, as accelerate has launched them: most often this one alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather

from tailor_core.inference.static_cache import Share, alone

T = TypeVar("T")


def process_count() -> int:
    """How many there are."""
    return int(_state().num_processes)


def agreed(choose: Callable[[], T]) -> T:
    """What the first process chooses, in all of them: their machines need not be alike."""
    state = _state()
    chosen = [choose() if state.is_main_process else None]
    broadcast_object_list(chosen)
    return chosen[0]  # type: ignore[return-value]  # the first process chose it


def share_of_processes() -> Share:
    """How they share a batch of rows."""
    state = _state()
    if state.num_processes == 1:
        return alone

    def share(count: int) -> tuple[Sequence[int], int]:
        counts = gather(torch.tensor([count], device=state.device)).tolist()
        return counts, state.process_index

    return share


def _state() -> PartialState:
    return PartialState(cpu=not torch.cuda.is_available())

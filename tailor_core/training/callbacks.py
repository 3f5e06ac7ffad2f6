"""What follows a trainer: a progress bar with time left, and metrics to the tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from tailor_core.tracking.progress import PROGRESS

Track = Callable[[Mapping[str, float], int], None]
"""`track(metrics, step)`: where logged numbers go besides the training log."""

SHOWN = {
    "loss": "loss",
    "reward": "reward",
    "kl": "kl",
    "entropy": "entropy",
    "completions/mean_length": "length",
}
"""Logged metrics that the bar shows, and the short name it gives them."""


class Follow(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Shows one bar, and hands every logged number to `track`, with how far the training is."""

    def __init__(self, title: str, track: Track) -> None:
        self.title = title
        self.track = track
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self.title, unit="step")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        numbers = {k: float(v) for k, v in (logs or {}).items() if isinstance(v, int | float)}
        if "train_runtime" in numbers:  # the trainer's closing summary, not a step
            return
        self.track({**numbers, PROGRESS: state.global_step / state.max_steps}, state.global_step)
        if self._bar is not None:
            shown = {name: f"{numbers[key]:.3g}" for key, name in SHOWN.items() if key in numbers}
            self._bar.set_postfix(shown, refresh=False)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.close()


def follow(trainer: Any, title: str, track: Track) -> None:
    """Put a `Follow` on `trainer` in place of the stock bar, which prints a dictionary a step.

    Of several processes the first is followed.
    """
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    if trainer.is_world_process_zero():
        trainer.add_callback(Follow(title, track))

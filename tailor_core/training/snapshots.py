"""Models kept on the way of a training, for a learning curve: whole, and apart from the checkpoints to resume from.

They lie in the stage's working directory until it ends, so that an attempt that goes on after a kill has those of the
attempts before it.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tailor_core.artifacts.durable import flush
from tailor_core.errors import StageError
from tailor_core.training.checkpoints import save_model
from tailor_core.training.layout import SNAPSHOTS, snapshot_name

_PARTIAL = "snapshot.partial"


class Snapshots(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Keeps the model after each of `steps`."""

    def __init__(self, trainer: Any, tokenizer: Any, workdir: Path, steps: Collection[int]) -> None:
        self._trainer, self._tokenizer = trainer, tokenizer
        self._kept, self._partial = workdir / SNAPSHOTS, workdir / _PARTIAL
        self._steps = steps

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step not in self._steps:
            return
        first = self._trainer.accelerator.is_main_process
        if first:
            shutil.rmtree(self._partial, ignore_errors=True)  # of an attempt that was killed
        save_model(self._trainer, self._tokenizer, self._partial)
        if first:
            flush(self._partial)
            target = self._kept / snapshot_name(state.global_step)
            shutil.rmtree(target, ignore_errors=True)  # of one that had gone on from an earlier checkpoint
            target.parent.mkdir(exist_ok=True)
            self._partial.rename(target)

    def publish(self, output: Path) -> None:
        """Copy them to the artifact. StageError where one is missing. Of several processes the first does so."""
        if not self._trainer.accelerator.is_main_process:
            return
        for step in sorted(self._steps):
            kept = self._kept / snapshot_name(step)
            if not kept.is_dir():
                raise StageError(
                    f"policy: the model after step {step} is not in {str(self._kept)!r}, though training is past it; "
                    f"delete {str(self._kept.parent)!r} to train from the first step"
                )
            shutil.copytree(kept, output / SNAPSHOTS / kept.name)

"""Resuming a trainer: the newest complete checkpoint, and proof that all planned steps were done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tailor_core.errors import StageError


def newest_checkpoint(directory: Path) -> Path | None:
    """The newest checkpoint that was written to its end.

    The trainer writes `trainer_state.json` last; a directory whose state is missing, torn or says another
    step than its name was cut off by a crash and is ignored.
    """
    found = [(int(p.name.rpartition("-")[2]), p) for p in directory.glob("checkpoint-*") if _step(p.name)]
    return next((path for step, path in sorted(found, reverse=True) if _is_complete(path, step)), None)


def _step(name: str) -> bool:
    return name.rpartition("-")[2].isdecimal()


def _is_complete(path: Path, step: int) -> bool:
    try:
        state = json.loads((path / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(state.get("global_step") == step)


def train_to_the_end(trainer: Any, workdir: Path) -> None:
    """Train from the newest complete checkpoint under `workdir`; raise StageError if steps are missing."""
    checkpoint = newest_checkpoint(workdir)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    done, planned = trainer.state.global_step, trainer.state.max_steps
    if done < planned:
        raise StageError(
            f"training stopped after {done} of {planned} planned steps; run the same command to go on from there"
        )

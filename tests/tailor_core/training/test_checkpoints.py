"""Which checkpoint a crashed training goes on from."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tailor_core.errors import StageError
from tailor_core.training.checkpoints import newest_checkpoint, train_to_the_end


def write(directory: Path, step: int, state: str) -> Path:
    path = directory / f"checkpoint-{step}"
    path.mkdir()
    (path / "trainer_state.json").write_text(state)
    return path


def test_the_newest_complete_checkpoint_is_chosen_by_number(tmp_path: Path) -> None:
    write(tmp_path, 90, json.dumps({"global_step": 90}))
    newest = write(tmp_path, 100, json.dumps({"global_step": 100}))
    assert newest_checkpoint(tmp_path) == newest


def test_torn_empty_and_mislabelled_checkpoints_are_passed_over(tmp_path: Path) -> None:
    complete = write(tmp_path, 10, json.dumps({"global_step": 10}))
    write(tmp_path, 20, '{"global_step": 2')
    write(tmp_path, 30, json.dumps({"global_step": 29}))
    (tmp_path / "checkpoint-40").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    assert newest_checkpoint(tmp_path) == complete


def test_without_checkpoints_training_starts_afresh(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None


def test_a_training_that_stops_short_of_its_plan_is_an_error(tmp_path: Path) -> None:
    trainer = SimpleNamespace(
        train=lambda resume_from_checkpoint: None, state=SimpleNamespace(global_step=7, max_steps=9)
    )
    with pytest.raises(StageError, match="7 of 9"):
        train_to_the_end(trainer, tmp_path)

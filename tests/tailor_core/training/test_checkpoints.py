"""Which checkpoint a crashed training goes on from, and that all planned steps are done."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tailor_core.errors import StageError
from tailor_core.training.checkpoints import newest_checkpoint, train_to_the_end, training_log


def write(directory: Path, step: int, marker: Any = None) -> Path:
    path = directory / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_text("weights")
    whole = {"step": step, "data": "d", "files": {"model.safetensors": 7}, "counters": {}}
    (path / "complete.json").write_text(json.dumps(whole if marker is None else marker))
    return path


def newest(directory: Path) -> Path | None:
    found = newest_checkpoint(directory)
    return found.path if found else None


def test_the_newest_complete_checkpoint_is_chosen_by_number(tmp_path: Path) -> None:
    write(tmp_path, 90)
    path = write(tmp_path, 100)
    assert newest(tmp_path) == path


@pytest.mark.parametrize(
    "marker", ["", [], {}, {"step": 20}, {"step": 2, "data": "d", "files": {}, "counters": {}}]
)
def test_a_marker_that_says_less_or_something_else_does_not_count(tmp_path: Path, marker: Any) -> None:
    complete = write(tmp_path, 10)
    write(tmp_path, 20, marker)
    (tmp_path / "checkpoint-best").mkdir()
    assert newest(tmp_path) == complete


def test_torn_and_missing_files_do_not_count(tmp_path: Path) -> None:
    complete = write(tmp_path, 10)
    (write(tmp_path, 20) / "complete.json").write_text('{"step": 2')
    (write(tmp_path, 30) / "complete.json").unlink()
    (write(tmp_path, 40) / "model.safetensors").write_text("weig")
    (write(tmp_path, 50) / "model.safetensors").unlink()
    assert newest(tmp_path) == complete


def test_without_checkpoints_training_starts_afresh(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None


def trainer(done: int, planned: int) -> Any:
    """A trainer that says it has trained."""
    return SimpleNamespace(
        args=None,
        get_train_dataloader=list,
        set_initial_training_values=lambda args, loader: (1, planned),
        add_callback=lambda callback: None,
        train=lambda resume_from_checkpoint: None,
        state=SimpleNamespace(global_step=done, max_steps=done),
        accelerator=SimpleNamespace(is_main_process=True, wait_for_everyone=lambda: None),
    )


@pytest.mark.parametrize("done", [0, 7])
def test_a_training_that_stops_short_of_its_plan_is_an_error(tmp_path: Path, done: int) -> None:
    with pytest.raises(StageError, match=rf"after {done} of 9 planned steps; run the same command"):
        train_to_the_end(trainer(done, 9), tmp_path, "d", "policy")


def test_the_log_holds_every_logged_step_and_no_time() -> None:
    history = [
        {"loss": 0.5, "step_time": 1.25, "epoch": 0.5, "note": "text", "step": 1},
        {"loss": 0.25, "step_time": 1.5, "epoch": 1.0, "step": 2},
        {"train_runtime": 3.0, "train_loss": 0.4, "step": 2},
    ]
    found = training_log(SimpleNamespace(state=SimpleNamespace(log_history=history)))
    assert [list(row) for row in found] == [["step", "epoch", "loss"]] * 2, "whoever wrote them down"
    assert found == [{"step": 1, "epoch": 0.5, "loss": 0.5}, {"step": 2, "epoch": 1.0, "loss": 0.25}]

"""Resuming a trainer: from the newest complete checkpoint of the same data, to the last planned step.

transformers saves weights, optimizer, schedule, random generators and the step. This adds the position of the sampler
and the trainer's counters, and then, when all that is on the disk, a marker that lists the files and says of which data
they are: a checkpoint without it, or with a file that does not have its size, was cut off by a crash. Of several
processes the first does so, when all have written their parts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import DistributedType
from transformers import TrainerCallback, TrainerState

from tailor_core.artifacts.durable import write_last
from tailor_core.errors import ResumeError, StageError
from tailor_core.training.finite import FiniteGradients
from tailor_core.training.order import RemembersOrder

MARKER = "complete.json"
POSITION = "position.pt"
STATE = "trainer_state.json"

COUNTERS = ("_total_train_tokens",)
"""What a trainer counts besides its state, by attribute: tokens seen, in TRL's `SFTTrainer`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A complete checkpoint. `data` is the digest of the rows it was trained on, `files` maps names to sizes.

    processes: how many wrote it
    sharding:  what divided the model among them; empty where nothing did
    """

    path: Path
    step: int
    data: str
    files: Mapping[str, int]
    counters: Mapping[str, int]
    processes: int = 1
    sharding: str = ""


class _Reached(Exception):  # noqa: N818  # it ends a training as planned
    """All steps were done before."""


def train_to_the_end(trainer: Any, workdir: Path, data: str, section: str) -> None:
    """Train from the newest complete checkpoint under `workdir` to the last planned step.

    `data` is the digest of the training rows, and `section` what the recipe calls the training. ResumeError where the
    checkpoint is of other data or of more steps than are planned; StageError where a gradient is not finite, or steps
    are missing in the end.
    """
    planned = planned_steps(trainer)
    checkpoint = newest_checkpoint(workdir)
    if checkpoint:
        _refuse_foreign(checkpoint, data, planned)
        refuse_other_processes(checkpoint, trainer)
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        _remove_all_but(checkpoint, workdir)
        if checkpoint:
            _share_random_states(checkpoint, trainer.accelerator.num_processes)
    trainer.accelerator.wait_for_everyone()
    if checkpoint and checkpoint.step == planned:
        _load_finished(trainer, checkpoint)
    else:
        trainer.add_callback(_Seal(trainer, data))
        trainer.add_callback(FiniteGradients(section))
        if checkpoint:
            _restore(trainer, checkpoint)
        trainer.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)
    done = trainer.state.global_step
    if done != planned:
        raise StageError(
            f"training stopped after {done} of {planned} planned steps; run the same command to go on from there"
        )


def planned_steps(trainer: Any) -> int:
    """How many optimizer steps the settings of a trainer and its rows ask for."""
    return int(trainer.set_initial_training_values(trainer.args, trainer.get_train_dataloader())[-1])


def newest_checkpoint(directory: Path) -> Checkpoint | None:
    """The newest checkpoint that was written to its end."""
    complete = [found for path in directory.glob("checkpoint-*") if (found := _read(path))]
    return max(complete, key=lambda checkpoint: checkpoint.step, default=None)


def training_log(trainer: Any) -> list[dict[str, float]]:
    """What was logged from the first step on, one dict a logged step, whichever attempts took them.

    Without times: the log is part of an artifact, whose bytes shall not depend on the clock.
    """
    entries = [entry for entry in trainer.state.log_history if "train_runtime" not in entry]
    return [{"step": entry["step"], **_numbers(entry)} for entry in entries]


def _numbers(entry: Mapping[str, Any]) -> dict[str, float]:
    """In order of name: a checkpoint does not keep the order in which a trainer logged."""
    return {
        name: float(value)
        for name, value in sorted(entry.items())
        if isinstance(value, int | float) and name not in ("step", "step_time")
    }


def _read(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`; None where it is not complete."""
    try:
        marker = json.loads((path / MARKER).read_text(encoding="utf-8"))
        checkpoint = Checkpoint(path=path, **marker)
        whole = all((path / name).stat().st_size == size for name, size in checkpoint.files.items())
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return checkpoint if whole and path.name == f"checkpoint-{checkpoint.step}" else None


def _refuse_foreign(checkpoint: Checkpoint, data: str, planned: int) -> None:
    if checkpoint.data != data:
        raise ResumeError(
            f"the checkpoint {str(checkpoint.path)!r} was trained on other data (digest {checkpoint.data[:12]}, but "
            f"this stage has {data[:12]}); delete {str(checkpoint.path.parent)!r} to train from the first step"
        )
    if checkpoint.step > planned:
        raise ResumeError(
            f"the checkpoint {str(checkpoint.path)!r} is of step {checkpoint.step}, but only {planned} steps are "
            f"planned; delete {str(checkpoint.path.parent)!r} to train from the first step"
        )


def refuse_other_processes(checkpoint: Checkpoint, trainer: Any) -> None:
    """ResumeError where a trainer cannot go on from a checkpoint, for its number of processes or its sharding.

    What is divided otherwise cannot be read; generators that each process has of its own are those of so many.
    """
    processes, sharding = trainer.accelerator.num_processes, _sharding(trainer)
    kept = f"the checkpoint {str(checkpoint.path)!r} is of {checkpoint.processes} processes"
    cure = f"or delete {str(checkpoint.path.parent)!r} to train from the first step"
    if checkpoint.sharding != sharding:
        was, now = (repr(name) if name else "no" for name in (checkpoint.sharding, sharding))
        raise ResumeError(
            f"{kept} with {was} sharding, but this training has {now}; set accelerate.sharding as it was, {cure}"
        )
    bound = sharding.startswith("zero") or getattr(trainer, "draws_by_process", False)
    if bound and checkpoint.processes != processes:
        raise ResumeError(
            f"{kept}, and such a training cannot go on in {processes}; set accelerate.processes = "
            f"{checkpoint.processes}, {cure}"
        )


def _sharding(trainer: Any) -> str:
    """What divides a trainer's model, as `accelerate.sharding` names it; empty where nothing does."""
    accelerator = trainer.accelerator
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        return f"zero{accelerator.state.deepspeed_plugin.zero_stage}"
    return "fsdp" if accelerator.distributed_type == DistributedType.FSDP else ""


def _share_random_states(checkpoint: Checkpoint, processes: int) -> None:
    """Have each process find a state of the generators, where another number of processes has written theirs.

    That of the first is good for all: where it were not, `refuse_other_processes` has refused.
    """
    names = [f"rng_state_{i}.pth" for i in range(processes)] if processes > 1 else ["rng_state.pth"]
    first = checkpoint.path / ("rng_state_0.pth" if checkpoint.processes > 1 else "rng_state.pth")
    for name in names:
        if not (checkpoint.path / name).exists():
            shutil.copyfile(first, checkpoint.path / name)


def _remove_all_but(checkpoint: Checkpoint | None, workdir: Path) -> None:
    """What a crash cut off must not mix with what is saved next under its name."""
    for path in workdir.glob("checkpoint-*"):
        if checkpoint is None or path != checkpoint.path:
            shutil.rmtree(path)


def _restore(trainer: Any, checkpoint: Checkpoint) -> None:
    """Give back what transformers does not."""
    for name, count in checkpoint.counters.items():
        setattr(trainer, name, count)
    if POSITION in checkpoint.files:
        epoch = json.loads((checkpoint.path / STATE).read_text(encoding="utf-8"))["epoch"]
        position = torch.load(checkpoint.path / POSITION, weights_only=True)
        trainer.resume_at(position, in_epoch=not float(epoch).is_integer())


def _load_finished(trainer: Any, checkpoint: Checkpoint) -> None:
    """All steps were done, and the attempt ended before it had saved the model. `train` would take one more."""
    if checkpoint.sharding:  # only `train` divides the model, and then loads it
        trainer.add_callback(_EndAtOnce())
        with suppress(_Reached):
            trainer.train(resume_from_checkpoint=str(checkpoint.path))
    else:
        trainer._load_from_checkpoint(str(checkpoint.path))
    trainer.state = TrainerState.load_from_json(str(checkpoint.path / STATE))


def save_model(trainer: Any, tokenizer: Any, output: Path) -> None:
    """Save the trained model, whole, and its tokenizer. Of several processes the first writes."""
    accelerator = trainer.accelerator
    # Where the model is divided among processes, all of them have to give their parts.
    weights = accelerator.get_state_dict(trainer.model_wrapped) if _sharding(trainer) else None
    if accelerator.is_main_process:
        trainer.model.save_pretrained(output, state_dict=weights)
        tokenizer.save_pretrained(output)
    accelerator.wait_for_everyone()


class _EndAtOnce(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        raise _Reached


class _Seal(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
    """Completes every checkpoint that the trainer saves."""

    def __init__(self, trainer: Any, data: str) -> None:
        self.trainer = trainer
        self.data = data

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Sums of steps not yet logged are not saved, so none may be open."""
        control.should_log = control.should_log or control.should_save

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.trainer.accelerator.wait_for_everyone()
        if self.trainer.accelerator.is_main_process:
            self._seal(Path(args.output_dir) / f"checkpoint-{state.global_step}", state.global_step)
        self.trainer.accelerator.wait_for_everyone()

    def _seal(self, path: Path, step: int) -> None:
        if isinstance(self.trainer, RemembersOrder) and self.trainer.order:
            torch.save(self.trainer.order.position(), path / POSITION)
        checkpoint = Checkpoint(
            path=path,
            step=step,
            data=self.data,
            files={
                file.relative_to(path).as_posix(): file.stat().st_size
                for file in sorted(path.rglob("*"))
                if file.is_file()
            },
            counters={name: getattr(self.trainer, name) for name in COUNTERS if hasattr(self.trainer, name)},
            processes=self.trainer.accelerator.num_processes,
            sharding=_sharding(self.trainer),
        )
        _write(checkpoint)


def _write(checkpoint: Checkpoint) -> None:
    values = asdict(checkpoint)
    del values["path"]
    write_last(checkpoint.path / MARKER, json.dumps(values))

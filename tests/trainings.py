"""A stage that runs several trainings one after the other, in as many processes as it is asked to."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel

from tailor_core.artifacts.tables import read_records
from tailor_core.config.accelerate import AccelerateConfig
from tailor_core.config.policy import PolicyConfig
from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.records import Problem, SFTExample
from tailor_core.stages.context import StageContext


class Trainings(BaseModel):
    """What to train, by name. `kill` is a rank and the steps after which it is killed, `fail` after which it raises."""

    accelerate: AccelerateConfig = AccelerateConfig()
    warm_starts: dict[str, WarmStartConfig] = {}
    policies: dict[str, PolicyConfig] = {}
    kill: tuple[int, int] | None = None
    fail: tuple[int, int] | None = None


def run(config: Trainings, context: StageContext) -> dict[str, Any]:
    """The logs, by name; each trained model is in the output under its name."""
    from tailor_core.training import grpo, sft

    if config.accelerate.sharding == "fsdp":
        shard_on_processors()
    shared = {"seed": context.seed, "track": context.track}
    examples = read_records(context.inputs["problems"] / "examples.parquet", SFTExample)
    problems = read_records(context.inputs["problems"] / "problems.parquet", Problem)
    logs = {}
    with _Trouble(config):
        for name, warm_start in config.warm_starts.items():
            logs[name] = sft.fine_tune(
                context.inputs["model"], examples, warm_start, **_places(context, name), **shared
            )
        for name, policy in config.policies.items():
            logs[name] = grpo.reinforce(
                context.inputs["model"], problems, length, policy, **_places(context, name), **shared
            )
    return logs


def length(completions: list[Any], **_: Any) -> list[float]:
    """A reward that differs within a group."""
    return [float(len(completion[-1]["content"]) % 7) for completion in completions]


def _places(context: StageContext, name: str) -> dict[str, Path]:
    output, workdir = context.output / name, context.workdir / name
    output.mkdir(exist_ok=True)
    workdir.mkdir(exist_ok=True)
    return {"output": output, "workdir": workdir}


class _Trouble:
    """Has the process of a rank die or fail when it takes the step."""

    def __init__(self, config: Trainings) -> None:
        self.config = config

    def __enter__(self) -> None:
        from transformers.trainer_callback import CallbackHandler

        self.before = before = CallbackHandler.on_step_begin
        here = int(os.environ.get("RANK", "0"))
        config = self.config

        def on_step_begin(handler: Any, args: Any, state: Any, control: Any) -> Any:
            if config.kill == (here, state.global_step):
                os.kill(os.getpid(), signal.SIGKILL)
            if config.fail == (here, state.global_step):
                raise ValueError("the loss is no number")
            return before(handler, args, state, control)

        CallbackHandler.on_step_begin = on_step_begin

    def __exit__(self, *_: Any) -> None:
        from transformers.trainer_callback import CallbackHandler

        CallbackHandler.on_step_begin = self.before


def comparable(log: Mapping[str, float]) -> dict[str, float]:
    """Those that are the same in any number of processes; others are means over passes, which share rows otherwise."""
    return {
        name: log[name] for name in ("step", "loss", "grad_norm", "learning_rate", "reward") if name in log
    }


def shard_on_processors() -> None:
    """Have accelerate take FSDP for what it is on processors as well, where it would leave it out.

    It asks only whether there are several GPUs; FSDP itself runs over gloo.
    """
    from accelerate import PartialState
    from accelerate.utils import DistributedType

    prepare = PartialState._prepare_backend

    def as_on_gpus(self: Any, cpu: bool, *rest: Any) -> Any:
        prepare(self, cpu, *rest)
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        return "gloo", DistributedType.MULTI_GPU

    def processor(self: Any) -> None:
        self.device = torch.device("cpu")

    PartialState._prepare_backend = as_on_gpus
    PartialState.set_device = processor

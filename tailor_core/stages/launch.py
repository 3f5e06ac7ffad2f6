"""`python -m tailor_core.stages.launch job.json`: have accelerate launch the processes of a stage on this machine.

Its configuration, as `accelerate config` would write it, is put beside the job, where other machines find it. Each line
on stdout is an event, the last one says how it went.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tailor_core import errors
from tailor_core.config.accelerate import AccelerateConfig
from tailor_core.config.settings import Settings, prepare_process
from tailor_core.errors import MachineError, MissingExtraError, StageError
from tailor_core.stages.below import last_words
from tailor_core.stages.events import Event, read_event
from tailor_core.stages.telling import Teller
from tailor_core.stages.together import Launch

RANK = "tailor_core.stages.rank"


def accelerate_settings(config: AccelerateConfig, *, gpu: bool) -> dict[str, Any]:
    """The content of the configuration file of accelerate that says the same as ours."""
    settings: dict[str, Any] = {
        "compute_environment": "LOCAL_MACHINE",
        # On processors as well: it is what has torchrun start the processes. Each then sees that there is no GPU.
        "distributed_type": "MULTI_GPU",
        "num_processes": config.processes,
        "num_machines": config.machines,
        "machine_rank": 0,
        "main_process_ip": config.main_address or None,
        "main_process_port": config.main_port,
        "use_cpu": not gpu,
    }
    if config.sharding == "fsdp":
        settings["distributed_type"] = "FSDP"
        settings["fsdp_config"] = {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": True,
            "fsdp_cpu_ram_efficient_loading": False,  # each process loads the weights itself
            "fsdp_state_dict_type": "SHARDED_STATE_DICT",  # of checkpoints; the model is saved whole
        }
    elif config.sharding != "none":
        settings["distributed_type"] = "DEEPSPEED"
        settings["deepspeed_config"] = {
            "zero_stage": int(config.sharding.removeprefix("zero")),
            "offload_optimizer_device": "none",
            "offload_param_device": "none",
            "gradient_accumulation_steps": "auto",  # as the trainer says
            "gradient_clipping": "auto",
            "zero3_init_flag": False,
            "zero3_save_16bit_model": config.sharding == "zero3",
        }
    return settings


def check_machine(config: AccelerateConfig, *, gpus: int) -> None:
    """StageError where a machine has fewer GPUs than processes, MissingExtraError where DeepSpeed is not there."""
    here = config.processes // config.machines
    if gpus and here > gpus:
        raise StageError(
            f"accelerate.processes = {config.processes} are {here} on each of {config.machines} machines, but this one "
            f"has {gpus} GPUs; lower it to {gpus * config.machines}"
        )
    if config.sharding.startswith("zero") and find_spec("deepspeed") is None:
        raise MissingExtraError(
            f"accelerate.sharding = {config.sharding!r} needs DeepSpeed, which {sys.executable} does not have; run pip "
            "install deepspeed there, or set accelerate.sharding = 'fsdp'"
        )


def main(arguments: list[str]) -> int:
    """Launch the processes of the job in the file that the only argument names; the exit status."""
    launch = Launch.read(Path(arguments[0]))
    prepare_process(Settings(home=Path(launch.job.home), store=launch.job.store))
    teller = Teller(sys.stdout)  # which the processes have as well
    try:
        last = _launch(launch, teller)
    except Exception as error:
        teller.tell(Event.of_error(error))
        raise
    teller.tell(last)
    return 0 if last.kind == "done" else 1


def _launch(launch: Launch, teller: Teller) -> Event:
    """Run the processes to their end; how it went."""
    import torch  # with accelerate a matter of seconds
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    config, stage = launch.accelerate, launch.job.spec.stage
    gpus = torch.cuda.device_count()
    check_machine(config, gpus=gpus)
    file = launch.directory / "accelerate.json"
    file.write_text(json.dumps(accelerate_settings(config, gpu=bool(gpus)), indent=2), encoding="utf-8")
    command = ["--config_file", str(file), "--module", RANK, str(launch.file)]
    if config.machines > 1:
        teller.say(
            f"{stage} waits for {config.machines - 1} more machines: on each, run accelerate launch --machine_rank N "
            f"{' '.join(command)}, with N from 1 to {config.machines - 1}"
        )
    try:
        launch_command(launch_command_parser().parse_args(command))
    except ChildFailedError as failed:
        return why_ended(launch, {rank: failure.exitcode for rank, failure in failed.failures.items()})
    return Event(kind="done")


def why_ended(launch: Launch, statuses: Mapping[int, int]) -> Event:
    """What ended the processes, of which some, by rank, had these exit statuses: a signal, or what was raised first.

    SIGTERM is what the launcher itself sends to those that are left.
    """
    stage = launch.job.spec.stage
    killed = [rank for rank in sorted(statuses) if statuses[rank] < 0 and statuses[rank] != -signal.SIGTERM]
    raised = launch.failed()
    rank = [*killed, *raised, *sorted(statuses)][0]
    log = launch.log(rank)
    event = read_event(launch.error(rank).read_text(encoding="utf-8")) if raised and not killed else None
    if event and hasattr(errors, event.error):
        return event
    if event:
        failure = MachineError if event.error == OSError.__name__ else StageError
        return Event.of_error(
            failure(f"{stage}: its process of rank {rank} failed ({event.text}); see {str(log)!r}")
        )
    if statuses[rank] < 0:
        return Event.of_error(
            MachineError(
                f"{stage}: its process of rank {rank} was ended by signal {-statuses[rank]} ({last_words(log)}), by a "
                f"person or for want of memory; see {str(log)!r}, and run the same again, which goes on from the "
                "newest checkpoint"
            )
        )
    return Event.of_error(
        StageError(
            f"{stage}: its process of rank {rank} ended with status {statuses[rank]} ({last_words(log)}); see "
            f"{str(log)!r}"
        )
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What accelerate is told, as accelerate reads it, and what is said of processes that ended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin, patch_environment
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

from tailor_core.config.accelerate import AccelerateConfig
from tailor_core.errors import MissingExtraError, ResumeError, StageError
from tailor_core.stages.events import Event
from tailor_core.stages.execute import StageJob
from tailor_core.stages.launch import accelerate_settings, check_machine, why_ended
from tailor_core.stages.spec import StageSpec
from tailor_core.stages.together import Launch


def environment_of(config: AccelerateConfig, tmp_path: Path) -> dict[str, str]:
    """What accelerate's launcher makes of our settings: the variables of each process."""
    file = tmp_path / "accelerate.json"
    file.write_text(json.dumps(accelerate_settings(config, gpu=True)))
    assert (
        load_config_from_file(str(file)).num_processes == config.processes
    )  # it refuses keys that it does not know
    parser = launch_command_parser()
    arguments, _, _ = _validate_launch_command(
        parser.parse_args(["--config_file", str(file), "--module", "m", "job.json"])
    )
    if arguments.use_deepspeed:
        arguments.deepspeed_fields_from_accelerate_config = ""
        return dict(prepare_deepspeed_cmd_env(arguments)[1])
    return dict(prepare_multi_gpu_env(arguments))


def test_fsdp_is_the_second_one_around_each_block_with_divided_checkpoints(tmp_path: Path) -> None:
    with patch_environment(**environment_of(AccelerateConfig(processes=8, sharding="fsdp"), tmp_path)):
        plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert plugin.state_dict_type.name == "SHARDED_STATE_DICT"
    assert plugin.cpu_ram_efficient_loading is False
    assert plugin.auto_wrap_policy.__name__ == "transformer_auto_wrap_policy"


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_divides_as_asked_and_gives_a_whole_model_back(tmp_path: Path, stage: int) -> None:
    pytest.importorskip("deepspeed", reason="deepspeed is not installed (pip install deepspeed)")
    config = AccelerateConfig(processes=8, sharding=f"zero{stage}")
    with patch_environment(**environment_of(config, tmp_path)):
        settings = DeepSpeedPlugin().deepspeed_config
    assert settings["gradient_accumulation_steps"] == settings["gradient_clipping"] == "auto"
    zero = settings["zero_optimization"]
    assert zero["stage"] == stage
    assert zero["stage3_gather_16bit_weights_on_model_save"] is (stage == 3)
    assert zero["offload_optimizer"]["device"] == zero["offload_param"]["device"] == "none"


def test_machines_meet_at_the_address_and_have_as_many_processes_each(tmp_path: Path) -> None:
    config = AccelerateConfig(processes=16, machines=2, main_address="10.0.0.1", main_port=29500)
    file = tmp_path / "accelerate.json"
    file.write_text(json.dumps(accelerate_settings(config, gpu=True)))
    arguments, _, _ = _validate_launch_command(
        launch_command_parser().parse_args(
            ["--config_file", str(file), "--machine_rank", "1", "--module", "m", "job.json"]
        )
    )
    prepare_multi_gpu_env(arguments)
    assert (arguments.nproc_per_node, arguments.nnodes, arguments.node_rank) == ("8", "2", 1)
    assert arguments.rdzv_endpoint == "10.0.0.1:29500"


def test_a_machine_that_cannot_do_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_machine(AccelerateConfig(processes=8), gpus=8)
    check_machine(AccelerateConfig(processes=8), gpus=0)  # on processors
    with pytest.raises(
        StageError, match=r"are 4 on each of 2 machines, but this one has 2 GPUs; lower it to 4"
    ):
        check_machine(AccelerateConfig(processes=8, machines=2, main_address="a", main_port=1), gpus=2)
    monkeypatch.setattr("tailor_core.stages.launch.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"'zero2' needs DeepSpeed, .* pip install deepspeed"):
        check_machine(AccelerateConfig(processes=2, sharding="zero2"), gpus=2)


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    spec = StageSpec(stage="policy", function="m:f", schema_version=1, config={})
    job = StageJob(spec=spec, config="m:C", recipe="r", home=str(tmp_path), store=str(tmp_path))
    made = Launch(job=job, inputs={}, output=str(tmp_path), workdir=str(tmp_path / "work"))
    made.directory.mkdir(parents=True)
    for rank in range(3):
        made.log(rank).write_text(f"last words of {rank}\n")
    made.write()
    assert Launch.read(made.file) == made
    return made


def failed(launch: Launch, rank: int, error: Exception, *, at: int = 0) -> None:
    launch.error(rank).write_text(Event.of_error(error).to_line())
    os.utime(launch.error(rank), (at, at))


def test_who_was_killed_is_named_before_those_that_the_launcher_ended_or_that_missed_it(
    launch: Launch,
) -> None:
    failed(launch, 0, RuntimeError("connection closed by peer"))
    event = why_ended(launch, {0: 1, 1: -15, 2: -9})
    assert event.error == "MachineError"
    assert "policy: its process of rank 2 was ended by signal 9 (last words of 2)" in event.text
    assert f"see {str(launch.log(2))!r}" in event.text


def test_who_failed_first_is_named_with_what_it_raised(launch: Launch) -> None:
    failed(launch, 0, RuntimeError("connection closed by peer"), at=2)
    failed(launch, 1, ValueError("a bug"), at=1)
    event = why_ended(launch, {0: 1, 2: -15})  # rank 1 is another machine's
    assert event.error == "StageError"
    assert "policy: its process of rank 1 failed (ValueError: a bug); see " in event.text
    failed(launch, 2, OSError("no space"))
    event = why_ended(launch, {2: 1})
    assert event.error == "MachineError"
    assert "rank 2 failed (OSError: no space)" in event.text


def test_a_mistake_that_the_user_can_mend_is_the_sentence_that_it_is_in_one_process(launch: Launch) -> None:
    failed(launch, 0, ResumeError("of other data"))
    event = why_ended(launch, {0: 1, 1: -15})
    assert (event.error, event.text) == ("ResumeError", "of other data")


def test_a_process_that_ends_without_a_word_is_named_with_its_last_line(launch: Launch) -> None:
    event = why_ended(launch, {1: 3})
    assert event.text.startswith("policy: its process of rank 1 ended with status 3 (last words of 1); see ")

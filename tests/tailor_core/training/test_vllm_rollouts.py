"""Rollouts by vLLM: TRL gets the recipe's settings, weights come before completions, and seeds follow from the step."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from engine_like_vllm import EngineLikeVLLM
from transformers import AutoTokenizer
from trl import GRPOConfig
from trl.trainer import grpo_trainer

from tailor_core.config.keyed import keyed_values, unkeyed_values
from tailor_core.config.policy import PolicyConfig, VLLMRollouts
from tailor_core.records import Problem, canonical_json
from tailor_core.training.grpo import ResumableGRPOTrainer, grpo_arguments, make_trainer
from tailor_core.training.rollouts import SeedsVLLM, step_seed

SIZES = {"steps": 2, "prompts_per_step": 2, "num_generations": 4, "micro_batch_size": 4}
SECTION = {
    "mode": "server",
    "server_base_url": "http://gpu-7:8123",
    "gpu_memory_utilization": 0.45,
    "max_model_length": 777,
    "enable_sleep_mode": True,
    "importance_sampling_correction": True,
    "importance_sampling_mode": "token_truncate",
    "importance_sampling_clip_max": 2.5,
}
"""Every field, with a value that is not the default of Tailor or TRL where there is another."""


def config_of(**values: Any) -> PolicyConfig:
    return PolicyConfig.model_validate(
        {**SIZES, "max_completion_length": 8, "rollout_engine": "vllm", **values}
    )


def arguments_of(config: PolicyConfig, tmp_path: Path) -> GRPOConfig:
    return grpo_arguments(config, workdir=tmp_path, seed=3, bf16=False, ends=[7, 9])


def test_trl_gets_every_value_of_the_section_under_its_own_name(tmp_path: Path) -> None:
    assert SECTION.keys() == VLLMRollouts.model_fields.keys()
    arguments = arguments_of(config_of(vllm=SECTION), tmp_path)
    assert arguments.use_vllm
    assert {name: getattr(arguments, f"vllm_{name}") for name in SECTION} == SECTION
    assert arguments.generation_kwargs == {"stop_token_ids": [7, 9]}


def test_what_is_not_said_is_as_trl_has_it(tmp_path: Path) -> None:
    arguments = arguments_of(config_of(), tmp_path)
    defaults = {f.name: f.default for f in fields(GRPOConfig) if f.name.startswith("vllm_")}
    assert {
        name: getattr(arguments, name) for name in defaults if getattr(arguments, name) != defaults[name]
    } == {"vllm_server_base_url": "http://127.0.0.1:8000"}  # where TRL makes one of host and port


@pytest.mark.parametrize("engine", ["static-cache", "transformers"])
def test_other_engines_leave_vllm_alone(engine: str, tmp_path: Path) -> None:
    arguments = arguments_of(config_of(rollout_engine=engine, vllm=SECTION), tmp_path)
    assert not arguments.use_vllm
    assert arguments.generation_kwargs is None


def test_the_section_is_in_the_key_only_where_it_may_change_the_policy() -> None:
    assert keyed_values(config_of(vllm=SECTION))["vllm"] == {
        "mode": "server",
        "importance_sampling_correction": True,
        "importance_sampling_mode": "token_truncate",
        "importance_sampling_clip_max": 2.5,
    }
    other = config_of(rollout_engine="static-cache", vllm=SECTION)
    assert other == config_of(rollout_engine="static-cache")
    checkpointing = config_of(gradient_checkpointing=True)
    assert keyed_values(checkpointing) == keyed_values(config_of())
    assert unkeyed_values(checkpointing)["gradient_checkpointing"] is True


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradient_checkpointing_reaches_the_trainer(checkpointing: bool, tmp_path: Path) -> None:
    arguments = arguments_of(config_of(gradient_checkpointing=checkpointing), tmp_path)
    assert arguments.gradient_checkpointing is checkpointing


def make(model_dir: Path, problems: list[Problem], tmp_path: Path, seed: int = 0, **vllm: Any) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    rows = [
        {"prompt": [{"role": "user", "content": p.question}], "problem": canonical_json(p.to_row())}
        for p in problems
    ]
    return make_trainer(
        model_dir, tokenizer, rows, lambda completions, **_: [0.0] * len(completions), config_of(vllm=vllm),
        workdir=tmp_path, seed=seed,
    )  # fmt: skip


@pytest.fixture
def like_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", EngineLikeVLLM)


def rollouts(trainer: Any, problems: list[Problem], step: int = 0) -> list[tuple[int, ...]]:
    """What is drawn for one prompt in a step: a group of completions."""
    trainer.state.global_step = step
    trainer.callback_handler.on_step_begin(trainer.args, trainer.state, trainer.control)
    prompts = [[{"role": "user", "content": problems[0].question}]] * 4
    return [tuple(ids) for ids in trainer._generate(prompts)[1]]


@pytest.mark.parametrize("mode", ["colocate", "server"])
def test_completions_follow_from_seed_and_step_and_differ_within_a_group(
    like_vllm: None, model_dir: Path, problems: list[Problem], tmp_path: Path, mode: str
) -> None:
    trainer = make(model_dir, problems, tmp_path, mode=mode)
    assert type(trainer) is ResumableGRPOTrainer
    first = rollouts(trainer, problems)
    assert len(set(first)) > 1
    assert rollouts(trainer, problems) == first
    assert rollouts(trainer, problems, step=1) != first
    restarted = make(model_dir, problems, tmp_path, mode=mode)
    assert rollouts(restarted, problems, step=1) == rollouts(trainer, problems, step=1)
    other = make(model_dir, problems, tmp_path, seed=1, mode=mode)
    assert rollouts(other, problems) != first


@pytest.mark.parametrize("mode", ["colocate", "server"])
def test_the_first_completions_are_of_the_weights_in_training_not_of_those_on_the_disk(
    like_vllm: None, model_dir: Path, problems: list[Problem], tmp_path: Path, mode: str
) -> None:
    trainer = make(model_dir, problems, tmp_path, mode=mode)
    with torch.no_grad():
        trainer.model.lm_head.weight.mul_(1.5)  # as a checkpoint that was loaded since
    rollouts(trainer, problems, step=20)
    own = trainer.vllm_generation.own.state_dict()
    assert all(torch.equal(own[name], tensor) for name, tensor in trainer.model.state_dict().items())


def test_a_colocated_engine_is_told_no_seed_for_a_group_would_be_one_completion(
    like_vllm: None, model_dir: Path, problems: list[Problem], tmp_path: Path
) -> None:
    trainer = make(model_dir, problems, tmp_path)
    rollouts(trainer, problems)
    assert trainer.vllm_generation.generation_kwargs.keys() == {"stop_token_ids"}


def test_all_generators_that_a_colocated_engine_may_draw_from_are_set() -> None:
    """vLLM's newer model runner draws seeds of its own from numpy. Several processes have an engine each."""
    seeds = SeedsVLLM(SimpleNamespace(vllm_generation=SimpleNamespace(mode="colocate")), 5)
    drawn = []
    for process in (0, 0, 1):
        arguments = SimpleNamespace(
            process_index=process, per_device_train_batch_size=4, steps_per_generation=2
        )
        seeds.on_step_begin(arguments, SimpleNamespace(global_step=4), None)
        drawn.append((np.random.randint(2**31), torch.rand(1).item()))
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[2][0]
    assert drawn[0][1] != drawn[2][1]


def test_the_completions_of_a_group_share_no_seed_with_other_steps_or_other_recipes() -> None:
    """The n completions of a prompt take the n seeds from the step's on."""
    asked = [(seed, step, row) for seed in range(3) for step in range(100) for row in (0, 64)]
    first = np.sort([step_seed(*one) for one in asked])
    assert first.min() >= 0
    assert first.max() + 32 < 2**32  # what numpy takes
    assert np.diff(first).min() >= 32

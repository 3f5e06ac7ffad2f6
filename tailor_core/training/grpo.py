"""The policy: TRL's `GRPOTrainer` from the warm start, rewards from the verifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import AutoConfig
from trl import GRPOConfig, GRPOTrainer

from tailor_core.config.policy import PolicyConfig
from tailor_core.errors import StageError
from tailor_core.inference.precision import fast_dtype
from tailor_core.inference.pretrained import load_model, load_tokenizer
from tailor_core.inference.static_cache import supports
from tailor_core.inference.transformers_engine import end_ids, prompt_ids
from tailor_core.records import Problem, canonical_json, content_id
from tailor_core.training.callbacks import Track, follow
from tailor_core.training.checkpoints import save_model, train_to_the_end, training_log
from tailor_core.training.order import RemembersOrder
from tailor_core.training.packed_grpo import PackedGRPOTrainer
from tailor_core.training.processes import agreed, process_count
from tailor_core.training.rollouts import SeedsVLLM, StaticCacheRollouts
from tailor_core.training.snapshots import Snapshots
from tailor_core.training.vllm_checks import check_vllm

RewardFunction = Callable[..., list[float]]


def reinforce(
    model_dir: Path,
    problems: Sequence[Problem],
    reward: RewardFunction,
    config: PolicyConfig,
    *,
    output: Path,
    workdir: Path,
    seed: int,
    track: Track,
) -> list[dict[str, float]]:
    """Train the model in `model_dir` with GRPO on `problems`, save model and tokenizer in `output`.

    `reward(completions=..., problem=...)` gets chat completions and the problems as JSON text and returns one
    float each. Resumes from the newest complete checkpoint in `workdir`. Returns the training log. StageError where
    there are no problems, the rollouts cannot be drawn as `config` says, or a gradient is not finite.
    """
    if not problems:
        raise StageError("policy: there are 0 train problems, expected at least 1; raise problems.train")
    tokenizer = load_tokenizer(model_dir)
    prompts = [[{"role": "user", "content": p.question}] for p in problems]
    rows = [
        {"prompt": prompt, "problem": canonical_json(p.to_row())}
        for prompt, p in zip(prompts, problems, strict=True)
    ]
    if config.rollout_engine == "vllm":
        longest = max(len(ids) for ids in prompt_ids(tokenizer, prompts))
        check_vllm(config, prompt_tokens=longest, model_tokens=_window(model_dir))
    trainer = make_trainer(model_dir, tokenizer, rows, reward, config, workdir=workdir, seed=seed)
    follow(trainer, "policy", track)
    snapshots = Snapshots(trainer, tokenizer, workdir, config.snapshot_steps)
    trainer.add_callback(snapshots)
    train_to_the_end(trainer, workdir, content_id(rows, length=64), "policy")
    save_model(trainer, tokenizer, output)
    snapshots.publish(output)
    return training_log(trainer)


class ResumableGRPOTrainer(RemembersOrder, GRPOTrainer):  # type: ignore[misc]  # trl is untyped
    """A `GRPOTrainer` that finds its place in any epoch again."""

    @property
    def draws_by_process(self) -> bool:
        """Whether what it samples depends on a random generator that each process has of its own."""
        return not self.use_vllm and self.rollout_func is None


def make_trainer(
    model_dir: Path,
    tokenizer: Any,
    rows: list[dict[str, Any]],
    reward: RewardFunction,
    config: PolicyConfig,
    *,
    workdir: Path,
    seed: int,
) -> GRPOTrainer:
    """A `GRPOTrainer` with our settings; `config.rollout_engine` says whether it is ours or stock."""
    model = load_model(model_dir, "float32")
    ends = end_ids(model, tokenizer)
    model.generation_config.eos_token_id = ends  # TRL reads there what ends a completion
    half = agreed(lambda: fast_dtype(model.config)) is torch.bfloat16
    os.environ.setdefault(
        "TRL_EXPERIMENTAL_SILENCE", "1"
    )  # `rollout_func` is experimental; the version is pinned
    ours = config.rollout_engine == "static-cache"
    if ours and not supports(model):
        raise StageError(
            f"policy.rollout_engine = 'static-cache', but the model is a {type(model).__name__}, which it does not run "
            "exactly; set policy.rollout_engine to 'transformers' or 'vllm'"
        )
    packed = ours and not torch.cuda.is_available()  # attention part by part is untried on a GPU
    kind = PackedGRPOTrainer if packed else ResumableGRPOTrainer
    trainer = kind(
        model=model,
        reward_funcs=reward,
        args=grpo_arguments(config, workdir=workdir, seed=seed, bf16=half, ends=ends),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer,
        rollout_func=StaticCacheRollouts(config, seed) if ours else None,
    )
    if config.rollout_engine == "vllm":
        trainer.add_callback(SeedsVLLM(trainer, seed))
    return trainer


def grpo_arguments(
    config: PolicyConfig, *, workdir: Path, seed: int, bf16: bool, ends: Sequence[int]
) -> GRPOConfig:
    """TRL's settings for ours; `ends` are the token ids that end a completion."""
    batches = config.batches(process_count())
    return GRPOConfig(
        output_dir=str(workdir),
        max_steps=config.steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.lr_scheduler_type,
        warmup_steps=config.warmup_ratio,
        max_grad_norm=config.max_grad_norm,
        per_device_train_batch_size=batches.micro,
        gradient_accumulation_steps=batches.accumulation,
        num_generations=config.num_generations,
        num_iterations=config.num_iterations,
        max_completion_length=config.max_completion_length,
        temperature=config.temperature,
        beta=config.beta,
        epsilon=config.epsilon,
        epsilon_high=config.epsilon_high,
        loss_type="grpo",
        scale_rewards="group",
        gradient_checkpointing=config.gradient_checkpointing,  # its newer name is unknown where vLLM is
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),  # transformers refuses bf16 on a CPU that it was not told of
        logging_steps=1,
        save_steps=_whole_rollouts(config),
        save_total_limit=2,
        report_to="none",
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=False,
        **_vllm_arguments(config, ends),
    )


def _vllm_arguments(config: PolicyConfig, ends: Sequence[int]) -> dict[str, Any]:
    if config.rollout_engine != "vllm":
        return {}
    named = {f"vllm_{name}": value for name, value in config.vllm}
    # vLLM stops by itself at the ends that the model's directory names, which need not be all.
    return {"use_vllm": True, "generation_kwargs": {"stop_token_ids": list(ends)}, **named}


def _window(model_dir: Path) -> int | None:
    """How many tokens the model can read, where its configuration says so."""
    return getattr(
        AutoConfig.from_pretrained(model_dir, trust_remote_code=False), "max_position_embeddings", None
    )


def _whole_rollouts(config: PolicyConfig) -> int:
    """Steps between checkpoints: none may lie between two passes over the same rollouts, which it does not hold."""
    return -(-config.save_steps // config.num_iterations) * config.num_iterations

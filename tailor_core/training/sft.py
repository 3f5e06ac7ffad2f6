"""The warm start: TRL's `SFTTrainer` on prompt-completion rows, loss on the completion only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import torch
from trl import SFTConfig, SFTTrainer

from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.errors import StageError
from tailor_core.inference.precision import fast_dtype
from tailor_core.inference.pretrained import load_model, load_tokenizer
from tailor_core.inference.transformers_engine import end_ids
from tailor_core.records import SFTExample, content_id
from tailor_core.training.callbacks import Track, follow
from tailor_core.training.checkpoints import save_model, train_to_the_end, training_log
from tailor_core.training.order import RemembersOrder, StepsOfOneProcess
from tailor_core.training.processes import agreed, process_count


class ResumableSFTTrainer(StepsOfOneProcess, RemembersOrder, SFTTrainer):  # type: ignore[misc]  # trl is untyped
    """An `SFTTrainer` that finds its place in any epoch again, and takes the same steps in several processes."""


def fine_tune(
    model_dir: Path,
    examples: Sequence[SFTExample],
    config: WarmStartConfig,
    *,
    output: Path,
    workdir: Path,
    seed: int,
    track: Track,
    title: str = "warm start",
    section: str = "warm_start",
) -> list[dict[str, float]]:
    """Fine-tune the model in `model_dir` on `examples`, save model and tokenizer in `output`.

    Resumes from the newest complete checkpoint in `workdir`; the bar has the `title`. Returns the training log, one
    dict a logged step. Raises StageError when there is nothing to train on, an example is longer than `max_length` or
    a gradient is not finite, and names values of the recipe's `section`. All processes that accelerate has launched
    together call it.
    """
    if not examples:
        raise StageError(
            f"{section}: there are 0 rows to train on, expected at least 1; loosen [selection] or [primitives]"
        )
    tokenizer = load_tokenizer(model_dir)
    rows = [{"prompt": e.prompt, "completion": e.completion} for e in examples]
    _refuse_long(rows, tokenizer, config.max_length, section)
    model = load_model(model_dir, "float32")
    model.generation_config.eos_token_id = end_ids(model, tokenizer)  # whoever loads it stops where turns end
    batches = config.batches(process_count())
    arguments = SFTConfig(
        output_dir=str(workdir),
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=config.warmup_ratio,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        per_device_train_batch_size=batches.micro,
        gradient_accumulation_steps=batches.accumulation,
        train_sampling_strategy="random" if config.packing else "group_by_length",
        packing=config.packing,
        max_length=config.max_length,
        completion_only_loss=True,
        gradient_checkpointing=config.gradient_checkpointing,  # its newer name is unknown where vLLM is
        bf16=agreed(lambda: fast_dtype(model.config)) is torch.bfloat16,
        use_cpu=not torch.cuda.is_available(),  # transformers refuses bf16 on a CPU that it was not told of
        logging_steps=config.logging_steps,
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to="none",
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(padding-free|Padding-free|flash).*")
        trainer = ResumableSFTTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
        )
    follow(trainer, title, track)
    train_to_the_end(trainer, workdir, content_id(rows, length=64), section)
    save_model(trainer, tokenizer, output)
    return training_log(trainer)


def _refuse_long(rows: Sequence[dict[str, Any]], tokenizer: Any, max_length: int, section: str) -> None:
    """A truncated demonstration teaches a reasoning that never ends, so it is refused, not cut."""
    texts = [tokenizer.apply_chat_template(r["prompt"] + r["completion"], tokenize=False) for r in rows]
    longest = max(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])
    if longest > max_length:
        raise StageError(
            f"{section}.max_length = {max_length} tokens, but the longest demonstration has {longest}; "
            f"set {section}.max_length to at least {longest}, or lower primitives.max_tokens"
        )

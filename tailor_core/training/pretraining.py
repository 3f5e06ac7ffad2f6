"""Making the `tiny` backbone: a small Llama trained from scratch on packed conversations.

Loss on all tokens: the puzzles themselves teach to look names up. AdamW; the learning rate falls linearly to
zero over the last half of the steps. Resumes from the newest complete checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.inference.precision import fast_dtype
from tailor_core.training.callbacks import Track, follow
from tailor_core.training.checkpoints import train_to_the_end
from tailor_core.training.induction import plant_induction
from tailor_core.training.tokenizer import END


class PackedRows(Dataset[dict[str, torch.Tensor]]):  # type: ignore[misc]
    """Conversations laid end to end (ids: uint16 [tokens]) and cut in rows of `block` tokens."""

    def __init__(self, ids: np.ndarray, block: int) -> None:
        rows = len(ids) // block
        self.ids = ids[: rows * block].reshape(rows, block)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.from_numpy(self.ids[index].astype(np.int64))
        return {"input_ids": ids, "labels": ids}


def pack(tokenizer: PreTrainedTokenizerFast, conversations: Iterable[str], block: int) -> PackedRows:
    """Tokenize rendered conversations and pack them."""
    parts = [np.array(ids, dtype=np.uint16) for ids in _encoded(tokenizer, conversations)]
    return PackedRows(np.concatenate(parts), block)


def _encoded(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Iterator[list[int]]:
    """Token ids of each text; in batches, which is what makes a fast tokenizer fast."""
    remaining = iter(texts)
    while batch := list(islice(remaining, 2000)):
        yield from tokenizer(batch, add_special_tokens=False)["input_ids"]


def new_model(config: PretrainingConfig, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A randomly initialised Llama of the configured size, ready for `tokenizer`."""
    torch.manual_seed(config.seed)
    end = tokenizer.convert_tokens_to_ids(END)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    plant_induction(model, torch.Generator().manual_seed(config.seed))
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
    return model


def pretrain(
    config: PretrainingConfig,
    tokenizer: PreTrainedTokenizerFast,
    rows: PackedRows,
    *,
    output: Path,
    workdir: Path,
    track: Track,
) -> list[dict[str, float]]:
    """Train from scratch (or from the newest checkpoint in `workdir`); save model and tokenizer in `output`."""
    model = new_model(config, tokenizer)
    arguments = TrainingArguments(
        output_dir=str(workdir),
        max_steps=config.steps,
        learning_rate=config.learning_rate,
        adam_beta2=0.95,
        weight_decay=config.weight_decay,
        warmup_steps=config.warmup_steps,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={
            "num_decay_steps": config.steps // 2,
            "decay_type": "linear",
            "min_lr_ratio": 0.0,
        },
        per_device_train_batch_size=config.micro_batch_rows,
        gradient_accumulation_steps=max(1, config.rows_per_step // config.micro_batch_rows),
        max_grad_norm=1.0,
        bf16=fast_dtype() is torch.bfloat16,
        logging_steps=20,
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to="none",
        seed=config.seed,
        data_seed=config.seed,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows)
    callback = follow(trainer, "backbone", track)
    train_to_the_end(trainer, workdir)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    return callback.rows


def render(tokenizer: Any, messages: Sequence[dict[str, str]]) -> str:
    """A conversation as the text that `pack` reads."""
    return str(tokenizer.apply_chat_template(list(messages), tokenize=False))

"""Making a tiny backbone: a small Llama trained from scratch on conversations, one a row.

Loss on the replies: nothing is to be learned from puzzles, which are random. AdamW; the learning rate falls
linearly to zero over the last half of the steps. Resumes from the newest complete checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from tailor_core.config.backbone import PretrainingConfig
from tailor_core.environments.curriculum import Curriculum
from tailor_core.inference.precision import fast_dtype
from tailor_core.training.callbacks import Track, follow
from tailor_core.training.checkpoints import train_to_the_end, training_log
from tailor_core.training.induction import plant_induction
from tailor_core.training.tokenizer import ASSISTANT, END, USER

Turn = tuple[str, str]
"""What the user says, and the reply."""

Row = tuple[NDArray[np.uint16], NDArray[np.bool_]]
"""Token ids [tokens], and which of them are learned [tokens]."""

IGNORED = -100
"""The label of a token that is read and not learned."""


def encode_row(tokenizer: PreTrainedTokenizerFast, turns: Sequence[Turn], most_tokens: int) -> Row:
    """A chat as token ids: the turns from the first on that fit in `most_tokens`; only replies are learned."""
    texts = [text for said, reply in turns for text in (f"{USER}{said}{END}{ASSISTANT}", f"{reply}{END}")]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    ids: list[int] = []
    learned: list[bool] = []
    for said, reply in zip(encoded[::2], encoded[1::2], strict=True):
        if len(ids) + len(said) + len(reply) > most_tokens:
            break
        ids += said + reply
        learned += [False] * len(said) + [True] * len(reply)
    return np.array(ids, dtype=np.uint16), np.array(learned)


def collate(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """`input_ids` and `labels`, int64 [rows, longest], padded on the right: a causal model needs no mask there."""
    ids = [torch.from_numpy(ids.astype(np.int64)) for ids, _ in rows]
    labels = [torch.from_numpy(np.where(learned, ids.astype(np.int64), IGNORED)) for ids, learned in rows]
    return {
        "input_ids": pad_sequence(ids, batch_first=True),
        "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
    }


def new_model(
    config: PretrainingConfig, tokenizer: PreTrainedTokenizerFast, curriculum: Curriculum
) -> LlamaForCausalLM:
    """A Llama of the configured size, ready for `tokenizer`, its heads planted for the tokens of `curriculum`."""
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
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    _plant(model, tokenizer, curriculum, torch.Generator().manual_seed(config.seed))
    with torch.no_grad():  # what the first layer writes keeps its proportion to them
        model.model.embed_tokens.weight *= config.embedding_scale
        model.model.layers[0].self_attn.o_proj.weight *= config.embedding_scale
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
    return model


def _plant(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    curriculum: Curriculum,
    generator: torch.Generator,
) -> None:
    tokens = {tokenizer.convert_tokens_to_string([text]): id for text, id in tokenizer.get_vocab().items()}
    alike = {}
    for form, base in curriculum.alike:
        for text, token in tokens.items():
            meant = form.sub(base, text)
            if meant != text and meant in tokens:
                alike[token] = tokens[meant]
    speakers = [token for text, token in tokens.items() if curriculum.speakers.fullmatch(text)]
    facts = [token for text, token in tokens.items() if curriculum.facts.fullmatch(text)]
    plant_induction(
        model,
        speakers,
        facts,
        alike,
        generator,
        facts_of_speakers=curriculum.facts_of_speakers,
    )


def pretrain(
    config: PretrainingConfig,
    tokenizer: PreTrainedTokenizerFast,
    curriculum: Curriculum,
    rows: Sequence[Row],
    *,
    output: Path,
    workdir: Path,
    track: Track,
) -> list[dict[str, float]]:
    """Train from scratch (or from the newest checkpoint in `workdir`); save model and tokenizer in `output`.

    StageError where a gradient is not finite.
    """
    model = new_model(config, tokenizer, curriculum)
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
        bf16=fast_dtype(model.config) is torch.bfloat16,
        use_cpu=not torch.cuda.is_available(),  # transformers refuses bf16 on a CPU that it was not told of
        logging_steps=20,
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to="none",
        seed=config.seed,
        data_seed=config.seed,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate)
    follow(trainer, "backbone", track)
    train_to_the_end(trainer, workdir, _digest(rows), "backbone")
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    return training_log(trainer)


def _digest(rows: Sequence[Row]) -> str:
    digest = hashlib.sha256()
    for ids, learned in rows:
        digest.update(len(ids).to_bytes(4, "big") + ids.tobytes() + learned.tobytes())
    return digest.hexdigest()

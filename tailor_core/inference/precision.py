"""Which floating-point type pays on this device: measured, because a CPU may emulate bf16 slowly, and a small model
may lose more by casting than its products gain."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from tailor_core.artifacts.durable import write_last

WORTH_IT = 1.2
"""bf16 must be this many times faster than fp32 before its rounding is accepted."""

CHOICE = "precision.txt"


@cache
def sampling_dtype(workdir: Path | None = None) -> torch.dtype:
    """The type to hold weights in for sampling: bfloat16 where a linear layer runs clearly faster in it.

    Takes some 20 ms once per process. Whoever goes on in `workdir` keeps what the first attempt chose.
    """
    if torch.cuda.is_available():
        return _of_the_gpu()
    return _kept(workdir, _linear) if workdir else _faster(_linear)


def training_dtype(model: Any, workdir: Path) -> torch.dtype:
    """The type to train a transformers `model` in, whose weights stay float32.

    bfloat16 (autocast) where a forward and backward pass of this very model runs clearly faster in it. Whoever goes on
    in `workdir` keeps what the first attempt chose. Takes six passes over 512 tokens, once.
    """
    if torch.cuda.is_available():
        return _of_the_gpu()
    return _kept(workdir, partial(_training_pass, model))


def _of_the_gpu() -> torch.dtype:
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32


def _kept(workdir: Path, work: Callable[[torch.dtype], None]) -> torch.dtype:
    """What an earlier attempt in `workdir` found faster, else what is now, which is noted there."""
    choice = workdir / CHOICE
    if not choice.exists():
        workdir.mkdir(parents=True, exist_ok=True)
        write_last(choice, str(_faster(work)).removeprefix("torch."))
    return torch.bfloat16 if choice.read_text(encoding="utf-8") == "bfloat16" else torch.float32


def _faster(work: Callable[[torch.dtype], None]) -> torch.dtype:
    """By the best of three turns each, so that a busy machine decides less."""
    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    for _ in range(3):
        for dtype in best:
            start = time.perf_counter()
            work(dtype)
            best[dtype] = min(best[dtype], time.perf_counter() - start)
    return torch.bfloat16 if best[torch.float32] > WORTH_IT * best[torch.bfloat16] else torch.float32


def _linear(dtype: torch.dtype) -> None:
    x, weight = torch.ones(512, 256, dtype=dtype), torch.ones(512, 256, dtype=dtype)
    for _ in range(5):
        torch.nn.functional.linear(x, weight)


def _training_pass(model: Any, dtype: torch.dtype) -> None:
    ids = torch.arange(512).reshape(4, 128) % model.config.vocab_size
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    model.zero_grad()

"""Which floating-point type pays on this device: measured, because a CPU may emulate bf16 slowly."""

from __future__ import annotations

import time
from functools import cache

import torch

WORTH_IT = 1.2
"""bf16 must be this many times faster than fp32 before its rounding is accepted."""


@cache
def fast_dtype() -> torch.dtype:
    """bfloat16 where a linear layer runs clearly faster in it on this device, else float32.

    Takes some 20 ms once per process.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    gain = _linear_seconds(torch.float32) / _linear_seconds(torch.bfloat16)
    return torch.bfloat16 if gain > WORTH_IT else torch.float32


def _linear_seconds(dtype: torch.dtype) -> float:
    x, weight = torch.randn(512, 256, dtype=dtype), torch.randn(512, 256, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        torch.nn.functional.linear(x, weight)
        best = min(best, time.perf_counter() - start)
    return best

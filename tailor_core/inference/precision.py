"""Which floating-point type a model is trained in and sampled from.

It follows from the device and the model, and not from a stopwatch: whoever runs a stage again on the same machine, or
goes on with it after a crash, computes the same, however busy the machine is.
"""

from __future__ import annotations

from typing import Any

import torch

WIDE = 256
"""The hidden size from which on bfloat16 pays on a CPU: below it, casts cost what products gain.

On a CPU with AVX512_BF16 a model of 192 was trained and sampled from 1.1 times as fast as in float32, one of 576
trained 1.5 times and sampled from 1.8 times as fast; with AMX the latter was trained 2.9 times as fast.
"""


def fast_dtype(config: Any) -> torch.dtype:
    """bfloat16 where the device has instructions for it and a model with this transformers `config` gains by it.

    Elsewhere float32. In training it is the type of autocast; weights stay float32.
    """
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    wide = config.get_text_config().hidden_size >= WIDE
    return torch.bfloat16 if wide and _in_hardware() else torch.float32


def _in_hardware() -> bool:
    """Whether this CPU multiplies bfloat16 by itself; elsewhere it would be emulated, slowly."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())

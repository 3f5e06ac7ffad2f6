"""Which floating-point type a model is trained in and sampled from: what its device is made for, whoever is busy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, LlamaConfig

from tailor_core.inference import precision
from tailor_core.inference.precision import fast_dtype

TINY = Path(precision.__file__).parents[1] / "backbones" / "tiny"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def cpu_with(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    for name in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda name=name: name in instructions)


@pytest.mark.parametrize("instructions", [("avx512_bf16",), ("amx_tile",), ("avx512_bf16", "amx_tile")])
def test_a_cpu_that_multiplies_bfloat16_gets_it_for_models_that_gain_by_it(
    instructions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_with(monkeypatch, *instructions)
    assert fast_dtype(LlamaConfig(hidden_size=576)) is torch.bfloat16  # SmolLM2-135M
    assert fast_dtype(AutoConfig.from_pretrained(TINY)) is torch.float32


def test_no_cpu_emulates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_with(monkeypatch)
    assert fast_dtype(LlamaConfig(hidden_size=8192)) is torch.float32


@pytest.mark.parametrize(("supported", "chosen"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_that_has_it_gets_it_for_any_model(
    supported: bool, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_with(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert fast_dtype(LlamaConfig(hidden_size=192)) is chosen


def test_this_torch_knows_its_cpu() -> None:
    assert isinstance(precision._in_hardware(), bool)

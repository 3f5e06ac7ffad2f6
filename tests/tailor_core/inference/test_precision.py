"""Which floating-point type a model is trained in and sampled from: the faster one, and the same one after a crash."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from tailor_core.inference import precision


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def slow_in(slow: torch.dtype):
    def work(*arguments) -> None:
        time.sleep(0.02 if arguments[-1] is slow else 0.001)

    return work


@pytest.mark.parametrize(("slow", "chosen"), [("float32", "bfloat16"), ("bfloat16", "float32")])
def test_a_model_is_trained_in_the_type_in_which_its_own_pass_is_faster(
    slow: str, chosen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_training_pass", slow_in(getattr(torch, slow)))
    assert precision.training_dtype(object(), tmp_path / "work") is getattr(torch, chosen)


def test_an_attempt_that_goes_on_keeps_the_type_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_training_pass", slow_in(torch.float32))
    first = precision.training_dtype(object(), tmp_path)
    monkeypatch.setattr(precision, "_training_pass", slow_in(torch.bfloat16))
    assert precision.training_dtype(object(), tmp_path) is first


def test_a_sampler_that_goes_on_keeps_the_type_of_the_first_attempt_and_others_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_a_new_process(slow: torch.dtype, workdir: Path | None) -> torch.dtype:
        precision.sampling_dtype.cache_clear()
        monkeypatch.setattr(precision, "_linear", slow_in(slow))
        return precision.sampling_dtype(workdir)

    assert in_a_new_process(torch.float32, tmp_path) is torch.bfloat16
    assert in_a_new_process(torch.bfloat16, tmp_path) is torch.bfloat16
    assert in_a_new_process(torch.bfloat16, None) is torch.float32
    precision.sampling_dtype.cache_clear()


def test_a_slight_gain_is_not_worth_the_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.1, 0.0, 1.0] * 3)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(clock))
    assert precision._faster(lambda dtype: None) is torch.float32

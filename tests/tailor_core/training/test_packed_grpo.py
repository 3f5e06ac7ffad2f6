"""Packed passes give what stock TRL's padded passes give: the same scores, gradients and losses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, GenerationConfig
from trl import GRPOTrainer

from tailor_core.config.policy import PolicyConfig
from tailor_core.records import Problem
from tailor_core.training.grpo import make_trainer, reinforce
from tailor_core.training.packed_grpo import Packed, PackedGRPOTrainer, by_prompt

pytestmark = pytest.mark.integration

PROMPTS = [[5, 6, 7, 8], [5, 6, 7, 8], [9, 10], [5, 6, 7, 8]]
COMPLETIONS = [[11, 12, 13], [14], [15, 16, 17, 18, 19], [20, 21]]


@pytest.fixture(scope="module")
def many_lengths(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Path:
    """The model without skill, which ends its completions at many lengths."""
    directory = shutil.copytree(model_dir, tmp_path_factory.mktemp("many") / "model")
    generation = GenerationConfig.from_pretrained(directory)
    generation.eos_token_id = list(range(0, len(AutoTokenizer.from_pretrained(directory)), 12))
    generation.save_pretrained(directory)
    return directory


def padded() -> tuple[torch.Tensor, torch.Tensor]:
    """TRL's layout, wider than it has to be: prompts end at column 6, completions start there."""
    ids, mask = torch.zeros((4, 13), dtype=torch.long), torch.zeros((4, 13), dtype=torch.long)
    for row, (prompt, completion) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        columns = slice(6 - len(prompt), 6 + len(completion))
        ids[row, columns], mask[row, columns] = torch.tensor(prompt + completion), 1
    return ids, mask


def test_a_prompt_is_read_once_for_the_completions_beside_it_and_padding_never() -> None:
    packed = Packed.of(*padded(), width=7)
    assert packed.ids[0].tolist() == [5, 6, 7, 9, 5, 6, 7, 8, 11, 12, 8, 10, 15, 16, 17, 18, 8, 20]
    assert packed.positions[0].tolist() == [0, 1, 2, 0, 0, 1, 2, 3, 4, 5, 3, 1, 2, 3, 4, 5, 3, 4]
    assert packed.targets[0].tolist() == [-100] * 7 + [t for completion in COMPLETIONS for t in completion]
    assert packed.sizes == [3, 1, 3, 3, 1, 5, 2]
    assert packed.prompt_of == [0, 0, 1, 2]


def test_micro_batches_keep_a_prompt_together_and_lose_no_row() -> None:
    prompts = torch.tensor([[1], [2], [1], [3], [2], [3]])
    rows = torch.arange(6)
    batches = [
        {"prompt_ids": prompts[i : i + 2], "row": rows[i : i + 2], "total": torch.tensor(9), "none": None}
        for i in range(0, 6, 2)
    ]
    assert [(b["row"].tolist(), b["total"].item(), b["none"]) for b in by_prompt(batches)] == [
        ([0, 2], 9, None), ([1, 4], 9, None), ([3, 5], 9, None)
    ]  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="passes are packed on a CPU only")
@pytest.mark.parametrize("rows_a_pass", [1, 3, None])
def test_scores_and_gradients_are_those_of_the_padded_pass(
    model_dir: Path, tmp_path: Path, rows_a_pass: int | None
) -> None:
    rows = [{"prompt": [{"role": "user", "content": "?"}], "problem": "{}"}] * 4
    config = PolicyConfig(prompts_per_step=2, num_generations=4, micro_batch_size=4)
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    trainer = make_trainer(model_dir, tokenizer, rows, lambda **_: [], config, workdir=tmp_path, seed=0)
    assert isinstance(trainer, PackedGRPOTrainer)
    ids, mask = padded()
    weight = torch.randn((4, 7), generator=torch.Generator().manual_seed(0)) * mask[:, 6:]
    found = []
    for scorer in (PackedGRPOTrainer, GRPOTrainer):
        trainer.model.zero_grad()
        scores, entropy, _ = scorer._get_per_token_logps_and_entropies(
            trainer, trainer.model, ids, mask, 7, batch_size=rows_a_pass, compute_entropy=True
        )
        (scores * weight).sum().backward()
        gradients = [p.grad.clone() for p in trainer.model.parameters()]
        found.append([scores.detach(), entropy.detach() * mask[:, 6:], *gradients])
    for ours, stock in zip(*found, strict=True):
        assert torch.allclose(ours, stock, atol=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="passes are packed on a CPU only")
def test_a_run_has_the_losses_and_gradients_of_stock_passes_over_the_same_rollouts(
    many_lengths: Path, problems: list[Problem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = PolicyConfig(
        steps=3, prompts_per_step=4, num_generations=4, num_iterations=2, micro_batch_size=8,
        max_completion_length=24, beta=0.1, learning_rate=1e-3,
    )  # fmt: skip

    def shortness(completions: list[Any], **_: Any) -> list[float]:
        return [-float(len(c[-1]["content"])) for c in completions]

    def log(name: str) -> list[dict[str, float]]:
        (tmp_path / name).mkdir()
        return reinforce(
            many_lengths, problems, shortness, config,
            output=tmp_path / name, workdir=tmp_path / f"{name}-work", seed=0, track=lambda m, s: None,
        )  # fmt: skip

    ours = log("ours")
    monkeypatch.setattr("tailor_core.training.grpo.PackedGRPOTrainer", GRPOTrainer)
    stock = log("stock")
    assert min(row["grad_norm"] for row in ours) > 0.1
    for mine, theirs in zip(ours, stock, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-3, abs=1e-6)
        assert mine["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)
        assert mine.get("reward") == theirs.get("reward")  # absent where a batch is used again

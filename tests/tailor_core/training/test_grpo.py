"""GRPO with our settings: the objective written out, rollouts under the trainer's own model, and a short run."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

from tailor_core.config.policy import PolicyConfig
from tailor_core.errors import StageError
from tailor_core.records import Problem, canonical_json
from tailor_core.training import grpo, rollouts
from tailor_core.training.grpo import make_trainer, reinforce
from tailor_core.verification import reward_function

CONFIG = PolicyConfig(
    steps=2,
    prompts_per_step=2,
    num_generations=4,
    micro_batch_size=4,
    max_completion_length=12,
    beta=0.1,
    learning_rate=1e-3,
    epsilon=0.2,
    epsilon_high=0.3,
)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bfloat16, which is what a GPU trains and samples in."""
    for module in (grpo, rollouts):
        monkeypatch.setattr(module, "fast_dtype", lambda config: torch.float32)


def trainer_of(
    model_dir: Path, problems: list[Problem], workdir: Path, config: PolicyConfig = CONFIG, seed: int = 0
) -> Any:
    rows = [
        {"prompt": [{"role": "user", "content": p.question}], "problem": canonical_json(p.to_row())}
        for p in problems
    ]
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    reward = reward_function("binary")
    return make_trainer(model_dir, tokenizer, rows, reward, config, workdir=workdir, seed=seed)


def test_the_loss_is_the_clipped_objective_with_kl_to_the_reference(
    model_dir: Path, problems: list[Problem], tmp_path: Path
) -> None:
    trainer = trainer_of(model_dir, problems, tmp_path)
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    generator = torch.Generator().manual_seed(3)
    device = trainer.model.device
    prompt = torch.randint(5, 300, (4, 6), generator=generator).to(device)
    completion = torch.randint(5, 300, (4, 7), generator=generator).to(device)
    mask = (torch.arange(7)[None] < torch.tensor([7, 3, 5, 1])[:, None]).long().to(device)
    with torch.no_grad():
        logits = trainer.model(torch.cat([prompt, completion], dim=1)).logits[:, 5:-1]
        logps = torch.log_softmax(logits.float(), dim=-1).gather(2, completion[..., None])[..., 0]
    old = logps + 0.5 * torch.randn(logps.shape, generator=generator).to(device)
    reference = logps + 0.3 * torch.randn(logps.shape, generator=generator).to(device)
    advantages = torch.tensor([1.5, -0.5, -1.0, 0.7], device=device)
    loss = trainer._compute_loss(
        trainer.model,
        {
            "prompt_ids": prompt,
            "prompt_mask": torch.ones_like(prompt),
            "completion_ids": completion,
            "completion_mask": mask,
            "advantages": advantages,
            "old_per_token_logps": old,
            "ref_per_token_logps": reference,
            "num_items_in_batch": mask.sum(),
        },
    )
    ratio, advantage = (logps - old).exp(), advantages[:, None]
    clipped = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.3) * advantage)
    k3 = (reference - logps).exp() - (reference - logps) - 1  # Schulman's estimator ...
    kl = ratio * k3  # ... weighted to the current policy, from which the samples are not
    per_sequence = ((clipped - 0.1 * kl) * mask).sum(1) / mask.sum(1)
    assert loss.item() == pytest.approx(-per_sequence.mean().item(), rel=1e-4)


def test_rollouts_are_of_the_trainers_current_weights_and_grouped_as_trl_expects(
    model_dir: Path, problems: list[Problem], tmp_path: Path
) -> None:
    trainer = trainer_of(model_dir, problems, tmp_path)
    trainer.model.train()
    with torch.no_grad():
        trainer.model.lm_head.weight.mul_(1.5)  # not what is on disk any more
    prompts = [[{"role": "user", "content": p.question}] for p in problems[:2] for _ in range(4)]
    found = trainer.rollout_func(prompts, trainer)
    assert len(found["prompt_ids"]) == len(found["completion_ids"]) == 8
    assert found["prompt_ids"][0] == found["prompt_ids"][3] != found["prompt_ids"][4]
    for prompt, ids, logprobs in zip(*found.values(), strict=True):
        with torch.no_grad():
            row = torch.tensor([prompt + ids], device=trainer.model.device)
            logits = trainer.model(row).logits[0, len(prompt) - 1 : -1].cpu()
        expected = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(ids)[:, None])[:, 0]
        assert torch.allclose(torch.tensor(logprobs), expected, atol=2e-3)


def test_rollouts_follow_from_seed_and_step(model_dir: Path, problems: list[Problem], tmp_path: Path) -> None:
    trainer = trainer_of(model_dir, problems, tmp_path)
    prompts = [[{"role": "user", "content": problems[0].question}]] * 4
    first = trainer.rollout_func(prompts, trainer)
    assert trainer.rollout_func(prompts, trainer) == first
    trainer.state.global_step = 1
    assert trainer.rollout_func(prompts, trainer) != first
    other = trainer_of(model_dir, problems, tmp_path, seed=1)
    assert other.rollout_func(prompts, other) != first


def test_advantages_are_rewards_against_their_group_in_its_standard_deviations(
    model_dir: Path, problems: list[Problem], tmp_path: Path
) -> None:
    trainer = trainer_of(model_dir, problems, tmp_path)
    trainer.model.train()
    given = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    trainer.reward_funcs = [lambda completions, **_: given]
    rows = [row for row in list(trainer.train_dataset)[:2] for _ in range(4)]
    found = trainer._generate_and_score_completions(rows)["advantages"].tolist()
    groups = [given[:4], given[4:]]
    expected = [(one - fmean(group)) / (stdev(group) + 1e-4) for group in groups for one in group]
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_model_that_our_rollouts_do_not_run_exactly_is_refused(
    problems: list[Problem], tmp_path: Path, model_dir: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    tiny = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16,
    )  # fmt: skip
    Qwen3ForCausalLM(tiny).save_pretrained(tmp_path / "qwen3")
    tokenizer.save_pretrained(tmp_path / "qwen3")
    with pytest.raises(
        StageError, match=r"Qwen3ForCausalLM, which it does not run exactly; set policy.rollout_engine"
    ):
        trainer_of(tmp_path / "qwen3", problems, tmp_path)


def test_a_run_does_all_steps_logs_them_and_changes_the_model(
    model_dir: Path, problems: list[Problem], tmp_path: Path
) -> None:
    tracked: list[int] = []

    def lengthy(completions: list[Any], **_: Any) -> list[float]:
        return [float(len(c[-1]["content"])) for c in completions]

    (tmp_path / "out").mkdir()
    log = reinforce(
        model_dir, problems, lengthy, CONFIG,
        output=tmp_path / "out", workdir=tmp_path / "work", seed=0,
        track=lambda _, step: tracked.append(step),
    )  # fmt: skip
    assert [row["step"] for row in log] == tracked == [1, 2]
    logged = {"reward", "kl", "entropy", "completions/mean_length", "frac_reward_zero_std", "loss"}
    assert logged <= set(log[0])
    assert log[0]["kl"] == pytest.approx(0, abs=1e-6)
    before = LlamaForCausalLM.from_pretrained(model_dir).state_dict()
    after = LlamaForCausalLM.from_pretrained(tmp_path / "out").state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("schedule", "rates"), [("constant_with_warmup", [1, 1, 1, 1]), ("linear", [4, 3, 2, 1])]
)
def test_the_learning_rate_stays_or_falls_to_zero_after_the_warm_up(
    model_dir: Path, problems: list[Problem], tmp_path: Path, schedule: str, rates: list[int]
) -> None:
    changes = {"steps": 4, "warmup_ratio": 0.0, "lr_scheduler_type": schedule}
    trainer = trainer_of(model_dir, problems, tmp_path, CONFIG.model_copy(update=changes))
    trainer.create_optimizer_and_scheduler(4)
    seen = []
    for _ in range(4):
        seen.append(trainer.lr_scheduler.get_last_lr()[0] / CONFIG.learning_rate)
        trainer.optimizer.step()
        trainer.lr_scheduler.step()
    assert seen == pytest.approx([rate / rates[0] for rate in rates])


def test_no_problems_is_one_clear_sentence(model_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"0 train problems.*problems\.train"):
        reinforce(
            model_dir, [], reward_function("binary"), CONFIG,
            output=tmp_path, workdir=tmp_path, seed=0, track=lambda m, s: None,
        )  # fmt: skip

"""An interrupted training equals an undisturbed one: the same rows in the same order, losses and weights."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_like_vllm import EngineLikeVLLM
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl.trainer import grpo_trainer

from tailor_core.artifacts.tables import write_records
from tailor_core.config.backbone import PretrainingConfig
from tailor_core.config.policy import PolicyConfig, VLLMRollouts
from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.environments.knights_knaves.curriculum import CURRICULUM
from tailor_core.errors import ResumeError, StageError
from tailor_core.inference import precision
from tailor_core.inference.pretrained import load_model
from tailor_core.records import Problem, SFTExample
from tailor_core.stages.context import untracked
from tailor_core.training import grpo, sft
from tailor_core.training.checkpoints import newest_checkpoint
from tailor_core.training.pretraining import pretrain

SFT = WarmStartConfig(
    epochs=3, learning_rate=1e-2, batch_rows=4, micro_batch_rows=2, max_length=512, logging_steps=1,
    save_steps=2, packing=False,
)  # fmt: skip
GRPO = PolicyConfig(
    steps=6, prompts_per_step=2, num_generations=4, micro_batch_size=4, max_completion_length=12, beta=0.1,
    learning_rate=1e-2, save_steps=1, warmup_ratio=0.2, lr_scheduler_type="linear",
)  # fmt: skip

pytestmark = pytest.mark.integration


class Interrupted(BaseException):
    """What stops a training in these tests."""


@dataclass
class Training:
    """One training, which stops at step `stop` where that is given: what it logged, and saw, and what it made."""

    run: Callable[..., list[dict[str, float]]]
    root: Path
    stop: int = 0
    tracked: list[int] = field(default_factory=list)
    rewarded: list[str] = field(default_factory=list)

    def __call__(self) -> list[dict[str, float]]:
        output = self.root / "output"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir(parents=True)
        return self.run(
            output=output, workdir=self.root / "work", seed=5, track=self.track, reward=self.reward
        )

    def track(self, metrics: Any, step: int) -> None:
        self.tracked.append(step)
        if step == self.stop:
            raise Interrupted

    def reward(self, completions: list[Any], problem: list[str], **_: Any) -> list[float]:
        self.rewarded += problem
        return [float(len(completion[-1]["content"]) % 7) for completion in completions]

    def weights(self) -> dict[str, torch.Tensor]:
        return dict(load_file(self.root / "output" / "model.safetensors"))


@pytest.fixture
def warm_start(model_dir: Path, problems: list[Problem]) -> Callable[..., Any]:
    examples = [
        SFTExample(
            id=p.id,
            demonstration_id=p.id,
            problem_id=p.id,
            primitive_id="z",
            prompt=[{"role": "user", "content": p.question}],
            completion=[{"role": "assistant", "content": f"{p.answer} " * (i % 5 + 1)}],
        )
        for i, p in enumerate(problems)
    ]

    def run(config: WarmStartConfig = SFT, reward: Any = None, **rest: Any) -> list[dict[str, float]]:
        return sft.fine_tune(model_dir, examples, config, **rest)

    return run


@pytest.fixture
def policy(model_dir: Path, problems: list[Problem]) -> Callable[..., Any]:
    def run(config: PolicyConfig = GRPO, reward: Any = None, **rest: Any) -> list[dict[str, float]]:
        return grpo.reinforce(model_dir, problems, reward, config, **rest)

    return run


def assert_equal(resumed: Training, undisturbed: Training, logs: list[list[dict[str, float]]]) -> None:
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]]
    for mine, theirs in zip(*logs, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-6, nan_ok=True), mine["step"]
    assert [list(row) for row in logs[0]] == [list(row) for row in logs[1]], "columns have an order"
    left, right = resumed.weights(), undisturbed.weights()
    assert left.keys() == right.keys()
    for name in left:
        torch.testing.assert_close(left[name], right[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        pytest.param({}, (4, 5), id="mid-epoch and at the end of one"),
        pytest.param(
            {"packing": True, "batch_rows": 2, "micro_batch_rows": 1, "save_steps": 3}, (5,), id="packed"
        ),
        pytest.param({"save_steps": 3, "logging_steps": 2}, (4,), id="between two lines of the log"),
    ],
)
def test_a_resumed_warm_start_equals_an_undisturbed_one(
    warm_start: Callable[..., Any], tmp_path: Path, changes: dict[str, Any], stops: tuple[int, ...]
) -> None:
    def run(**rest: Any) -> Any:
        return warm_start(config=SFT.model_copy(update=changes), **rest)

    undisturbed = Training(run, tmp_path / "undisturbed")
    expected = undisturbed()
    resumed = interrupted(run, tmp_path / "resumed", *stops)
    checkpoint = newest_checkpoint(tmp_path / "resumed" / "work")
    assert checkpoint
    found = resumed()
    assert min(resumed.tracked) > checkpoint.step, "steps before the checkpoint were not repeated"
    assert_equal(resumed, undisturbed, [found, expected])


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        pytest.param({}, (2, 4, 6), id="in both epochs"),
        pytest.param({"num_iterations": 2, "save_steps": 1}, (2, 4, 6), id="rollouts used twice"),
        pytest.param({"rollout_engine": "transformers"}, (3, 6), id="stock TRL"),
        pytest.param({"rollout_engine": "vllm"}, (3, 6), id="vLLM in the process"),
        pytest.param(
            {"rollout_engine": "vllm", "vllm": VLLMRollouts(mode="server")}, (3, 6), id="a vLLM server"
        ),
    ],
)
def test_a_resumed_policy_equals_an_undisturbed_one(
    policy: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    stops: tuple[int, ...],
) -> None:
    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", EngineLikeVLLM)
    monkeypatch.setattr(grpo, "check_vllm", lambda *_, **__: None)  # there is neither vLLM nor a GPU

    def run(**rest: Any) -> Any:
        return policy(config=GRPO.model_copy(update=changes), **rest)

    undisturbed = Training(run, tmp_path / "undisturbed")
    expected = undisturbed()
    resumed = interrupted(run, tmp_path / "resumed", *stops)
    checkpoint = newest_checkpoint(tmp_path / "resumed" / "work")
    assert checkpoint
    found = resumed()
    assert resumed.tracked[0] == checkpoint.step + 1
    assert resumed.rewarded
    assert resumed.rewarded == undisturbed.rewarded[-len(resumed.rewarded) :]
    assert len({row["reward"] for row in expected if "reward" in row}) > 1
    assert_equal(resumed, undisturbed, [found, expected])


def test_a_resumed_policy_has_the_models_that_it_kept_on_the_way(
    policy: Callable[..., Any], tmp_path: Path
) -> None:
    def run(**rest: Any) -> Any:
        return policy(config=GRPO.model_copy(update={"snapshots": 2, "save_steps": 3}), **rest)

    undisturbed = Training(run, tmp_path / "undisturbed")
    undisturbed()
    resumed = interrupted(run, tmp_path / "resumed", 5)  # past both, and back before the second
    (tmp_path / "resumed" / "work" / "snapshot.partial").mkdir()
    resumed()
    kept = [sorted((training.root / "output" / "snapshots").iterdir()) for training in (resumed, undisturbed)]
    assert [[path.name for path in paths] for paths in kept] == [["step-000002", "step-000004"]] * 2
    weights = [[load_file(path / "model.safetensors") for path in paths] for paths in kept]
    for mine, theirs in zip(*weights, strict=True):
        for name in theirs:
            torch.testing.assert_close(mine[name], theirs[name], rtol=1e-6, atol=1e-7)
    last = undisturbed.weights()
    changing = next(name for name in last if "q_proj" in name)
    assert not torch.equal(weights[1][0][changing], weights[1][1][changing])
    assert not torch.equal(weights[1][1][changing], last[changing])
    assert AutoModelForCausalLM.from_pretrained(kept[0][0]).num_parameters() > 0


def test_a_model_that_should_have_been_kept_and_was_not_is_an_error(
    policy: Callable[..., Any], tmp_path: Path
) -> None:
    def run(**rest: Any) -> Any:
        return policy(config=GRPO.model_copy(update={"snapshots": 2}), **rest)

    resumed = interrupted(run, tmp_path, 5)
    shutil.rmtree(tmp_path / "work" / "snapshots" / "step-000002")
    with pytest.raises(StageError, match=r"the model after step 2 is not in .*/snapshots'.*delete .*work'"):
        resumed()


@pytest.mark.parametrize(
    ("snapshots", "steps"), [(0, ()), (1, (3,)), (2, (2, 4)), (5, (1, 2, 3, 4, 5)), (9, (1, 2, 3, 4, 5))]
)
def test_models_are_kept_evenly_over_the_steps(snapshots: int, steps: tuple[int, ...]) -> None:
    assert GRPO.model_copy(update={"snapshots": snapshots}).snapshot_steps == steps


def test_a_resumed_pretraining_equals_an_undisturbed_one(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    config = PretrainingConfig(
        hidden_size=48, intermediate_size=64, layers=2, heads=6, kv_heads=2, steps=8, save_steps=3,
        rows_per_step=2, micro_batch_rows=2, warmup_steps=1,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    rows = [(rng.integers(5, 300, 12 + i).astype(np.uint16), np.ones(12 + i, dtype=bool)) for i in range(6)]

    def run(seed: int, reward: Any, **rest: Any) -> list[dict[str, float]]:
        return pretrain(config, tokenizer, CURRICULUM, rows, **rest)

    undisturbed = Training(run, tmp_path / "undisturbed")
    expected = undisturbed()
    resumed = Training(run, tmp_path / "resumed", stop=6)  # it logs where it saves
    with pytest.raises(Interrupted):
        resumed()
    checkpoint = newest_checkpoint(tmp_path / "resumed" / "work")
    assert checkpoint
    assert checkpoint.step == 3
    resumed.stop = 0
    assert_equal(resumed, undisturbed, [resumed(), expected])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU trains in bfloat16 anyway")
@pytest.mark.parametrize("kind", ["warm_start", "policy"])
def test_a_training_in_bfloat16_runs_on_a_cpu_and_resumes_as_well(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = request.getfixturevalue(kind)
    with monkeypatch.context() as a_fast_cpu:
        a_fast_cpu.setattr(precision, "WIDE", 1)
        a_fast_cpu.setattr(precision, "_in_hardware", lambda: True)
        undisturbed = Training(run, tmp_path / "undisturbed")
        expected = undisturbed()
        resumed = interrupted(run, tmp_path / "resumed", 4)
        assert_equal(resumed, undisturbed, [resumed(), expected])
    exact = Training(run, tmp_path / "exact")()
    assert [row["grad_norm"] for row in exact] != [row["grad_norm"] for row in expected], "it was rounded"


def interrupted(run: Callable[..., Any], root: Path, *stops: int) -> Training:
    """A training that was broken off at each of these steps in turn, and has nothing noted yet of the next attempt."""
    training = Training(run, root)
    for training.stop in stops:
        with pytest.raises(Interrupted):
            training()
    training.stop = 0
    training.tracked.clear()
    training.rewarded.clear()
    return training


def test_a_training_that_ended_before_its_model_was_saved_takes_no_further_step(
    policy: Callable[..., Any], warm_start: Callable[..., Any], tmp_path: Path
) -> None:
    """Six steps of two prompts end in the middle of an epoch of four, where `train` would go on; twelve at its end."""
    for name, run in (("policy", policy), ("warm start", warm_start)):
        training = Training(run, tmp_path / name)
        expected = training()
        weights = training.weights()
        training.tracked.clear()
        assert training() == expected
        assert training.tracked == []
        for key, value in training.weights().items():
            assert torch.equal(value, weights[key])


KILLED = """
import os, signal, sys
from pathlib import Path
from tailor_core.artifacts.tables import read_records
from tailor_core.config.policy import PolicyConfig, VLLMRollouts
from tailor_core.records import Problem
from tailor_core.training.grpo import reinforce

model, problems, root, config = sys.argv[1:]
def track(metrics, step):
    if step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
def reward(completions, **_):
    return [float(len(completion[-1]["content"]) % 7) for completion in completions]
reinforce(
    Path(model), read_records(Path(problems), Problem), reward, PolicyConfig.model_validate_json(config),
    output=Path(root, "output"), workdir=Path(root, "work"), seed=5, track=track,
)
"""


def test_a_policy_whose_process_was_killed_equals_an_undisturbed_one(
    policy: Callable[..., Any],
    model_dir: Path,
    problems: list[Problem],
    tmp_path: Path,
    python_environment: dict[str, str],
) -> None:
    undisturbed = Training(policy, tmp_path / "undisturbed")
    expected = undisturbed()
    write_records(tmp_path / "problems.parquet", problems)
    resumed = Training(policy, tmp_path / "resumed")
    (resumed.root / "work").mkdir(parents=True)
    arguments = [model_dir, tmp_path / "problems.parquet", resumed.root, GRPO.model_dump_json()]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, arguments)],
        env=python_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    found = resumed()
    assert resumed.tracked == [5, 6]
    assert_equal(resumed, undisturbed, [found, expected])


def test_a_cut_off_checkpoint_is_passed_over_and_does_not_mix_with_what_is_saved_next(
    policy: Callable[..., Any], tmp_path: Path
) -> None:
    undisturbed = Training(policy, tmp_path / "undisturbed")
    expected = undisturbed()
    resumed = interrupted(policy, tmp_path / "resumed", 5)
    work = tmp_path / "resumed" / "work"
    (work / "checkpoint-4" / "optimizer.pt").write_bytes(b"cut off")
    (work / "checkpoint-5").mkdir()
    (work / "checkpoint-5" / "stray").write_text("from before")
    found = resumed()
    assert resumed.tracked[0] == 4
    assert not list(work.rglob("stray"))
    assert_equal(resumed, undisturbed, [found, expected])


def test_a_checkpoint_of_other_data_is_refused(
    policy: Callable[..., Any], model_dir: Path, problems: list[Problem], tmp_path: Path
) -> None:
    training = interrupted(policy, tmp_path, 2)

    def other(reward: Any, **rest: Any) -> Any:
        return grpo.reinforce(model_dir, problems[1:], reward, GRPO, **rest)

    training.run = other
    with pytest.raises(ResumeError, match=r"checkpoint-1' was trained on other data \(digest .*; delete "):
        training()


def test_a_checkpoint_of_more_steps_than_are_planned_is_refused(
    policy: Callable[..., Any], tmp_path: Path
) -> None:
    training = interrupted(policy, tmp_path, 4)
    training.run = lambda **rest: policy(config=GRPO.model_copy(update={"steps": 2}), **rest)
    with pytest.raises(ResumeError, match="is of step 3, but only 2 steps are planned"):
        training()


def test_data_that_give_no_batch_are_an_error_and_no_training_of_zero_steps(
    policy: Callable[..., Any], tmp_path: Path
) -> None:
    training = Training(
        lambda **rest: policy(config=GRPO.model_copy(update={"prompts_per_step": 16}), **rest), tmp_path
    )
    with pytest.raises((StageError, ValueError)):
        training()
    assert not list((tmp_path / "output").iterdir())


def test_a_gradient_that_is_not_finite_ends_a_policy_before_the_step_and_the_next_attempt_goes_on(
    policy: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = Training(policy, tmp_path / "undisturbed")
    expected = undisturbed()
    resumed = Training(policy, tmp_path / "resumed")

    def load_faulty_model(*arguments: Any) -> Any:
        model = load_model(*arguments)
        model.model.norm.weight.register_hook(lambda g: g * (np.nan if resumed.tracked == [1, 2, 3] else 1.0))
        return model

    with monkeypatch.context() as kernels:
        kernels.setattr(grpo, "load_model", load_faulty_model)
        with pytest.raises(
            StageError, match=r"^policy: the gradient of step 4 is not finite, .* which is 0\.01, or"
        ):
            resumed()
    checkpoint = newest_checkpoint(tmp_path / "resumed" / "work")
    assert checkpoint
    assert checkpoint.step == 3
    assert all(torch.isfinite(w).all() for w in load_file(checkpoint.path / "model.safetensors").values())
    found = resumed()
    assert resumed.tracked == [1, 2, 3, 4, 5, 6]
    assert_equal(resumed, undisturbed, [found, expected])


def test_a_fine_tuning_and_a_pretraining_that_diverge_end_before_their_weights_are_lost(
    warm_start: Callable[..., Any], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    """Adam's first step is as long as the learning rate, and the second gradient has no value any more."""
    diverging = SFT.model_copy(update={"learning_rate": 1e30, "warmup_ratio": 0.0, "save_steps": 1})
    with pytest.raises(
        StageError, match=r"^warm_start: the gradient of step 2 is .* lower warm_start\.learning_rate"
    ):
        warm_start(config=diverging, output=tmp_path, workdir=tmp_path / "work", seed=5, track=untracked)
    checkpoint = newest_checkpoint(tmp_path / "work")
    assert checkpoint
    assert checkpoint.step == 1
    config = PretrainingConfig(
        hidden_size=48, intermediate_size=64, layers=2, heads=6, kv_heads=2, steps=8, save_steps=3,
        rows_per_step=2, micro_batch_rows=2, warmup_steps=0, learning_rate=1e30,
    )  # fmt: skip
    rows = [(np.arange(5, 17 + i).astype(np.uint16), np.ones(12 + i, dtype=bool)) for i in range(6)]
    with pytest.raises(StageError, match=r"^backbone: the gradient of step 2 is not finite"):
        pretrain(
            config, tokenizer, CURRICULUM, rows, output=tmp_path, workdir=tmp_path / "b", track=untracked
        )


def test_a_checkpoint_says_what_it_holds(policy: Callable[..., Any], tmp_path: Path) -> None:
    interrupted(policy, tmp_path, 3)
    marker = json.loads((tmp_path / "work" / "checkpoint-2" / "complete.json").read_text())
    assert marker["step"] == 2
    assert {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json",
            "position.pt"} <= marker["files"].keys()  # fmt: skip

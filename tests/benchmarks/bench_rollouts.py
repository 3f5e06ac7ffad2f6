"""One GRPO step with Tailor's rollouts against stock TRL, in one run: same model, prompts, samples and lengths.

The model is a random 1.9M-parameter Llama, which ends a completion early with one chance in a thousand a token, so
both sample about `max_completion_length` tokens and the ratio is about the work, not about luck.

    python tests/benchmarks/bench_rollouts.py [--prompts 32] [--samples 8] [--tokens 160] [--steps 2]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, TrainerCallback

from tailor_core.config.policy import PolicyConfig
from tailor_core.environments import get_environment
from tailor_core.inference.precision import fast_dtype
from tailor_core.records import canonical_json
from tailor_core.training.grpo import make_trainer

BACKBONE = Path(__file__).parents[2] / "tailor_core" / "backbones" / "tiny"


def random_model(directory: Path, tokenizer) -> None:
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=4,
            num_attention_heads=6,
            num_key_value_heads=2,
            tie_word_embeddings=True,
        )
    )
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def seconds_a_step(
    directory: Path, tokenizer, rows: list, engine: str, arguments: argparse.Namespace
) -> float:
    """The mean of the steps after the first, which warms up."""
    config = PolicyConfig(
        steps=arguments.steps + 1,
        prompts_per_step=arguments.prompts,
        num_generations=arguments.samples,
        max_completion_length=arguments.tokens,
        micro_batch_size=min(64, arguments.prompts * arguments.samples),
        rollout_engine=engine,
        save_steps=10_000,
    )
    with tempfile.TemporaryDirectory() as workdir:
        trainer = make_trainer(
            directory, tokenizer, rows, lambda completions, **_: [float(len(str(c)) % 2) for c in completions],
            config, workdir=Path(workdir), seed=0,
        )  # fmt: skip
        times: list[float] = []

        class Clock(TrainerCallback):
            def on_step_begin(self, *args, **kwargs):
                times.append(time.perf_counter())

            def on_train_end(self, *args, **kwargs):
                times.append(time.perf_counter())

        trainer.add_callback(Clock())
        trainer.train()
    return (times[-1] - times[1]) / arguments.steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("prompts", 32), ("samples", 8), ("tokens", 160), ("steps", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(BACKBONE)
    kk = get_environment("kk")
    problems = kk.generate(kk.options_model(people=(3, 4)), count=arguments.prompts, split="train", seed=0)
    rows = [
        {"prompt": [{"role": "user", "content": p.question}], "problem": canonical_json(p.to_row())}
        for p in problems
    ]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        random_model(directory, tokenizer)
        ours = seconds_a_step(directory, tokenizer, rows, "static-cache", arguments)
        stock = seconds_a_step(directory, tokenizer, rows, "transformers", arguments)
    table = Table(
        "rollouts", "seconds a step", "ratio",
        title=f"{arguments.prompts} prompts x {arguments.samples} samples x {arguments.tokens} tokens, {fast_dtype()}",
    )  # fmt: skip
    table.add_row("stock TRL generate", f"{stock:.2f}", "1.0")
    table.add_row("Tailor, preallocated cache", f"{ours:.2f}", f"{stock / ours:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()

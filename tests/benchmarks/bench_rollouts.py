"""One GRPO step of Tailor against one of stock TRL, in one run: same model, prompts, samples, rewards and objective.

Tailor samples with a preallocated cache and trains on packed micro-batches; stock is `GRPOTrainer` with `generate`.
Tailor takes the micro-batches of the recipe `kk-tiny`, stock the better of those and of larger ones.

The model is a random 1.9M-parameter Llama, so each of its 1,024 tokens is about equally likely. Twelve of them end a
completion, in both arms, so that lengths are like those of the policy in the recipe `kk-tiny`: there they average 55
to 105 tokens of at most 160 and 0 to 16 % reach the limit, here about 72 and 15 %. `--ends 1` has nearly all
completions run to the limit, which leaves no padding to be saved. With `--model` it is a real one, which ends its
completions by itself.

    python tests/benchmarks/bench_rollouts.py [--prompts 32] [--samples 8] [--tokens 160] [--ends 12] [--steps 2]
        [--model smollm2-135m] [--micro-batch 16]
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
from tailor_core.inference.models import write_model
from tailor_core.inference.precision import fast_dtype
from tailor_core.inference.pretrained import load_config
from tailor_core.records import canonical_json
from tailor_core.training.grpo import make_trainer

BACKBONE = Path(__file__).parents[2] / "tailor_core" / "backbones" / "tiny"


def random_model(directory: Path, tokenizer, ends: int) -> None:
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
    others = [i for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids]
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, *others[: ends - 1]]
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def seconds_a_step(
    directory: Path, tokenizer, rows: list, engine: str, micro_batch: int, arguments: argparse.Namespace
) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and mean length of the steps after the first, which warms up."""
    config = PolicyConfig(
        steps=arguments.steps + 1,
        prompts_per_step=arguments.prompts,
        num_generations=arguments.samples,
        max_completion_length=arguments.tokens,
        micro_batch_size=micro_batch,
        rollout_engine=engine,
        save_steps=10_000,
    )
    with tempfile.TemporaryDirectory() as workdir:
        trainer = make_trainer(
            directory, tokenizer, rows, lambda completions, **_: [float(len(str(c)) % 2) for c in completions],
            config, workdir=Path(workdir), seed=0,
        )  # fmt: skip
        times: list[tuple[float, float]] = []
        lengths: list[float] = []

        class Clock(TrainerCallback):
            def on_step_begin(self, *args, **kwargs):
                times.append((time.perf_counter(), time.process_time()))

            def on_log(self, *args, logs, **kwargs):
                lengths.append(logs.get("completions/mean_length"))

            def on_train_end(self, *args, **kwargs):
                times.append((time.perf_counter(), time.process_time()))

        trainer.add_callback(Clock())
        trainer.train()
    wall, processor = (
        (end - start) / arguments.steps for start, end in zip(times[1], times[-1], strict=True)
    )
    return wall, processor, sum(lengths[1 : arguments.steps + 1]) / arguments.steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("prompts", 32), ("samples", 8), ("tokens", 160), ("ends", 12), ("steps", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", help="one that a recipe may name, in the place of the random one")
    parser.add_argument("--micro-batch", type=int, default=16, help="completions a pass of Tailor's")
    arguments = parser.parse_args()
    kk = get_environment("kk")
    problems = kk.generate(kk.options_model(people=(3, 4)), count=arguments.prompts, split="train", seed=0)
    rows = [
        {"prompt": [{"role": "user", "content": p.question}], "problem": canonical_json(p.to_row())}
        for p in problems
    ]
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if arguments.model:
            write_model(arguments.model, directory)
            tokenizer = AutoTokenizer.from_pretrained(directory)
        else:
            tokenizer = AutoTokenizer.from_pretrained(BACKBONE)
            random_model(directory, tokenizer, arguments.ends)
        dtype = fast_dtype(load_config(directory))
        ours = seconds_a_step(directory, tokenizer, rows, "static-cache", arguments.micro_batch, arguments)
        stock = min(
            seconds_a_step(directory, tokenizer, rows, "transformers", size, arguments)
            for size in (arguments.micro_batch, 4 * arguments.micro_batch)
        )
    table = Table(
        "one GRPO step", "seconds", "ratio", "of processor time", "ratio", "tokens a completion",
        title=f"{arguments.prompts} prompts x {arguments.samples} samples x at most {arguments.tokens} tokens, "
        f"sampled in {dtype}",
    )  # fmt: skip
    for name, (wall, processor, length) in (("stock TRL", stock), ("Tailor", ours)):
        table.add_row(
            name, f"{wall:.2f}", f"{stock[0] / wall:.1f}",
            f"{processor:.2f}", f"{stock[1] / processor:.1f}", f"{length:.0f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()

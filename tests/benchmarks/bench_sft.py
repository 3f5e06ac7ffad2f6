"""What packing brings or costs on this machine: the warm start's training on packed rows and on rows grouped by length.

Both arms train the backbone `tiny` on the same demonstrations for one epoch, through `fine_tune`, and take a step every
`--rows` demonstrations: on average where rows are packed to `--length` tokens (TRL's best fit, attention kept apart).
Tokens are those of the demonstrations, without padding.

    python tests/benchmarks/bench_sft.py [--examples 256] [--rows 8] [--length 768]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from transformers import AutoTokenizer

from tailor_core.config.warm_start import WarmStartConfig
from tailor_core.data.sft import render
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment, read_options
from tailor_core.primitives.language import language_of
from tailor_core.records import SFTExample
from tailor_core.training.sft import fine_tune

BACKBONE = Path(__file__).parents[2] / "tailor_core" / "backbones" / "tiny"


def write_examples(count: int) -> list[SFTExample]:
    """Puzzles of three people, all argued in the plainest way."""
    options = read_options("kk", {"people": [3], "reports": "plain"})
    problems = get_environment("kk").generate(options, count=count, split="train", seed=0)
    language = language_of("kk")
    plainest = language.primitive({name: values[0] for name, values in language.dimensions.items()}, {})
    teacher = ProceduralTeacher("kk")
    return [render(problem, teacher.demonstrate(problem, plainest, seed=0)) for problem in problems]


def measure(examples: list[SFTExample], config: WarmStartConfig) -> tuple[float, float]:
    """Wall and processor seconds of one epoch, with everything around it that a run has, too."""
    with tempfile.TemporaryDirectory() as name:
        wall, processor = time.perf_counter(), time.process_time()
        fine_tune(
            BACKBONE, examples, config,
            output=Path(name) / "model", workdir=Path(name) / "work", seed=0, track=lambda metrics, step: None,
        )  # fmt: skip
        return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("examples", 256), ("rows", 8), ("length", 768)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    examples = write_examples(arguments.examples)
    tokenizer = AutoTokenizer.from_pretrained(BACKBONE)
    texts = [tokenizer.apply_chat_template(e.prompt + e.completion, tokenize=False) for e in examples]
    tokens = sum(map(len, tokenizer(texts, add_special_tokens=False)["input_ids"]))
    packed = max(1, round(arguments.rows * tokens / len(examples) / arguments.length))
    common = {"epochs": 1, "learning_rate": 1e-4, "max_length": arguments.length, "save_steps": 10_000}
    arms = {
        "grouped by length": WarmStartConfig(
            packing=False, batch_rows=arguments.rows, micro_batch_rows=arguments.rows, **common
        ),
        "packed": WarmStartConfig(packing=True, batch_rows=packed, micro_batch_rows=packed, **common),
    }
    measure(examples[: 2 * arguments.rows], arms["grouped by length"])  # warm-up: imports and first calls
    seconds = {name: measure(examples, config) for name, config in arms.items()}
    wall, processor = seconds["grouped by length"]
    table = Table(
        "rows", "tokens a second", "ratio", "a processor second", "ratio",
        title=f"{len(examples)} demonstrations, {tokens / len(examples):.0f} tokens each",
    )  # fmt: skip
    for name, (own_wall, own_processor) in seconds.items():
        table.add_row(
            name, f"{tokens / own_wall:.0f}", f"{wall / own_wall:.2f}",
            f"{tokens / own_processor:.0f}", f"{processor / own_processor:.2f}",
        )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()

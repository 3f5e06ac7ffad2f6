"""iGSM generation and process check: Tailor alone, since the public generators cannot be installed beside it.

Run `python tests/benchmarks/bench_igsm.py`. Each row is the median of five rounds in one process. What the peers
take was measured elsewhere, on two virtual cores (the public iGSM generator without its tokenizer: 18-24 ms at med,
30-32 ms at hard, 0.08-0.10 ms a check; BRIDGE's variant without a modulus: 3.9-4.6 ms at 21 to 25 operations), so
the ratios say no more than the order of magnitude. reasoning-gym has no iGSM; its nearest, `gsm_symbolic`, fills
numbers into 100 fixed stories, and takes turns here to show how fast the machine is.

With TAILOR_SHARED set to a directory that holds data/igsm_mod23_sample.jsonl, 200 problems of the public
generator, a table compares what the two make.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

import reasoning_gym

from tailor_core.environments.igsm import IGSM
from tailor_core.environments.igsm.environment import named_of
from tailor_core.environments.igsm.options import IGSMOptions
from tailor_core.environments.igsm.solution import write_solution
from tailor_core.records import Problem

ROUNDS = 5
COUNT = 300
ENVIRONMENT = IGSM()
MED = IGSMOptions(setting="med", op=tuple(range(1, 16)), op_share="light")
HARD = IGSMOptions(setting="hard", op=tuple(range(1, 22)), op_share="light")
PLAIN = IGSMOptions(setting="plain", op=tuple(range(21, 26)))

GENERATED = {
    "med, 1 to 15 operations as published": (MED, 1.0, "18-24 ms"),
    "hard, 1 to 21 operations as published": (HARD, 1.5, "30-32 ms"),
    "plain, 21 to 25 operations": (PLAIN, 0.8, "3.9-4.6 ms"),
}
"""Row -> options, what we aim at in ms a problem, and the peer's figure from elsewhere."""


def milliseconds(work: Callable[[int], Any], count: int) -> float:
    """Median over the rounds of what one of `count` pieces of work takes; `work` is told the round."""
    taken = []
    for turn in range(ROUNDS):
        began = time.perf_counter()
        work(turn)
        taken.append((time.perf_counter() - began) / count * 1e3)
    return median(taken)


def generated(options: IGSMOptions, count: int, seed: int) -> list[Problem]:
    return ENVIRONMENT.generate(options, count=count, split="train", seed=seed)


def speed() -> None:
    print("| what | Tailor | aim | peer, measured elsewhere |\n|---|---|---|---|")
    for name, (options, aim, peer) in GENERATED.items():
        taken = milliseconds(lambda turn, o=options: generated(o, COUNT, turn), COUNT)  # type: ignore[misc]
        print(f"| generate {name} | {taken:.2f} ms | {aim} ms | {peer} |")
    for name, (options, _, _) in GENERATED.items():
        problems = generated(options, COUNT, 0)
        solutions = [write_solution(named_of(problem), Random(0)) for problem in problems]
        pairs = list(zip(problems, solutions, strict=True))
        for problem, solution in pairs:
            assert ENVIRONMENT.check_solution(problem, solution).correct
        taken = milliseconds(lambda turn, p=pairs: [ENVIRONMENT.check_solution(*one) for one in p], COUNT)  # type: ignore[misc]
        print(f"| process check, {name} | {taken * 1e3:.0f} us | 50 us | 80-100 us |")

    def stories(turn: int) -> None:
        dataset = reasoning_gym.create_dataset("gsm_symbolic", size=COUNT, seed=turn * COUNT)
        for place in range(COUNT):
            dataset[place]

    print(f"| (reasoning-gym gsm_symbolic, an item) | {milliseconds(stories, COUNT):.2f} ms | | |")


def figures(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What a table says of rows of one setting."""
    answers = Counter(row["answer"] for row in rows)
    problems = [ENVIRONMENT.from_record(row) for row in rows]
    needed = []
    for problem in problems:
        scenario = named_of(problem).scenario
        order = [parameter for parameter in scenario.order or () if parameter in scenario.statements]
        needed.append(len(order) / len(scenario.statements))
    return [
        f"{mean(row['n_op'] for row in rows):.1f} ({max(row['n_op'] for row in rows)})",
        f"{answers[0] / len(rows):.3f}",
        f"{mean(problem.difficulty['links'] for problem in problems):.1f}",
        f"{mean(needed):.2f}",
        f"{mean(len(row['question'].split()) for row in rows):.0f}",
        f"{mean(len(row['solution'].split()) for row in rows):.0f}",
    ]


def comparison(sample: Path) -> None:
    rows = [json.loads(line) for line in sample.read_text().splitlines()]
    print("\n| | operations (most) | answer 0 | statements | needed | words asked | words solved |")
    print("|---|---|---|---|---|---|---|")
    for setting, options in (("med", MED), ("hard", HARD)):
        theirs = [row for row in rows if row["setting"] == setting]
        ours = [ENVIRONMENT.to_record(problem) for problem in generated(options, 1000, 0)]
        print(f"| {setting}, public | {' | '.join(figures(theirs))} |")
        print(f"| {setting}, Tailor | {' | '.join(figures(ours))} |")


if __name__ == "__main__":
    speed()
    sample = Path(os.environ.get("TAILOR_SHARED", "../shared")) / "data" / "igsm_mod23_sample.jsonl"
    if sample.is_file():
        comparison(sample)

"""Countdown against reasoning-gym, side by side in one process: `python tests/benchmarks/bench_countdown.py`.

The two take turns, so that whatever else the machine does meets both alike, and are charged processor time; the
figures are medians of turns.

* generate: one problem of 3 or 4 numbers up to 99 with a target from 10 to 99 (Tailor's has a canonical hash and
            belongs to its split)
* score:    an answer to such a problem, half of them right
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import reasoning_gym

from tailor_core.environments import get_environment, read_options

TURNS, PROBLEMS = 15, 40
SIZES = {"min_numbers": 3, "max_numbers": 4, "max_value": 99, "min_target": 10, "max_target": 99}


def main() -> None:
    """Print microseconds a problem or answer, and how many times faster than reasoning-gym."""
    countdown = get_environment("countdown")
    options = read_options("countdown", {})
    theirs = reasoning_gym.create_dataset("countdown", size=PROBLEMS, seed=1, **SIZES)
    items = [theirs[place] for place in range(PROBLEMS)]
    problems = [countdown.from_record(item) for item in items]
    answers = [item["answer"] + ("" if place % 2 else " + 1") for place, item in enumerate(items)]

    def generate_theirs(turn: int) -> Any:
        made = reasoning_gym.create_dataset("countdown", size=PROBLEMS, seed=1000 * turn, **SIZES)
        return [made[place] for place in range(PROBLEMS)]

    def generate_ours(turn: int) -> Any:
        return countdown.generate(options, count=PROBLEMS, split="train", seed=turn)

    def score_theirs(_: int) -> Any:
        return [theirs.score_answer(answer, item) for answer, item in zip(answers, items, strict=True)]

    def score_ours(_: int) -> Any:
        return [countdown.check_answer(one, answer) for one, answer in zip(problems, answers, strict=True)]

    print(f"{'what':<10} {'reasoning-gym':>14} {'tailor':>8}  us each")
    for what, gym, own in (("generate", generate_theirs, generate_ours), ("score", score_theirs, score_ours)):
        turns = [(timed(gym, turn), timed(own, turn)) for turn in range(TURNS)]
        slow, fast = (median(column) * 1e6 / PROBLEMS for column in zip(*turns, strict=True))
        print(f"{what:<10} {slow:>14.1f} {fast:>8.1f}  {slow / fast:.0f}x")


def timed(work: Callable[[int], Any], turn: int) -> float:
    start = time.process_time()
    work(turn)
    return time.process_time() - start


if __name__ == "__main__":
    main()

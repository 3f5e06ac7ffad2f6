"""Knights & Knaves generation against reasoning-gym, side by side in one process.

Run `python tests/benchmarks/bench_kk_generation.py`. Each row takes turns with the peer's, five rounds; the
figure is the median round. All rows make whole items: a uniquely solvable puzzle, question, answer, metadata.

* item:     draw, name, render; what reasoning-gym does (it has no hash, no splits, no duplicate check)
* + hash:   the same with the canonical hash
* generate: `Environment.generate` for the train split: hashed, without duplicates, split kept (about 7 of 10
            drawn puzzles belong to it)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from statistics import median

import reasoning_gym

from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.environments.knights_knaves.canonical import canonical_hash
from tailor_core.environments.knights_knaves.generator import dress, problem_of
from tailor_core.environments.knights_knaves.options import KnightsKnavesOptions
from tailor_core.environments.knights_knaves.sampler import sampler

ROUNDS = 5
PEOPLE = {3: (300, 3000), 5: (150, 3000), 8: (15, 2000)}
"""People -> items a round of reasoning-gym and of Tailor."""

AIMS = {5: 20, 8: 100}


def make_items(people: int, count: int, seed: int, *, hashed: bool) -> None:
    """Whole items as `generate` makes them, without splits."""
    options = KnightsKnavesOptions(people=(people,))
    source = sampler(people, options.depth, options.width, options.allow_constant)
    random = Random(seed)
    for _ in range(count):
        drawn = source.puzzle(random)
        assert drawn is not None
        statements, world = drawn
        digest = canonical_hash(statements) if hashed else ""
        solution = [bool(world >> person & 1) for person in range(people)]
        problem_of(*dress(statements, options, random), solution, "train", digest)


def contenders(people: int) -> dict[str, Callable[[int], float]]:
    """Name -> a function of the round that returns microseconds an item."""
    theirs, ours = PEOPLE[people]

    def reasoning_gym_items(turn: int) -> None:
        dataset = reasoning_gym.create_dataset(
            "knights_knaves", n_people=people, size=theirs, seed=turn * 10_000
        )
        for index in range(theirs):
            dataset[index]

    def generate(turn: int) -> None:
        options = KnightsKnavesOptions(people=(people,))
        KnightsKnaves().generate(options, count=ours, split="train", seed=turn)

    return {
        "reasoning-gym": lambda turn: clock(lambda: reasoning_gym_items(turn), theirs),
        "tailor item": lambda turn: clock(lambda: make_items(people, ours, turn, hashed=False), ours),
        "tailor + hash": lambda turn: clock(lambda: make_items(people, ours, turn, hashed=True), ours),
        "tailor generate": lambda turn: clock(lambda: generate(turn), ours),
    }


def clock(work: Callable[[], None], items: int) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / items * 1e6


def main() -> None:
    """Print microseconds an item and how many times faster than reasoning-gym."""
    print(f"{'people':>6}  {'generator':<16} {'us/item':>10} {'times faster':>13}  aim")
    for people in PEOPLE:
        runs = contenders(people)
        times: dict[str, list[float]] = {name: [] for name in runs}
        for turn in range(ROUNDS):
            for name, run in runs.items():
                times[name].append(run(turn))
        peer = median(times["reasoning-gym"])
        for name, rounds in times.items():
            aim = f">= {AIMS[people]}" if people in AIMS and name == "tailor item" else ""
            print(f"{people:>6}  {name:<16} {median(rounds):>10.1f} {peer / median(rounds):>13.1f}  {aim}")


if __name__ == "__main__":
    main()

"""Scoring Knights & Knaves answers against reasoning-gym, side by side in one process.

Run `python tests/benchmarks/bench_scoring.py`. The two take turns of a few milliseconds, so that whatever
else the machine does meets both alike, and are charged processor time, because a longer turn is more often cut
in two by other jobs. The figures are the median turn and the median, over pairs of turns, of
how many times faster. Both score the same reasoning-gym puzzles of five people, half of the answers right.

* answer:   the text inside the answer tags against the solution (reasoning-gym `score_answer`, Tailor
            `check_answer`)
* response: a whole response with a think block (reasoning-gym `extract_answer` and `score_answer`, Tailor
            `score`, which also checks the form)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from operator import truediv
from statistics import median
from typing import Any

import reasoning_gym
from reasoning_gym.utils import extract_answer

from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.records import Problem
from tailor_core.verification import score

TURNS = 150
PUZZLES = 200
THINK = "Suppose the first tells the truth. " * 40


def main() -> None:
    """Print microseconds a call and how many times faster than reasoning-gym."""
    dataset = reasoning_gym.create_dataset("knights_knaves", n_people=5, size=PUZZLES, seed=1)
    entries = [dataset[index] for index in range(PUZZLES)]
    environment = KnightsKnaves()
    problems = [as_problem(environment, entry) for entry in entries]
    answers = [entry["answer"] if place % 2 else wrong(entry) for place, entry in enumerate(entries)]
    responses = [f"<think>{THINK}</think>\n<answer>{answer}</answer>" for answer in answers]

    def gym_response(response: str, entry: dict[str, Any]) -> float:
        return float(dataset.score_answer(extract_answer(response), entry))

    duels: dict[str, dict[str, tuple[Callable[..., object], list[tuple[Any, Any]]]]] = {
        "answer": {
            "reasoning-gym": (dataset.score_answer, list(zip(answers, entries, strict=True))),
            "tailor": (environment.check_answer, list(zip(problems, answers, strict=True))),
        },
        "response": {
            "reasoning-gym": (gym_response, list(zip(responses, entries, strict=True))),
            "tailor": (score, list(zip(problems, responses, strict=True))),
        },
    }
    print(f"{'what':<9} {'scorer':<14} {'us/call':>8} {'times faster':>13}  aim")
    for what, scorers in duels.items():
        times: dict[str, list[float]] = {name: [] for name in scorers}
        for _ in range(TURNS):
            for name, (scorer, calls) in scorers.items():
                times[name].append(clock(scorer, calls))
        for name, turns in times.items():
            faster = median(map(truediv, times["reasoning-gym"], turns))
            aim = ">= 2" if name == "tailor" else ""
            print(f"{what:<9} {name:<14} {median(turns):>8.2f} {faster:>13.1f}  {aim}")
    agreement = [
        (dataset.score_answer(answer, entry) == 1.0) == (score(problem, response).reward == 1.0)
        for answer, entry, problem, response in zip(answers, entries, problems, responses, strict=True)
    ]
    print(f"both agree on {sum(agreement)} of {len(agreement)} answers")


def as_problem(environment: KnightsKnaves, entry: dict[str, Any]) -> Problem:
    """The peer's item as a problem of ours."""
    metadata = entry["metadata"]
    words = metadata["knight_knave_terms"]
    spec = {
        "names": [str(name) for name in metadata["names"]],
        "statements": metadata["statements"],
        "roles": {"knight": str(words["knight"]), "knave": str(words["knave"])},
    }
    return environment.from_record({"metadata": {"spec": spec}})


def wrong(entry: dict[str, Any]) -> str:
    """The right answer with the roles exchanged."""
    words = entry["metadata"]["knight_knave_terms"]
    answer = entry["answer"].replace(words["a_knight"], "@").replace(words["a_knave"], words["a_knight"])
    return str(answer.replace("@", words["a_knave"]))


def clock(scorer: Callable[..., object], calls: list[tuple[Any, Any]]) -> float:
    """Microseconds of processor time a call, over all calls."""
    start = time.process_time()
    for first, second in calls:
        scorer(first, second)
    return (time.process_time() - start) / len(calls) * 1e6


if __name__ == "__main__":
    main()

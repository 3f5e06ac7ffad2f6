"""The `probe` stage: the base model answers a few training problems, and a verifier says what went wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.probe import ProbeConfig
from tailor_core.evaluation.answering import answer_problems
from tailor_core.evaluation.intervals import rounded
from tailor_core.evaluation.suites import choose_splits, spread_sample
from tailor_core.inference.engine import Sampling
from tailor_core.inference.loading import load_engine
from tailor_core.records import EvaluationRow, Problem, content_id
from tailor_core.stages.context import StageContext
from tailor_core.tracking.progress import Bar
from tailor_core.verification.scoring import score

MODEL = "base"

TRAIN_SPLIT = "train"
"""Others are for evaluation: what a probe finds is shown to the teacher."""


def run(config: ProbeConfig, context: StageContext) -> dict[str, Any]:
    """Write completions.parquet (`EvaluationRow`) and summary.json.

    The summary holds `pass_rate_by_difficulty` ({"2": share}), `failures` ({reason: count}, most first) and in
    `wrong` how many of them have the right form.
    StageError where there are no train problems.
    """
    table = context.inputs["problems"] / "problems.parquet"
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    problems = read_records(table, Problem)
    choose_splits([problem.split for problem in problems], [TRAIN_SPLIT])
    pool = [problem for problem in problems if problem.split == TRAIN_SPLIT]
    chosen = spread_sample(pool, difficulty, config.problems, context.seed)
    sampling = Sampling(
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        n=config.samples_per_problem,
        logprobs=True,
        seed=int(content_id(["probe", context.seed], length=7), 16),
    )
    loaded = load_engine(
        context.inputs["backbone"],
        config.engine,
        config.vllm,
        workdir=context.workdir,
        logs=context.places.servers,
    )
    total = len(chosen) * sampling.n
    with loaded as engine, Bar(context.track, total=total, desc="probe", unit="completion") as bar:
        rows = answer_problems(
            engine,
            chosen,
            sampling,
            model=MODEL,
            difficulty=difficulty,
            on_done=bar.update,
        )
    write_records(context.output / "completions.parquet", rows)
    summary = summarise_probe(rows, {problem.id: problem for problem in chosen})
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)  # keeps the order of keys
    (context.output / "summary.json").write_text(text + "\n", encoding="utf-8")
    correct = sum(row.reward == 1 for row in rows)
    return {
        "rows": {"completions": len(rows)},
        "funnel": {"in": len(rows), "kept": correct, "dropped": summary["failures"]},
        "metrics": {"pass_rate": rounded(correct / len(rows))},
    }


def summarise_probe(rows: Sequence[EvaluationRow], problems: Mapping[str, Problem]) -> dict[str, Any]:
    """Pass rate of each difficulty (keys in ascending order), the reasons of the failures, and the wrong ones."""
    groups: dict[int, list[float]] = {}
    for row in sorted(rows, key=lambda row: row.difficulty):
        groups.setdefault(row.difficulty, []).append(row.reward)
    failed = [row for row in rows if row.reward != 1]
    failures = Counter(row.reason for row in failed)
    return {
        "pass_rate_by_difficulty": {
            str(level): rounded(sum(rewards) / len(rewards)) for level, rewards in groups.items()
        },
        "failures": dict(sorted(failures.items(), key=lambda entry: (-entry[1], entry[0]))),
        "wrong": sum(
            bool(score(problems[row.problem_id], row.completion).checks["parsed"]) for row in failed
        ),
    }

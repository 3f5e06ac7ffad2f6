"""The `evaluation` stage: base, warm start and policy answer held-out problems; figures with intervals.

Each model's answers to each split are a shard: a stage that was killed goes on after the last whole one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import Any

from tailor_core.artifacts.shards import Shards
from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.evaluation import EvaluationConfig
from tailor_core.errors import StageError
from tailor_core.evaluation.answering import answer_problems
from tailor_core.evaluation.suites import choose_splits, spread_sample
from tailor_core.evaluation.summary import summarise
from tailor_core.inference.engine import Engine, Sampling
from tailor_core.inference.loading import load_engine
from tailor_core.records import EvaluationRow, Problem, Split, content_id
from tailor_core.stages.context import StageContext
from tailor_core.tracking.progress import Bar

MODELS = {"backbone": "base", "warm_start": "warm_start", "policy": "policy"}
"""Input -> the model's name in the tables, in the order of comparison; absent inputs are left out."""


def run(config: EvaluationConfig, context: StageContext) -> dict[str, Any]:
    """Write evaluation.parquet (`EvaluationRow`) and summary.json (see `tailor_core.evaluation.summary`)."""
    models = {name: context.inputs[given] for given, name in MODELS.items() if given in context.inputs}
    if not models:
        raise StageError(f"evaluation has no model among its inputs; give it one of {', '.join(MODELS)}")
    suites, difficulty = _suites(config, context)
    answers = _Answers(config, context, difficulty)
    total = len(models) * sum(map(len, suites.values())) * config.samples_per_problem
    with Bar(context.track, total=total, desc="evaluation", unit="completion") as bar:
        rows = [row for name, directory in models.items() for row in answers.of(name, directory, suites, bar)]
    write_records(context.output / "evaluation.parquet", rows)
    summary = summarise(rows, config, context.seed)
    # Not canonical JSON: the order of models, splits and reasons is part of what the summary says.
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    (context.output / "summary.json").write_text(text + "\n", encoding="utf-8")
    return {
        "rows": {"evaluation": len(rows)},
        "funnel": {"in": len(rows), "kept": len(rows), "dropped": {}},
        "metrics": _metrics(summary),
    }


def _suites(
    config: EvaluationConfig, context: StageContext
) -> tuple[dict[Split, list[Problem]], dict[str, int]]:
    """The problems of each split to ask, and the difficulty of every problem by id."""
    table = context.inputs["problems"] / "problems.parquet"
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    by_split: dict[Split, list[Problem]] = {}
    for problem in read_records(table, Problem):
        by_split.setdefault(problem.split, []).append(problem)
    chosen = {
        split: spread_sample(by_split[split], difficulty, config.problems_per_split, context.seed)
        for split in choose_splits(list(by_split), config.splits)
    }
    return chosen, difficulty


class _Answers:
    """The answers of models, kept shard by shard."""

    def __init__(
        self, config: EvaluationConfig, context: StageContext, difficulty: Mapping[str, int]
    ) -> None:
        self.config = config
        self.context = context
        self.shards = Shards(context.workdir / "shards")
        self.difficulty = difficulty

    def of(
        self, model: str, directory: Path, suites: Mapping[Split, Sequence[Problem]], bar: Any
    ) -> list[EvaluationRow]:
        """All rows of one model; it is loaded only if some of them are missing."""
        rows: list[EvaluationRow] = []
        before = bar.n
        with ExitStack() as stack:
            load = cache(lambda: stack.enter_context(self._engine(directory)))
            for split, problems in suites.items():
                bar.set_postfix_str(f"{model} on {split}")
                sampling = self._sampling(model, split)
                made_from = [model, split, asdict(sampling), [problem.to_row() for problem in problems]]
                ask = partial(self._ask, load, model, problems, sampling, bar)
                rows += self.shards.records(made_from, EvaluationRow, ask)
                bar.update(before + len(rows) - bar.n)
        return rows

    def _engine(self, directory: Path) -> AbstractContextManager[Engine]:
        return load_engine(
            directory,
            self.config.engine,
            self.config.vllm,
            workdir=self.context.workdir,
            logs=self.context.places.servers,
        )

    def _ask(
        self,
        load: Callable[[], Engine],
        model: str,
        problems: Sequence[Problem],
        sampling: Sampling,
        bar: Any,
    ) -> list[EvaluationRow]:
        return answer_problems(
            load(), problems, sampling, model=model, difficulty=self.difficulty, on_done=bar.update
        )

    def _sampling(self, model: str, split: Split) -> Sampling:
        """A seed for each shard, so that its completions do not depend on which were there already."""
        return Sampling(
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            max_tokens=self.config.max_tokens,
            n=self.config.samples_per_problem,
            logprobs=True,
            seed=int(content_id(["evaluation", self.context.seed, model, split], length=7), 16),
        )


def _metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """What the manifest and the tracker show: pass@1 of each model on each split."""
    return {
        f"{model}/{split}/pass@1": figures["pass@1"]["value"]
        for model, part in summary["models"].items()
        for split, figures in part["splits"].items()
    }

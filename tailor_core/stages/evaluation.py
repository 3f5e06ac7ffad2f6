"""The `evaluation` stage: base, warm start and policy answer held-out problems; figures with intervals.

Each model's answers to each split are a shard: a stage that was killed goes on after the last whole one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from tailor_core.artifacts.shards import Shards
from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.evaluation import EvaluationConfig
from tailor_core.errors import StageError
from tailor_core.evaluation.answering import answer_problems
from tailor_core.evaluation.skeletons import skeleton_of
from tailor_core.evaluation.suites import choose_splits, spread_sample
from tailor_core.evaluation.summary import summarise
from tailor_core.inference.engine import Engine, Sampling
from tailor_core.inference.loading import load_engine
from tailor_core.records import EvaluationRow, Problem, Split, content_id
from tailor_core.stages.context import StageContext
from tailor_core.tracking.progress import Bar
from tailor_core.training.layout import SNAPSHOTS, snapshot_name

MODELS = {"backbone": "base", "warm_start": "warm_start", "policy": "policy"}
"""Input -> the model's name in the tables, in the order of comparison; absent inputs are left out."""


def run(config: EvaluationConfig, context: StageContext) -> dict[str, Any]:
    """Write evaluation.parquet (`EvaluationRow`) and summary.json (see `tailor_core.evaluation.summary`).

    Where the policy kept models on the way, also curve.parquet: `EvaluationRow` of the models `step-000000` (the warm
    start) to the last. Where the recipe asks for it, wide.parquet: many completions of few problems.
    """
    models = _models(config, context)
    chosen = _Choice(config, context)
    asked = [_Asked("evaluation", models, chosen.suites(), config.samples_per_problem)]
    if snapshots := _snapshots(context):
        curve = config.curve
        suite = chosen.suite("evaluation.curve.split", curve.split, curve.problems)
        asked.append(_Asked("curve", snapshots, suite, curve.samples_per_problem))
    if config.wide.problems:
        wide = config.wide
        suite = chosen.suite("evaluation.wide.split", wide.split, wide.problems)
        trained = {name: directory for name, directory in models.items() if name != "base"}
        asked.append(_Asked("wide", trained, suite, wide.samples_per_problem))
    rows = _answer(asked, config, context, chosen.difficulty)
    for table, found in rows.items():
        write_records(context.output / f"{table}.parquet", found, EvaluationRow)
    summary = summarise(rows["evaluation"], config, context.seed, chosen.skeletons)
    # Not canonical JSON: the order of models, splits and reasons is part of what the summary says.
    text = json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    (context.output / "summary.json").write_text(text + "\n", encoding="utf-8")
    answered = len(rows["evaluation"])
    return {
        "rows": {table: len(found) for table, found in rows.items()},
        "funnel": {"in": answered, "kept": answered, "dropped": {}},
        "metrics": _metrics(summary),
    }


def _models(config: EvaluationConfig, context: StageContext) -> dict[str, Path]:
    """Name -> model directory, in the order of comparison."""
    models = {name: context.inputs[given] for given, name in MODELS.items() if given in context.inputs}
    if not models:
        raise StageError(f"evaluation has no model among its inputs; give it one of {', '.join(MODELS)}")
    if not config.base and "warm_start" in models:
        models.pop("base", None)
    return models


def _snapshots(context: StageContext) -> dict[str, Path]:
    """The models along the policy's training, in order of step: where it began, those it kept, the last."""
    if "policy" not in context.inputs or not (context.inputs["policy"] / SNAPSHOTS).is_dir():
        return {}
    policy = context.inputs["policy"]
    start = context.inputs["warm_start" if "warm_start" in context.inputs else "backbone"]
    kept = sorted((policy / SNAPSHOTS).iterdir())
    last = int(read_table(policy / "training_log.parquet")["step"].max())  # type: ignore[arg-type]
    return {snapshot_name(0): start, **{path.name: path for path in kept}, snapshot_name(last): policy}


class _Choice:
    """The problems that are asked, and the difficulty and skeleton of every problem by id."""

    def __init__(self, config: EvaluationConfig, context: StageContext) -> None:
        self._config = config
        self._seed = context.seed if config.suite_seed is None else config.suite_seed
        table = context.inputs["problems"] / "problems.parquet"
        self.difficulty: dict[str, int] = dict(read_table(table).select("id", "difficulty").iter_rows())
        self._by_split: dict[Split, list[Problem]] = {}
        self.skeletons: dict[str, str] = {}
        for problem in read_records(table, Problem):
            self.skeletons[problem.id] = skeleton_of(problem.id, problem.metadata)
            self._by_split.setdefault(problem.split, []).append(problem)

    def suites(self) -> dict[Split, list[Problem]]:
        """Those of each split that `evaluation.splits` names."""
        splits = choose_splits(list(self._by_split), self._config.splits)
        return {split: self._of(split, self._config.problems_per_split) for split in splits}

    def suite(self, field: str, split: Split, limit: int) -> dict[Split, list[Problem]]:
        """Those of one split; StageError, naming the recipe's field, where there is none of that name."""
        if split not in self._by_split:
            there = ", ".join(sorted(self._by_split))
            raise StageError(f"{field} = {split!r}, but the problems have only {there}; choose among these")
        return {split: self._of(split, limit)}

    def _of(self, split: Split, limit: int) -> list[Problem]:
        return spread_sample(self._by_split[split], self.difficulty, limit, self._seed)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Models that are asked the problems of some splits, so many times each; the rows are one table."""

    table: str
    models: Mapping[str, Path]
    suites: Mapping[Split, Sequence[Problem]]
    samples: int

    @property
    def completions(self) -> int:
        return len(self.models) * sum(map(len, self.suites.values())) * self.samples


def _answer(
    asked: Sequence[_Asked],
    config: EvaluationConfig,
    context: StageContext,
    difficulty: Mapping[str, int],
) -> dict[str, list[EvaluationRow]]:
    """The rows of each table."""
    answers = _Answers(config, context, difficulty)
    total = sum(one.completions for one in asked)
    with Bar(context.track, total=total, desc="evaluation", unit="completion") as bar:
        return {
            one.table: [
                row for name, directory in one.models.items() for row in answers.of(name, directory, one, bar)
            ]
            for one in asked
        }


class _Answers:
    """The answers of models, kept shard by shard."""

    def __init__(
        self, config: EvaluationConfig, context: StageContext, difficulty: Mapping[str, int]
    ) -> None:
        self.config = config
        self.context = context
        self.shards = Shards(context.workdir / "shards")
        self.difficulty = difficulty

    def of(self, model: str, directory: Path, asked: _Asked, bar: Any) -> list[EvaluationRow]:
        """All rows of one model in one table; it is loaded only if some of them are missing."""
        rows: list[EvaluationRow] = []
        before = bar.n
        with ExitStack() as stack:
            load = cache(lambda: stack.enter_context(self._engine(directory)))
            for split, problems in asked.suites.items():
                bar.set_postfix_str(f"{model} on {split}")
                sampling = self._sampling(asked, model, split)
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

    def _sampling(self, asked: _Asked, model: str, split: Split) -> Sampling:
        """A seed for each shard, so that its completions do not depend on which were there already."""
        return Sampling(
            temperature=self.config.temperature,
            top_p=self.config.top_p,
            max_tokens=self.config.max_tokens,
            n=asked.samples,
            logprobs=True,
            seed=int(content_id([asked.table, self.context.seed, model, split], length=7), 16),
        )


def _metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """What the manifest and the tracker show: pass@1 of each model on each split."""
    return {
        f"{model}/{split}/pass@1": figures["pass@1"]["value"]
        for model, part in summary["models"].items()
        for split, figures in part["splits"].items()
    }

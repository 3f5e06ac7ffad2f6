"""A model's own answers to train problems, batch by batch: what self-stitching and re-distillation are made of.

Batches are kept as they are done, with seeds that follow from what is in them, so a killed stage ends with the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tailor_core.artifacts.shards import Shards, parts
from tailor_core.artifacts.tables import read_records, read_table, write_records
from tailor_core.config.baselines import BaselinesConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import StageError
from tailor_core.evaluation.answering import answer_problems
from tailor_core.evaluation.suites import spread_sample
from tailor_core.inference.engine import Engine, Sampling
from tailor_core.inference.loading import load_engine
from tailor_core.records import Demonstration, EvaluationRow, Primitive, Problem, content_id
from tailor_core.stages.baselines.library import write_library
from tailor_core.stages.context import StageContext

_AT_ONCE = 64
"""Problems of a batch. Fixed: what a model samples depends on its batches."""

Answered = Sequence[EvaluationRow]
"""All answers to one problem, scored, in the order in which they were drawn."""

Make = Callable[[Problem, Primitive, Answered], Demonstration | None]
"""The demonstration that the answers to a problem give, if any."""


def write_as_it_answers(method: str, context: StageContext) -> dict[str, Any]:
    """Write primitives.parquet: the one way of a model that is told nothing, and answers as it does."""
    way = Primitive(
        id=content_id(["own answers", method]),
        name=f"{method}: as the model answers",
        instruction="Answer the question.",
        kind="self",
        provenance={"teacher": "self", "round": 0, "parents": [], "method": method},
        screening={"verdict": "accepted", "rule": "", "reason": f"given by the method {method}"},
    )
    return write_library(context, [way])


def write_from_answers(
    model: str, config: BaselinesConfig, context: StageContext, sampling: Sampling, make: Make
) -> dict[str, Any]:
    """Write demonstrations.parquet, sorted by id, of the answers of the model that is the input `model`.

    StageError where they give no demonstration.
    """
    [primitive] = read_records(context.inputs["primitives"] / "primitives.parquet", Primitive)
    problems, difficulty = _train_problems(context.inputs["problems"] / "problems.parquet")
    chosen = spread_sample(problems, difficulty, config.problems, context.seed)
    answers = list(_answers(context.inputs[model], chosen, difficulty, sampling, context))
    made = [make(problem, primitive, rows) for problem, rows in zip(chosen, answers, strict=True)]
    demonstrations = sorted((one for one in made if one), key=lambda one: one.id)
    right = sum(row.reward == 1 for rows in answers for row in rows)
    if not demonstrations:
        raise StageError(
            f"demonstrations: of {len(chosen) * sampling.n} answers of the model {right} are right, too few to "
            "make one demonstration of; raise baselines.samples or baselines.max_tokens, or name a stronger model"
        )
    write_records(context.output / "demonstrations.parquet", demonstrations, Demonstration)
    count = len(demonstrations)
    return {
        "rows": {"demonstrations": count},
        "funnel": {
            "in": len(chosen),
            "kept": count,
            "dropped": {"nothing_to_make_it_of": len(chosen) - count} if count < len(chosen) else {},
        },
        "metrics": {
            "mean_tokens": round(sum(one.tokens for one in demonstrations) / count, 6),
            "right_answers": round(right / (len(chosen) * sampling.n), 6),
        },
    }


def _train_problems(table: Path) -> tuple[list[Problem], dict[str, int]]:
    difficulty = dict(read_table(table).select("id", "difficulty").iter_rows())
    return [problem for problem in read_records(table, Problem) if problem.split == "train"], difficulty


def _answers(
    model: Path,
    problems: Sequence[Problem],
    difficulty: dict[str, int],
    sampling: Sampling,
    context: StageContext,
) -> Iterator[Answered]:
    """The answers to each problem, in order; the model is loaded only if some of them are missing."""
    shards = Shards(context.workdir / "answers")
    with ExitStack() as stack, tqdm(total=len(problems) * sampling.n, desc="answers", unit="trace") as bar:

        @cache
        def load() -> Engine:
            loaded = load_engine(
                model, "transformers", VLLMConfig(), workdir=context.workdir, logs=context.places.servers
            )
            return stack.enter_context(loaded)

        def ask(part: Sequence[Problem], seeded: Sampling) -> list[EvaluationRow]:
            return answer_problems(
                load(), part, seeded, model="model", difficulty=difficulty, on_done=bar.update
            )

        for part in parts(problems, _AT_ONCE):
            asked = [[problem.to_row() for problem in part], asdict(sampling), context.seed]
            seeded = replace(sampling, seed=int(content_id(["answers", asked], length=7), 16))
            before = bar.n

            rows = shards.records(asked, EvaluationRow, partial(ask, part, seeded))
            bar.update(before + len(rows) - bar.n)
            for _, group in groupby(rows, key=lambda row: row.problem_id):
                yield list(group)

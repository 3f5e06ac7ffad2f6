"""The `selection` stage: a decision on every demonstration, embeddings, and diversity before and after.

Embeddings are made piece by piece: a stage that was killed goes on after those that are whole.
Puts together what its parts do not know of each other: contamination (`data`) and curation (`diversity`).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.tables import read_records, read_table, write_records, write_table
from tailor_core.config.selection import SelectionConfig
from tailor_core.data.decontamination import TRAIN_SPLIT, find_contamination
from tailor_core.diversity.curation import UNUSABLE, EvaluationMatch, Row, curate
from tailor_core.diversity.embedding import Embedder, make_embedder
from tailor_core.diversity.metrics import Described, describe
from tailor_core.diversity.shingles import NearTextIndex
from tailor_core.diversity.similarity import Grid, on_grid
from tailor_core.errors import InputError, StageError
from tailor_core.records import (
    Demonstration,
    Primitive,
    Problem,
    SelectionDecision,
    Verdict,
    canonical_json,
    content_id,
)
from tailor_core.stages.context import StageContext
from tailor_core.stages.piecework import make_table

Choose = Callable[
    [Sequence[Row], Grid, Mapping[str, EvaluationMatch], SelectionConfig], list[SelectionDecision]
]
"""One decision a row, sorted by demonstration id; see `curate`."""


def run(config: SelectionConfig, context: StageContext) -> dict[str, Any]:
    """Write selection.parquet, embeddings.parquet and metrics.json; StageError where nothing is kept."""
    return decide(config, context, partial(curate, seed=context.seed))


def decide(config: SelectionConfig, context: StageContext, choose: Choose) -> dict[str, Any]:
    """The same, with rows chosen in another way."""
    embedder = make_embedder(config.embedder, config.dimension)
    problems = read_records(context.inputs["problems"] / "problems.parquet", Problem)
    rows = _read_rows(context.inputs)
    embeddings = make_table(Embedding(config, context.inputs, context.seed), config, context, "embeddings")
    grid = on_grid(embeddings["embedding"].to_numpy())
    decisions = choose(rows, grid, _contaminated(problems, rows, config.contamination_threshold), config)
    funnel = _funnel(decisions)
    metrics = _measure(
        _describable(rows, grid), decisions, _accepted_primitives(context.inputs), context.seed
    )
    write_records(context.output / "selection.parquet", decisions, SelectionDecision)
    write_table(context.output / "embeddings.parquet", embeddings)
    _write_metrics(context.output / "metrics.json", embedder, metrics)
    return {
        "rows": {"selection": len(decisions), "embeddings": len(rows)},
        "funnel": funnel,
        "metrics": metrics,
        "kept_tokens": _tokens(rows, decisions),
    }


def _tokens(rows: Sequence[Row], decisions: Sequence[SelectionDecision]) -> int:
    """Words and marks of all kept rows; rows and decisions run in parallel."""
    pairs = zip(rows, decisions, strict=True)
    return sum(row.demonstration.tokens for row, decision in pairs if decision.kept)


def _read_rows(inputs: Mapping[str, Path]) -> list[Row]:
    """The demonstrations with verdict and difficulty, sorted by id."""
    table = read_table(inputs["problems"] / "problems.parquet").select("id", "difficulty")
    difficulty = dict(table.iter_rows())
    verdicts = {
        verdict.demonstration_id: verdict
        for verdict in read_records(inputs["verdicts"] / "verdicts.parquet", Verdict)
    }
    demonstrations = read_records(inputs["demonstrations"] / "demonstrations.parquet", Demonstration)
    rows = {}
    for demonstration in demonstrations:
        if demonstration.id in rows:
            raise InputError(
                f"demonstration id {demonstration.id!r} occurs twice in demonstrations.parquet; "
                "ids must be distinct"
            )
        if demonstration.problem_id not in difficulty:
            raise InputError(
                f"demonstration {demonstration.id!r} answers problem {demonstration.problem_id!r}, which is "
                "not in problems.parquet; use the problems that the demonstrations were made from"
            )
        rows[demonstration.id] = Row(
            demonstration=demonstration,
            verdict=verdicts.get(demonstration.id),
            difficulty=difficulty[demonstration.problem_id],
        )
    return [rows[i] for i in sorted(rows)]


def _contaminated(
    problems: Sequence[Problem], rows: Sequence[Row], threshold: float
) -> dict[str, EvaluationMatch]:
    """Id of each demonstrated problem that meets an evaluation problem -> that problem."""
    demonstrated = {row.demonstration.problem_id for row in rows}
    evaluation = [problem for problem in problems if problem.split != TRAIN_SPLIT]
    found = find_contamination(
        [problem for problem in problems if problem.id in demonstrated],
        evaluation,
        NearTextIndex(threshold, [problem.question for problem in evaluation], numbers=True),
    )
    return {
        problem_id: EvaluationMatch(problem_id=match.evaluation_id, similarity=match.similarity)
        for problem_id, match in found.items()
    }


def _accepted_primitives(inputs: Mapping[str, Path]) -> list[str]:
    primitives = read_records(inputs["primitives"] / "primitives.parquet", Primitive)
    return [primitive.id for primitive in primitives if primitive.screening.get("verdict") == "accepted"]


def _funnel(decisions: Sequence[SelectionDecision]) -> dict[str, Any]:
    """Rows in, kept, and dropped by rule; StageError where none is kept."""
    dropped = dict(sorted(Counter(d.rule for d in decisions if not d.kept).items()))
    kept = len(decisions) - sum(dropped.values())
    if not kept:
        raise StageError(
            f"selection kept none of {len(decisions)} demonstrations (dropped: {dropped!r}); make more "
            "demonstrations, or mend what drops most, in the recipe's [selection] or in the stage before"
        )
    return {"in": len(decisions), "kept": kept, "dropped": dropped}


def _describable(rows: Sequence[Row], grid: Any) -> Described:
    return Described(
        texts=[row.demonstration.think for row in rows],
        tokens=[row.demonstration.tokens for row in rows],
        primitives=[row.demonstration.primitive_id for row in rows],
        difficulties=[row.difficulty for row in rows],
        grid=grid,
    )


def _measure(
    rows: Described, decisions: Sequence[SelectionDecision], primitives: Sequence[str], seed: int
) -> dict[str, dict[str, float]]:
    """Metrics of all rows (`before`), of the kept ones (`after`), and of as many drawn at `random`.

    The random draw is from the rows that can be trained on: what a budget alone would have kept. Rows and
    decisions run in parallel.
    """
    kept = [i for i, decision in enumerate(decisions) if decision.kept]
    usable = [i for i, decision in enumerate(decisions) if decision.rule not in UNUSABLE]
    drawn = random.Random(content_id(["selection", "random", seed])).sample(usable, len(kept))
    difficulties = set(rows.difficulties)
    return {
        name: describe(part, primitives, difficulties)
        for name, part in (("before", rows), ("random", rows.subset(drawn)), ("after", rows.subset(kept)))
    }


class Embedding:
    """`demonstration_id` and `embedding` (a unit vector of its think block) of each demonstration, sorted by id."""

    def __init__(self, config: SelectionConfig, inputs: Mapping[str, Path], seed: int) -> None:
        self._config = config
        table = read_table(inputs["demonstrations"] / "demonstrations.parquet")
        self._rows = table.select("id", "think").sort("id")

    def __len__(self) -> int:
        return self._rows.height

    def make(self, rows: range) -> polars.DataFrame:
        part = self._rows[rows.start : rows.stop]
        vectors = self._embedder.embed(part["think"].to_list())
        return polars.DataFrame(
            {
                "demonstration_id": part["id"],
                "embedding": polars.Series(vectors, dtype=polars.Array(polars.Float32, vectors.shape[1])),
            }
        )

    @cached_property
    def _embedder(self) -> Embedder:
        return make_embedder(self._config.embedder, self._config.dimension)


def _write_metrics(path: Path, embedder: Embedder, metrics: Mapping[str, Mapping[str, float]]) -> None:
    text = canonical_json({"embedder": embedder.name, "dimension": embedder.dimension, **metrics})
    path.write_text(text + "\n", encoding="utf-8")

"""All figures that a study rests on, read from the artifacts of its finished trials.

One trial is read at a time, and of its completions only counts per problem, shares of moves and the vectors of a few
traces are kept, so that any number of trials fits in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import polars
from polars import col, lit

from tailor_core.artifacts.store import Store
from tailor_core.evaluation.moves import trace_of, usage
from tailor_core.records import content_id
from tailor_core.study.attribution import Attribution, Moves, attribute, tell_apart
from tailor_core.study.clusters import ClusterReader
from tailor_core.study.coverage import cover, draw_map, find_reference
from tailor_core.study.traces import DATA, TraceReader, TraceSet, draw
from tailor_core.study.trial_files import TrialFiles
from tailor_core.study.trials import Trial
from tailor_core.study.warm_start_data import WarmStartData, read_data
from tailor_core.training.layout import snapshot_step

Schema = Mapping[str, polars.DataType]

_TEXT, _WHOLE, _REAL = polars.String(), polars.Int64(), polars.Float64()
_TRIAL: Schema = {"arm": _TEXT, "backbone": _TEXT, "seed": _WHOLE}
_COUNTS: Schema = {"problem_id": _TEXT, "cluster": _TEXT, "samples": _WHOLE, "correct": _WHOLE}

SCHEMAS: Mapping[str, Schema] = {
    "answers": {
        **_TRIAL,
        "model": _TEXT,
        "split": _TEXT,
        "difficulty": _WHOLE,
        **_COUNTS,
        "sound": _WHOLE,
        "well_formed": _WHOLE,
        "tokens": _WHOLE,
    },
    "curve": {**_TRIAL, "step": _WHOLE, **_COUNTS, "tokens": _WHOLE},
    "wide": {**_TRIAL, "model": _TEXT, **_COUNTS},
    "training": {
        **_TRIAL,
        "step": _WHOLE,
        **dict.fromkeys(("reward", "kl", "entropy", "mean_length"), _REAL),
        "samples": _WHOLE,
        "tokens": _WHOLE,
    },
    "moves": {
        **_TRIAL,
        "model": _TEXT,
        "step": _WHOLE,
        "split": _TEXT,
        "move": _TEXT,
        "share": _REAL,
        "mean": _REAL,
    },
    "primitives": {
        **_TRIAL,
        "model": _TEXT,
        "step": _WHOLE,
        "split": _TEXT,
        "primitive": _TEXT,
        "share": _REAL,
        "accuracy": _REAL,
        "told": _REAL,
        "guessed": _REAL,
    },
    "data": {**_TRIAL, "content": _TEXT, "metric": _TEXT, "value": _REAL},
}
"""The columns of each frame that is read trial by trial."""

_LOGGED = {
    "reward": "reward",
    "kl": "kl",
    "entropy": "entropy",
    "mean_length": "completions/mean_length",
    "tokens": "num_tokens",
}
"""Column -> what TRL calls it."""
_BESIDES = [logged for logged in _LOGGED.values() if logged != "reward"]

_ANSWER = [
    "model",
    "split",
    "problem_id",
    "difficulty",
    "sample",
    "completion",
    "reward",
    "sound",
    "well_formed",
    "tokens",
    "moves",
]

_EMBEDDED = "test"
"""The split whose answers are embedded: its problems are like those that the warm start's data solve."""

_COUNTED = (
    polars.len().alias("samples"),
    (col("reward") == 1).sum().alias("correct"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Every frame has arm, backbone and seed; a trial that made no such thing has no rows in it.

    answers:  a row for each model (`base`, `warm_start`, `policy`), split and problem: how many samples, how many of
              them correct, correct by sound reasoning, and well formed, and the tokens of all; `cluster` is what
              problems solved alike share
    curve:    the same for the models along RL, by step; 0 is the start. On validation problems
    wide:     many samples of few problems, of the start and the policy
    training: a row for each step of RL: mean reward of its completions, KL to the start and entropy in nats a token
              (null where not logged), mean tokens of a completion, completions so far, and tokens so far, prompts'
              included
    moves:    the share of traces that show a move, and its mean count in a trace, by model and split; of the models
              along RL, which have a step; and of the `data` of the warm start, on the split `train`
    primitives: the share of traces that use a primitive of the trial's library, by model, step and split as `moves`,
              and of right answers among these (null where none uses it); `told` and `guessed` say how far to believe
              it (`attribution.Attribution`). Of trials with one primitive there are no rows
    data:     a row for each of `warm_start_data.METRICS` of each warm start's data; with the same `content` it is the
              same data
    coverage: a row for each kind of traces (`data`, `base`, `warm_start`, `policy`), measure (`coverage.MEASURES`) and
              size, the number of traces that the value is for
    map:      traces of each kind as points of a plane that all arms share
    """

    answers: polars.DataFrame
    curve: polars.DataFrame
    wide: polars.DataFrame
    training: polars.DataFrame
    moves: polars.DataFrame
    primitives: polars.DataFrame
    data: polars.DataFrame
    coverage: polars.DataFrame
    map: polars.DataFrame


def read_evidence(trials: Sequence[Trial], store: Store) -> Evidence:
    """The evidence of those trials that came to their end.

    ArtifactError where an artifact is missing, damaged or of another form; its sentence names trial, stage and key.
    """
    reader = _Reader(store)
    for trial in trials:
        if trial.refs:
            reader.read(trial)
    reference = find_reference(reader.sets)
    return Evidence(
        **reader.frames(), coverage=cover(reader.sets, reference), map=draw_map(reader.sets, reference)
    )


class _Reader:
    """Reads trials one after the other, and keeps what is left of each."""

    def __init__(self, store: Store) -> None:
        self.sets: list[TraceSet] = []
        self._store = store
        self._parts = {name: [polars.DataFrame(schema=schema)] for name, schema in SCHEMAS.items()}
        self._traces = TraceReader()
        self._clusters = ClusterReader()
        self._taught: dict[tuple[str, ...], tuple[WarmStartData, TraceSet, Attribution | None]] = {}

    def frames(self) -> dict[str, polars.DataFrame]:
        """What was read, frame by frame."""
        return {name: polars.concat(parts) for name, parts in self._parts.items()}

    def read(self, trial: Trial) -> None:
        """Read a trial that came to its end."""
        files = TrialFiles(trial, self._store)
        told_by = self._read_data(files) if files.makes("selection") else None
        self._read_answers(files, told_by)
        if files.has("evaluation", "curve.parquet"):
            self._read_curve(files, told_by)
        if files.has("evaluation", "wide.parquet"):
            rows = files.table("evaluation", "wide", ["model", "problem_id", "reward"])
            counted = rows.group_by("model", "problem_id", maintain_order=True).agg(_COUNTED)
            self._add("wide", trial, self._clustered(files, counted))
        self._add("training", trial, _training(files))

    def _read_data(self, files: TrialFiles) -> Attribution | None:
        """What the warm start was taught, and what tells its primitives apart.

        Trials that share it have it read once.
        """
        trial = files.trial
        content = tuple(files.manifest(name).digest for name in ("demonstrations", "verdicts", "selection"))
        if content not in self._taught:
            data = read_data(files)
            traces = self._traces.read(trial, DATA, data.kept["think"].to_list(), _verified(data.kept))
            self._taught[content] = data, traces, attribute(data.moves, _names(files, data.kept))
        data, traces, told_by = self._taught[content]
        self.sets.append(replace(traces, trial=trial))
        values = {"metric": list(data.metrics), "value": list(data.metrics.values())}
        self._add(
            "data", trial, polars.DataFrame(values).with_columns(content=lit(content_id(list(content))))
        )
        self._add("moves", trial, _usage(data.moves).with_columns(model=lit(DATA), split=lit("train")))
        if told_by:
            used = _primitives(told_by, data.moves, _verified(data.kept))
            self._add("primitives", trial, used.with_columns(model=lit(DATA), split=lit("train")))
        return told_by

    def _read_answers(self, files: TrialFiles, told_by: Attribution | None) -> None:
        trial = files.trial
        rows = files.table("evaluation", "evaluation", _ANSWER)
        by = ("model", "split", "problem_id", "difficulty")
        counted = rows.group_by(by, maintain_order=True).agg(
            *_COUNTED, col("sound", "well_formed", "tokens").sum()
        )
        self._add("answers", trial, self._clustered(files, counted))
        self._add("moves", trial, _usage_by(rows))
        if told_by:
            self._add("primitives", trial, _primitives_by(told_by, rows.filter(split=_EMBEDDED)))
        for (model,), part in rows.filter(split=_EMBEDDED).group_by("model", maintain_order=True):
            seen = draw(part, ["problem_id", "sample"])
            texts = [trace_of(completion) for completion in seen["completion"]]
            self.sets.append(self._traces.read(trial, str(model), texts, _verified(seen)))

    def _read_curve(self, files: TrialFiles, told_by: Attribution | None) -> None:
        trial = files.trial
        rows = files.table(
            "evaluation", "curve", ["model", "split", "problem_id", "reward", "tokens", "moves"]
        )
        step = col("model").map_elements(snapshot_step, return_dtype=_WHOLE)
        counted = rows.group_by("model", "problem_id", maintain_order=True).agg(
            *_COUNTED, col("tokens").sum()
        )
        self._add("curve", trial, self._clustered(files, counted).with_columns(step=step))
        self._add("moves", trial, _usage_by(rows).with_columns(step=step))
        if told_by:
            self._add("primitives", trial, _primitives_by(told_by, rows).with_columns(step=step))

    def _clustered(self, files: TrialFiles, counted: polars.DataFrame) -> polars.DataFrame:
        return counted.join(
            self._clusters.read(files), on="problem_id", how="left", validate="m:1", maintain_order="left"
        ).with_columns(col("cluster").fill_null(col("problem_id")))

    def _add(self, name: str, trial: Trial, rows: polars.DataFrame) -> None:
        """Rows of a trial; columns that they lack are null."""
        schema = SCHEMAS[name]
        lacking = [lit(None).alias(column) for column in schema if column not in rows.columns]
        named = rows.with_columns(*lacking).with_columns(
            arm=lit(trial.arm), backbone=lit(trial.backbone), seed=lit(trial.seed)
        )
        self._parts[name].append(named.select(col(column).cast(kind) for column, kind in schema.items()))


def _verified(rows: polars.DataFrame) -> list[bool]:
    """Which rows earned the reward; none without a verdict."""
    return [reward == 1 for reward in rows["reward"]]


def _usage_by(rows: polars.DataFrame) -> polars.DataFrame:
    """How much each move is used, by model and split."""
    parts = [
        _usage(json.loads(moves) for moves in part["moves"]).with_columns(model=lit(model), split=lit(split))
        for (model, split), part in rows.group_by("model", "split", maintain_order=True)
    ]
    return polars.concat(parts) if parts else polars.DataFrame(schema=["model"])


def _usage(traces: Iterable[Mapping[str, int]]) -> polars.DataFrame:
    """A row for each move that some trace shows."""
    found = usage(traces)
    return polars.DataFrame(
        {
            "move": list(found),
            "share": [one["share"] for one in found.values()],
            "mean": [one["mean"] for one in found.values()],
        },
        schema={"move": _TEXT, "share": _REAL, "mean": _REAL},
    )


def _names(files: TrialFiles, kept: polars.DataFrame) -> list[str]:
    """What the primitive of each kept trace is called; its id where the library has no name for it."""
    library = files.table("primitives", "primitives", ["id", "name"]) if files.makes("primitives") else None
    names = tell_apart(dict(library.iter_rows())) if library is not None else {}
    return [names.get(primitive, primitive) for primitive in kept["primitive_id"]]


def _primitives_by(told_by: Attribution, rows: polars.DataFrame) -> polars.DataFrame:
    """How much each primitive is used, by model and split."""
    parts = [
        _primitives(told_by, [json.loads(moves) for moves in part["moves"]], _verified(part)).with_columns(
            model=lit(model), split=lit(split)
        )
        for (model, split), part in rows.group_by("model", "split", maintain_order=True)
    ]
    return polars.concat(parts) if parts else polars.DataFrame(schema=["model"])


def _primitives(told_by: Attribution, moves: Sequence[Moves], right: Sequence[bool]) -> polars.DataFrame:
    """A row for each primitive that the classifier knows."""
    used = polars.DataFrame({"primitive": told_by.primitives_of(moves), "right": right})
    counted = used.group_by("primitive").agg(
        (polars.len() / len(moves)).alias("share"), col("right").mean().alias("accuracy")
    )
    known = polars.DataFrame({"primitive": told_by.known}, schema={"primitive": _TEXT})
    return known.join(counted, on="primitive", how="left", maintain_order="left").with_columns(
        col("share").fill_null(0.0), told=lit(told_by.told), guessed=lit(told_by.guessed)
    )


def _training(files: TrialFiles) -> polars.DataFrame:
    """The steps of RL."""
    log = files.table("policy", "training_log", ["step", "reward"], besides=_BESIDES)
    config = files.manifest("policy").spec["config"]
    completions = int(config["prompts_per_step"]) * int(config["num_generations"])
    named = {column: logged for column, logged in _LOGGED.items() if logged in log.columns}
    return (
        log.rename({logged: column for column, logged in named.items()})
        .filter(col("reward").is_not_null())
        .with_columns(samples=col("step").cast(_WHOLE) * completions)
    )

"""Turns evaluation rows into `summary.json`, the figures that the report and the closing table show.

The layout (all shares in [0, 1], tokens in tokens, entropy in nats a token, floats rounded to 6 digits):

    {
      "settings":    {"samples_per_problem": 4, "temperature": 1.0, "top_p": 1.0, "max_tokens": 512,
                      "problems_per_split": 200, "confidence": 0.95},
      "splits":      ["test", "ood_people_5", ...],           # in the order to show them
      "models":      {"base": {"splits": {"test": BLOCK, ...}}, "warm_start": ..., "policy": ...},
      "comparisons": [COMPARISON, ...],                       # each later model against each earlier one
      "moves":       {"base": {"test": {"assume": {"share": 0.4, "mean": 0.9}, ...}, ...}, ...}
    }

    BLOCK      = GROUP plus "by_difficulty": {"2": GROUP, "3": GROUP, ...}       (keys in ascending order)
    GROUP      = {"problems": 200, "skeletons": 200, "samples": 800,
                  "pass@1": INTERVAL,                # mean over problems of the share of correct samples
                  "pass@k": {"1": INTERVAL, "4": INTERVAL},
                  "sound_rate": INTERVAL,            # completions that are right by sound reasoning, step by step
                  "format_rate": INTERVAL,           # completions that read as think block and answer
                  "finished": 0.97,                  # share that ended by itself within max_tokens
                  "mean_tokens": 131.2, "mean_tokens_correct": 120.4 | null, "entropy": 0.31,
                  "reasons": {"correct": 412, "wrong answer": 300, ...}}         (most frequent first)
    INTERVAL   = {"value": 0.52, "low": 0.47, "high": 0.57, "method": "bootstrap" | "wilson"}
    COMPARISON = {"model": "policy", "against": "warm_start", "split": "test", "problems": 200,
                  "difference": INTERVAL,            # pass@1 of model minus pass@1 of against, paired
                  "p_value": 0.0005,                 # two-sided sign-flip test on the same problems
                  "separate": true}                  # the two pass@1 intervals do not overlap

"moves" has the share of traces that show a move at least once and the mean count in a trace; its keys are the
ones of `tailor_core.evaluation.moves` (`voice:...` keys tell the wording), and absent means never seen.
Intervals resample problems, not samples, for the samples of one problem stand or fall together, and of problems with
the same solution skeleton all at once (`intervals`); where all problems score alike a bootstrap has no width, and
Wilson's interval with one trial a problem is given.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from tailor_core.config.evaluation import EvaluationConfig
from tailor_core.evaluation.intervals import (
    Floats,
    Interval,
    difference_interval,
    mean_intervals,
    paired_p_value,
    rounded,
)
from tailor_core.evaluation.moves import usage
from tailor_core.evaluation.pass_at_k import pass_at_k
from tailor_core.records import EvaluationRow, content_id

CORRECT = "correct"
"""Where the reasons count the completions that earned the reward."""


def summarise(
    rows: Iterable[EvaluationRow],
    config: EvaluationConfig,
    seed: int,
    skeletons: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The summary of all rows; models and splits keep the order in which they first appear.

    `skeletons` has that of each problem, by id (`skeletons`); without it every problem stands alone.
    """
    cells: dict[str, dict[str, list[EvaluationRow]]] = {}
    for row in rows:
        cells.setdefault(row.model, {}).setdefault(row.split, []).append(row)
    figures = _Figures(config, seed, skeletons or {})
    models = {
        model: {"splits": {split: figures.block(part, [model, split]) for split, part in splits.items()}}
        for model, splits in cells.items()
    }
    return {
        "settings": config.model_dump(mode="json", include=_SETTINGS),
        "splits": list(dict.fromkeys(split for splits in cells.values() for split in splits)),
        "models": models,
        "comparisons": figures.comparisons(cells, models),
        "moves": {
            model: {split: usage([row.moves for row in part]) for split, part in splits.items()}
            for model, splits in cells.items()
        },
    }


_SETTINGS = {
    "samples_per_problem",
    "temperature",
    "top_p",
    "max_tokens",
    "problems_per_split",
    "confidence",
}


@dataclass(frozen=True, slots=True)
class _PerProblem:
    """Counts of each problem, all of shape [P], problems in order of id."""

    ids: list[str]
    samples: Floats
    correct: Floats
    sound: Floats
    well_formed: Floats


def _per_problem(rows: Sequence[EvaluationRow]) -> _PerProblem:
    counts: dict[str, list[int]] = {}
    for row in rows:
        count = counts.setdefault(row.problem_id, [0, 0, 0, 0])
        count[0] += 1
        count[1] += row.reward == 1
        count[2] += row.sound
        count[3] += row.well_formed
    ids = sorted(counts)
    table = numpy.array([counts[i] for i in ids], dtype=numpy.float64)
    return _PerProblem(ids, *table.T)


class _Figures:
    """The figures of groups of rows, each with random numbers of its own that follow from seed and name."""

    def __init__(self, config: EvaluationConfig, seed: int, skeletons: Mapping[str, str]) -> None:
        self.config = config
        self.seed = seed
        self._skeletons = skeletons

    def _clusters(self, ids: Iterable[str]) -> list[str]:
        return [self._skeletons.get(identity, identity) for identity in ids]

    def _rng(self, name: Sequence[str]) -> numpy.random.Generator:
        return numpy.random.default_rng(int(content_id(["interval", self.seed, *name]), 16))

    def block(self, rows: Sequence[EvaluationRow], name: Sequence[str]) -> dict[str, Any]:
        """A GROUP of all rows and of each difficulty."""
        levels = sorted({row.difficulty for row in rows})
        by_difficulty = {
            str(level): self.group([row for row in rows if row.difficulty == level], [*name, str(level)])
            for level in levels
        }
        return {**self.group(rows, name), "by_difficulty": by_difficulty}

    def group(self, rows: Sequence[EvaluationRow], name: Sequence[str]) -> dict[str, Any]:
        """The figures of one GROUP."""
        found = _per_problem(rows)
        columns = [count / found.samples for count in (found.correct, found.sound, found.well_formed)]
        columns += [pass_at_k(found.samples, found.correct, k) for k in self.config.ks]
        clusters = self._clusters(found.ids)
        accuracy, sound, well_formed, *passes = mean_intervals(
            numpy.stack(columns, axis=1),
            self._rng(name),
            resamples=self.config.resamples,
            confidence=self.config.confidence,
            clusters=clusters,
        )
        tokens = sum(row.tokens for row in rows)
        lengths = [row.tokens for row in rows if row.reward == 1]
        return {
            "problems": len(found.ids),
            "skeletons": len(set(clusters)),
            "samples": len(rows),
            "pass@1": accuracy.to_json(),
            "pass@k": {str(k): one.to_json() for k, one in zip(self.config.ks, passes, strict=True)},
            "sound_rate": sound.to_json(),
            "format_rate": well_formed.to_json(),
            "finished": rounded(sum(row.finished for row in rows) / len(rows)),
            "mean_tokens": rounded(tokens / len(rows)),
            "mean_tokens_correct": rounded(sum(lengths) / len(lengths)) if lengths else None,
            "entropy": rounded(sum(row.entropy * row.tokens for row in rows) / max(1, tokens)),
            "reasons": _reasons(rows),
        }

    def comparisons(
        self, cells: dict[str, dict[str, list[EvaluationRow]]], models: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Each later model against each earlier one, split by split, on the problems that both answered."""
        found = []
        for against, model in itertools.combinations(cells, 2):
            for split in cells[model]:
                if split in cells[against]:
                    one = self._compare(cells[model][split], cells[against][split], [model, against, split])
                    limits = [models[name]["splits"][split]["pass@1"] for name in (model, against)]
                    separate = limits[0]["low"] > limits[1]["high"] or limits[1]["low"] > limits[0]["high"]
                    found.append(
                        {"model": model, "against": against, "split": split, **one, "separate": separate}
                    )
        return found

    def _compare(
        self, rows: Sequence[EvaluationRow], others: Sequence[EvaluationRow], name: Sequence[str]
    ) -> dict[str, Any]:
        mine, theirs = _shares(rows), _shares(others)
        shared = [i for i in mine if i in theirs]
        first = numpy.array([mine[i] for i in shared])
        second = numpy.array([theirs[i] for i in shared])
        rng, resamples = self._rng(["comparison", *name]), self.config.resamples
        clusters = self._clusters(shared)
        difference: Interval = difference_interval(
            first, second, rng, resamples=resamples, confidence=self.config.confidence, clusters=clusters
        )
        return {
            "problems": len(shared),
            "difference": difference.to_json(),
            "p_value": rounded(paired_p_value(first, second, rng, resamples=resamples, clusters=clusters)),
        }


def _shares(rows: Sequence[EvaluationRow]) -> dict[str, float]:
    """The share of correct samples of each problem, in order of id."""
    found = _per_problem(rows)
    return dict(zip(found.ids, (found.correct / found.samples).tolist(), strict=True))


def _reasons(rows: Sequence[EvaluationRow]) -> dict[str, int]:
    counts = Counter(CORRECT if row.reward == 1 else row.reason for row in rows)
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

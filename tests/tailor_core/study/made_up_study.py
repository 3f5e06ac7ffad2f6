"""Evidence of a study whose truth is known: an arm's chance of a right answer, moved by seed and problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
import polars

from tailor_core.study.evidence import Evidence

TEXT, WHOLE, REAL = polars.String(), polars.Int64(), polars.Float64()
TRIAL = {"arm": TEXT, "backbone": TEXT, "seed": WHOLE}
COUNTS = {"problem_id": TEXT, "cluster": TEXT, "samples": WHOLE, "correct": WHOLE}
SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "answers": {
        **TRIAL, "model": TEXT, "split": TEXT, "difficulty": WHOLE, **COUNTS, "sound": WHOLE,
        "well_formed": WHOLE, "tokens": WHOLE,
    },
    "curve": {**TRIAL, "step": WHOLE, **COUNTS, "tokens": WHOLE},
    "wide": {**TRIAL, "model": TEXT, **COUNTS},
    "training": {
        **TRIAL, "step": WHOLE, "reward": REAL, "kl": REAL, "entropy": REAL, "mean_length": REAL,
        "samples": WHOLE, "tokens": WHOLE,
    },
    "data": {**TRIAL, "content": TEXT, "metric": TEXT, "value": REAL},
}  # fmt: skip


def evidence(**frames: polars.DataFrame) -> Evidence:
    """These frames, and empty ones for all others."""
    empty = {name: polars.DataFrame(schema=schema) for name, schema in SCHEMAS.items()}
    bare = {name: polars.DataFrame(schema=TRIAL) for name in ("moves", "primitives", "coverage", "map")}
    return Evidence(**{**empty, **bare, **frames})


def frame(name: str, rows: Sequence[Mapping[str, Any]]) -> polars.DataFrame:
    made = polars.DataFrame(list(rows), schema=SCHEMAS[name])
    if "cluster" not in made.columns:
        return made
    return made.with_columns(polars.col("cluster").fill_null(polars.col("problem_id")))


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The accuracies of an arm's models; `warm_start` None: RL begins at the base model.

    data: the arm whose data it is fine-tuned on; its own, where that is empty
    """

    warm_start: float | None = 0.4
    policy: float = 0.6
    diversity: float | None = 1.0
    seeds: Sequence[int] = (1, 2, 3)
    data: str = ""


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """A study in which problems and seeds move the chance of a right answer by normal amounts."""

    arms: Mapping[str, Arm]
    problems: int = 60
    samples: int = 4
    seed_std: float = 0.03
    problem_std: float = 0.15
    steps: Sequence[int] = (0, 10, 20, 30)
    splits: Sequence[str] = ("test", "ood_people_4")
    rng: numpy.random.Generator = field(default_factory=lambda: numpy.random.default_rng(0))

    def evidence(self) -> Evidence:
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
        hardness = self.rng.normal(0, self.problem_std, self.problems)
        for name, arm in self.arms.items():
            for seed in arm.seeds:
                trial = {"arm": name, "backbone": "tiny", "seed": seed}
                luck = self.rng.normal(0, self.seed_std)
                start = ("warm_start", arm.warm_start) if arm.warm_start is not None else ("base", 0.02)
                models = {"base": 0.02, start[0]: start[1], "policy": arm.policy}
                for model, chance in models.items():
                    for split in self.splits:
                        right = self._right(
                            chance if split == "test" else chance / 4, luck, hardness, self.samples
                        )
                        rows["answers"] += [
                            {
                                **trial, "model": model, "split": split, "difficulty": 2 + number % 2,
                                "problem_id": f"{split}-{number}", "samples": self.samples, "correct": count,
                                "sound": count // 2, "well_formed": self.samples, "tokens": 30 * self.samples,
                            }
                            for number, count in enumerate(right)
                        ]  # fmt: skip
                for step in self.steps:
                    part = step / self.steps[-1]
                    chance = start[1] + part * (arm.policy - start[1])
                    right = self._right(chance, luck, hardness, 2)
                    rows["curve"] += [
                        {
                            **trial,
                            "step": step,
                            "problem_id": f"v-{number}",
                            "samples": 2,
                            "correct": count,
                            "tokens": 60,
                        }
                        for number, count in enumerate(right)
                    ]
                for model in [name for name in (start[0], "policy") if name != "base"]:
                    right = self._right(models[model], luck, hardness[:16], 64)
                    rows["wide"] += [
                        {
                            **trial,
                            "model": model,
                            "problem_id": f"test-{number}",
                            "samples": 64,
                            "correct": count,
                        }
                        for number, count in enumerate(right)
                    ]
                rows["training"] += [
                    {
                        **trial, "step": step, "reward": 0.5, "kl": 0.1, "entropy": 0.2, "mean_length": 50.0,
                        "samples": 16 * step, "tokens": 800 * step,
                    }
                    for step in range(1, self.steps[-1] + 1)
                ]  # fmt: skip
                if arm.diversity is not None:
                    made = {**trial, "content": f"{arm.data or name} {seed}"}
                    rows["data"].append(
                        {**made, "metric": "vendi_score", "value": arm.diversity + 0.01 * seed}
                    )
                    rows["data"].append({**made, "metric": "rows", "value": 100.0})
        return evidence(**{name: frame(name, entries) for name, entries in rows.items()})

    def _right(self, chance: float, luck: float, hardness: numpy.ndarray, samples: int) -> list[int]:
        return self.rng.binomial(samples, numpy.clip(chance + luck + hardness, 0, 1)).tolist()

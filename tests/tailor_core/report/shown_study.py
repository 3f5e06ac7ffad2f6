"""A study that never ran: two backbones, arms, a sweep, three seeds, a trial that failed, and hostile text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy
import polars

from tailor_core.artifacts.refs import ArtifactRef, artifact_uri
from tailor_core.records import content_id
from tailor_core.report.study import Sweep
from tailor_core.study.coverage import COVERAGE, MAP
from tailor_core.study.evidence import SCHEMAS, Evidence
from tailor_core.study.results import StudyResults, summarise_study
from tailor_core.study.trials import Trial

HOSTILE = "<script>alert('x')</script> & 100% of_$x^2$ {a}~\\b\u202e"
REASON = "</td><img src=x onerror=alert(1)> stage 'policy' ran out of memory & ended"
BACKBONES = ("tiny", "org/model_<b>bold</b>")
SEEDS = (7, 8, 9)
METHODS = {"tailor": 0.20, "rule-based": 0.10, "none": 0.0}
STEPS = (0, 10, 20, 30)
MOVES = ("assume", "verify", "backtrack", "set_subgoal", "conclude", "voice:plain")
PRIMITIVES = ("guess all, clause by clause", "afresh after failures", HOSTILE)
FAILED = ("rule-based", BACKBONES[1], 9)
SPLITS = {"test": (2, 3), "ood_people_4": (4,)}
PROBLEMS = 12
METRICS_MADE = ("rows", "tokens", "vendi_score", "pass_rate")
MEASURES_MADE = ("ngram_states", "embedding_cells")
TARGET = 0.4


@dataclass(frozen=True)
class MadeUp:
    """All that `write_study` is given."""

    title: str
    description: str
    trials: tuple[Trial, ...]
    evidence: Evidence
    results: StudyResults
    sweeps: tuple[Sweep, ...]
    titles: dict[str, str]


def make_study(
    methods: Mapping[str, float] = METHODS,
    backbones: Sequence[str] = BACKBONES,
    problems: int = PROBLEMS,
    seeds: Sequence[int] = SEEDS,
) -> MadeUp:
    """The study; `methods` has how much better the models of each are. An ablation and a sweep of KL come on top."""
    first = next(iter(methods))
    arms = {name: (name, better) for name, better in methods.items()}
    arms["without-diversity"] = (first, methods[first] - 0.08)
    arms |= {f"kl={value}": (first, methods[first] - value) for value in (0.0, 0.02)}
    trials = tuple(
        _trial(arm, method, backbone, seed)
        for arm, (method, _) in arms.items()
        for backbone in backbones
        for seed in seeds
    )
    made = _frames(
        [t for t in trials if t.refs], {arm: better for arm, (_, better) in arms.items()}, problems
    )
    sweep = Sweep(
        name="kl",
        title="weight of the KL",
        values={0.0: "kl=0.0", 0.005: first, 0.02: "kl=0.02"},
        default=0.005,
    )
    return MadeUp(
        title="made-up study " + HOSTILE,
        description="Four arms that were never run " + HOSTILE,
        trials=trials,
        evidence=made,
        results=summarise_study(made, first, TARGET),
        sweeps=(sweep,),
        titles={"without-diversity": HOSTILE},
    )


def _trial(arm: str, method: str, backbone: str, seed: int) -> Trial:
    failed = (arm, backbone, seed) == FAILED
    stages = ["problems", "policy", "evaluation"]
    if method != "none":
        stages.insert(1, "selection")
    refs = {}
    for stage in stages:
        key, digest = (content_id([stage, arm, backbone, seed, what], length=64) for what in "kd")
        refs[stage] = ArtifactRef(stage=stage, key=key, digest=digest, uri=artifact_uri(stage, key))
    return Trial(
        arm=arm,
        method=method,
        backbone=backbone,
        seed=seed,
        overrides=(f"seed={seed}",),
        command=("run", "kk-tiny", "--set", f"seed={seed}", "--set", f"backbone.name={backbone}"),
        refs={} if failed else refs,
        reason=REASON if failed else "",
        times={} if failed else {"policy": 60.0, "evaluation": 40.0 + seed},
        mlflow=f"http://127.0.0.1:5000/#/experiments/1/runs/{seed}" if seed == 7 else f"run{seed}",
    )


def _frames(trials: Sequence[Trial], better: Mapping[str, float], problems: int) -> Evidence:
    makers = {
        "answers": partial(_answers, problems=problems),
        "curve": partial(_curve, problems=problems),
        "wide": partial(_wide, problems=problems),
        "training": _training,
        "moves": _moves,
        "primitives": _primitives,
        "data": _data,
        "coverage": _coverage,
        "map": _map,
    }
    schemas = {**SCHEMAS, "coverage": COVERAGE, "map": MAP}
    frames = {}
    for name, maker in makers.items():
        rows = []
        for trial in trials:
            who = {"arm": trial.arm, "backbone": trial.backbone, "seed": trial.seed}
            rng = numpy.random.default_rng(int(content_id([name, *who.values()])[:8], 16))
            rows += [{**who, **row} for row in maker(trial, better[trial.arm], rng)]
        frames[name] = polars.DataFrame(rows, schema=schemas[name])
    return Evidence(**frames)


def _models(trial: Trial) -> tuple[str, ...]:
    return ("base", "policy") if trial.method == "none" else ("base", "warm_start", "policy")


def _level(model: str, better: float) -> float:
    return {"base": 0.05, "warm_start": 0.3 + better / 2, "policy": 0.4 + better}[model]


Rng = numpy.random.Generator
Rows = Iterator[dict[str, Any]]


def _answers(trial: Trial, better: float, rng: Rng, problems: int) -> Rows:
    for model in _models(trial):
        for split, levels in SPLITS.items():
            for problem in range(problems):
                difficulty = levels[problem % len(levels)]
                chance = numpy.clip(
                    _level(model, better) - 0.08 * (difficulty - 2) + rng.normal(0, 0.1), 0, 1
                )
                yield {
                    "model": model,
                    "split": split,
                    "problem_id": f"{split}-{problem:03}",
                    "cluster": f"{split}-{problem if split == 'test' else problem // 2:03}",
                    "difficulty": difficulty,
                    "samples": 4,
                    "correct": (right := int(rng.binomial(4, chance))),
                    "sound": int(rng.binomial(right, 0.8)),
                    "well_formed": 4 - int(rng.integers(0, 2)),
                    "tokens": int(rng.integers(300, 500)),
                }


def _curve(trial: Trial, better: float, rng: Rng, problems: int) -> Rows:
    start = _level(_models(trial)[-2], better)
    for step in STEPS:
        for problem in range(problems):
            chance = start + (_level("policy", better) - start) * step / STEPS[-1]
            yield {
                "step": step,
                "problem_id": f"validation-{problem:03}",
                "cluster": f"validation-{problem:03}",
                "samples": 4,
                "correct": int(rng.binomial(4, min(1, max(0, chance + rng.normal(0, 0.1))))),
                "tokens": int(rng.integers(300, 500)),
            }


def _wide(trial: Trial, better: float, rng: Rng, problems: int) -> Rows:
    for model in _models(trial)[-2:]:
        for problem in range(min(8, problems)):
            chance = rng.beta(0.6, 1.2) * (1 if model == "policy" else 0.6)
            yield {
                "model": model,
                "problem_id": f"wide-{problem}",
                "cluster": f"wide-{problem}",
                "samples": 64,
                "correct": int(rng.binomial(64, chance)),
            }


def _training(trial: Trial, better: float, rng: Rng) -> Rows:
    for step in range(1, STEPS[-1] + 1):
        yield {
            "step": step,
            "reward": 0.3 + better * step / STEPS[-1] + rng.normal(0, 0.05),
            "kl": 0.001 * step + abs(rng.normal(0, 0.002)),
            "entropy": 0.4 - 0.005 * step + rng.normal(0, 0.01),
            "mean_length": 90 + step / 3 + rng.normal(0, 3),
            "samples": 64 * step,
            "tokens": 64 * step * 150,
        }


def _moves(trial: Trial, better: float, rng: Rng) -> Rows:
    places: list[tuple[str, int | None, str]] = [] if trial.method == "none" else [("data", None, "train")]
    places += [(model, None, "test") for model in _models(trial)]
    places += [(f"step-{step:06}", step, "validation") for step in STEPS]
    for model, step, split in places:
        for move in MOVES:
            share = float(numpy.clip(rng.beta(2, 2) + better, 0, 1))
            yield {
                "model": model,
                "step": step,
                "split": split,
                "move": move,
                "share": share,
                "mean": 2 * share,
            }


def _primitives(trial: Trial, better: float, rng: Rng) -> Rows:
    if trial.method != "tailor":
        return
    places: list[tuple[str, int | None, str]] = [("data", None, "train")]
    places += [(model, None, "test") for model in ("warm_start", "policy")]
    places += [(f"step-{step:06}", step, "validation") for step in STEPS]
    for model, step, split in places:
        shares = rng.dirichlet([2.0] * len(PRIMITIVES))
        for primitive, share in zip(PRIMITIVES, shares, strict=True):
            yield {
                "model": model,
                "step": step,
                "split": split,
                "primitive": primitive,
                "share": float(share),
                "accuracy": None if primitive == PRIMITIVES[-1] else float(rng.beta(2, 2)),
                "told": 0.9 if trial.seed == SEEDS[0] else 0.95,
                "guessed": 0.4,
            }


def _data(trial: Trial, better: float, rng: Rng) -> Rows:
    if trial.method != "none":
        for place, metric in enumerate(METRICS_MADE):
            yield {
                "content": f"{trial.arm} {trial.seed}",
                "metric": metric,
                "value": (place + 1) * (1 + better + rng.normal(0, 0.02)),
            }


def _coverage(trial: Trial, better: float, rng: Rng) -> Rows:
    for what in (*(() if trial.method == "none" else ("data",)), *_models(trial)):
        for measure in MEASURES_MADE:
            for size in (10, 20, 50, 100) if what != "data" else (10, 20, 50):
                value = size**0.6 * (1 + better) * (1 + rng.normal(0, 0.03))
                yield {"what": what, "measure": measure, "size": size, "value": value}


def _map(trial: Trial, better: float, rng: Rng) -> Rows:
    for what in (*(() if trial.method == "none" else ("data",)), *_models(trial)):
        for _ in range(20):
            yield {"x": rng.normal(5 * better, 1), "y": rng.normal(0, 1), "what": what}

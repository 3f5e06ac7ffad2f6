"""The artifacts of a run that never was: realistic in form, with figures that tests know by heart."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.manifest import (
    MANIFEST,
    Manifest,
    content_digest,
    describe_files,
    describe_tables,
    list_files,
)
from tailor_core.artifacts.tables import write_records, write_table
from tailor_core.records import (
    Demonstration,
    EvaluationRow,
    Primitive,
    Problem,
    Record,
    SelectionDecision,
    SFTExample,
    Verdict,
    content_id,
)

INPUTS = {
    "problems": (),
    "backbone": (),
    "probe": ("problems", "backbone"),
    "primitives": ("problems", "probe"),
    "demonstrations": ("problems", "primitives"),
    "verdicts": ("problems", "demonstrations"),
    "selection": ("problems", "primitives", "demonstrations", "verdicts"),
    "sft_dataset": ("problems", "demonstrations", "selection"),
    "warm_start": ("backbone", "sft_dataset"),
    "policy": ("warm_start", "problems"),
    "evaluation": ("problems", "backbone", "warm_start", "policy"),
}
ACCURACY = {
    "base": {
        "test": (0.031, 0.018, 0.046),
        "ood_people_4": (0.004, 0.0, 0.011),
        "ood_people_5": (0.0, 0.0, 0.009),
    },
    "warm_start": {
        "test": (0.482, 0.437, 0.527),
        "ood_people_4": (0.213, 0.171, 0.258),
        "ood_people_5": (0.088, 0.062, 0.119),
    },
    "policy": {
        "test": (0.664, 0.621, 0.709),
        "ood_people_4": (0.377, 0.329, 0.431),
        "ood_people_5": (0.171, 0.133, 0.212),
    },
}
LEVELS = {"test": (2, 3), "ood_people_4": (4,), "ood_people_5": (5,)}
MOVES = ("assume", "derive", "claim", "contradiction", "reject", "judge", "check", "done", "open", "retract")
WAYS = (
    (
        "assume knight, test eagerly, check claims",
        "Assume that a person is a knight, follow what that implies, and drop the assumption at the first "
        "conflict. Check each claim at the end.",
    ),
    (
        "fewest unknowns first, cite claims",
        "Turn to the person whose claim leaves the fewest open. Cite the claims of people who are placed.",
    ),
    (
        "pairs before cases",
        "Look for two people who accuse each other, or who vouch for one another, before any assumption.",
    ),
    (
        "both cases, keep what they share",
        "Explore both roles of a person and keep what holds in either case.",
    ),
    (
        "backward from the person asked",
        "Ask who talks about the person in question, and work backward from there.",
    ),
    ("slip and recover", "Make a quick step, notice that it does not follow, take it back, and go on."),
)
THINK = (
    "I need to place {0} and {1}. Suppose {0} were a knight. "
    "{0} is a knight; {0} said that {1} is a knave, which holds. So {1} must be a knave. "
    "{1} said that {0} is a knave, which is false: {1} must be a knave. All claims fit."
)
NAMES = ("Zoey", "Ella", "Liam", "Noah", "Ava", "Owen", "Ruth", "Hugo")


def make_run(root: Path, *, problems: int = 24, each: int = 8, steps: int = 60) -> dict[str, Path]:
    """Write all artifacts under `root`; product -> directory. Equal arguments, equal bytes."""
    rng = random.Random(5)
    puzzles = [_problem(i, rng) for i in range(problems)]
    ways = _primitives()
    accepted = [p for p in ways if p.screening["verdict"] == "accepted"]
    traces = [_demonstration(p, puzzles[i % problems], i) for p in accepted for i in range(each)]
    traces.sort(key=lambda trace: trace.id)
    decisions = _decisions(traces)
    kept = sum(d.kept for d in decisions)
    dropped: dict[str, int] = {}
    for decision in decisions:
        if not decision.kept:
            dropped[decision.rule] = dropped.get(decision.rule, 0) + 1
    tables: dict[str, Mapping[str, list[Any]]] = {
        "problems": {"problems": puzzles},
        "probe": {"completions": _evaluation(puzzles, ["base"], rng)},
        "primitives": {"primitives": ways},
        "demonstrations": {"demonstrations": traces},
        "verdicts": {
            "verdicts": [Verdict(demonstration_id=t.id, reward=1.0, checks={}, reason="") for t in traces]
        },
        "selection": {"selection": decisions},
        "sft_dataset": {"sft_dataset": _examples(traces, decisions)},
        "evaluation": {"evaluation": _evaluation(puzzles, list(ACCURACY), rng)},
    }
    funnels = {
        "problems": (problems, problems, {}),
        "probe": (96, 3, {"wrong answer": 61, "no answer block": 32}),
        "primitives": (len(ways), len(accepted), {"novelty": 2, "quality": 1}),
        "demonstrations": (len(traces), len(traces), {}),
        "verdicts": (len(traces), len(traces), {}),
        "selection": (len(traces), kept, dropped),
        "sft_dataset": (len(traces), kept, {"not_selected": len(traces) - kept}),
    }
    directories: dict[str, Path] = {}
    for product in INPUTS:
        directory = root / product
        directory.mkdir(parents=True)
        rows = {
            name: write_records(directory / f"{name}.parquet", r)
            for name, r in tables.get(product, {}).items()
        }
        _extra_files(product, directory, traces, steps)
        summary: dict[str, Any] = {"rows": rows, "metrics": {}}
        if product in funnels:
            entered, left, reasons = funnels[product]
            summary["funnel"] = {"in": entered, "kept": left, "dropped": reasons}
        directories[product] = directory
        write_manifest(product, directory, summary, directories)
    return directories


def write_manifest(product: str, directory: Path, summary: Any, directories: Mapping[str, Path]) -> Manifest:
    """Describe what lies in `directory`, as the store would."""
    inputs = {name: read_manifest(directories[name]) for name in INPUTS[product]}
    place = list(INPUTS).index(product)
    files = describe_files(directory)
    configs = {"problems": {"environment": {"name": "kk"}}, "backbone": {"name": "tiny"}}
    manifest = Manifest(
        stage=product,
        key=content_id(["key", product], length=64),
        digest=content_digest({name: entry["sha256"] for name, entry in files.items()}),
        files=files,
        spec={
            "stage": product,
            "config": configs.get(product, {}),
            "libraries": {"torch": "2.13.0", "transformers": "5.10.2", "trl": "1.16.0"},
            "seed": 7,
        },
        inputs={n: {"stage": n, "key": m.key, "digest": m.digest} for n, m in inputs.items()},
        summary=summary,
        table_types=describe_tables(directory),
        producer={"tailor": "0.1.0", "recipe": "kk-tiny", "function": f"tailor_core.stages.{product}:run"},
        environment={
            "python": "3.11.7",
            "platform": "Linux-6.1-x86_64",
            "host": "workstation",
            "process": 4711,
        },
        created=f"2026-11-21T10:{place:02d}:30+00:00",
        seconds=3.5 + 11.0 * place,
    )
    (directory / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
    return manifest


def read_manifest(directory: Path) -> Manifest:
    return Manifest.from_text((directory / MANIFEST).read_text(encoding="utf-8"))


def rewrite(
    directories: Mapping[str, Path], product: str, name: str, records: list[Record], kind: type[Record]
) -> None:
    """Replace a table of an artifact, and its manifest."""
    directory = directories[product]
    write_records(directory / f"{name}.parquet", records, kind)
    assert f"{name}.parquet" in list_files(directory)
    write_manifest(product, directory, read_manifest(directory).summary, directories)


def _problem(number: int, rng: random.Random) -> Problem:
    split = ("train", "test", "ood_people_4", "ood_people_5")[number % 4]
    people = {"train": 2 + number % 3 % 2, "test": 2 + number // 4 % 2, "ood_people_4": 4, "ood_people_5": 5}[
        split
    ]
    names = rng.sample(NAMES, people)
    question = (
        f"A very special island is inhabited only by knights and knaves. You meet {people} inhabitants: "
        + ", ".join(names)
        + f'. {names[0]} said that {names[1]} is a knave. {names[1]} remarked, "{names[0]} is a knave". '
        "So who is a knight and who is a knave?"
    )
    answer = "\n".join(
        f"({i}) {name} is a {'knight' if i % 2 else 'knave'}" for i, name in enumerate(names, 1)
    )
    metadata = {
        "difficulty": {"people": people},
        "split": split,
        "canonical_hash": f"{number:016x}",
        "spec": {"names": names},
    }
    return Problem(
        id=content_id(["problem", number]),
        environment="kk",
        question=question,
        answer=answer,
        metadata=metadata,
    )


def _primitives() -> list[Primitive]:
    found = []
    for place, (name, instruction) in enumerate(WAYS):
        screening = {
            "pass_rate": 1.0 - place / 128,
            "novelty": 0.71 - 0.09 * place,
            "mean_tokens": 88.25 + 7 * place,
        }
        screening |= {"verdict": "accepted", "rule": "", "reason": "solves soundly, and is new"}
        found.append((name, instruction, screening))
    for place, rule in enumerate(("novelty", "novelty", "quality")):
        screening = {
            "pass_rate": 0.625 + place / 8,
            "novelty": 0.0375,
            "mean_tokens": 141.5,
            "verdict": "rejected",
        }
        screening |= {"rule": rule, "reason": f"{rule} is below its threshold of 0.1"}
        found.append((f"candidate {place} that came too late", "Do as the others do.", screening))
    return [
        Primitive(
            id=content_id(["primitive", name]),
            name=name,
            instruction=instruction,
            kind="procedural",
            program={"order": "given"},
            provenance={"teacher": "procedural", "round": place // 4, "parents": []},
            screening=screening,
        )
        for place, (name, instruction, screening) in enumerate(found)
    ]


def _demonstration(primitive: Primitive, problem: Problem, number: int) -> Demonstration:
    names = problem.spec["names"]
    return Demonstration(
        id=content_id(["demonstration", primitive.id, number]),
        problem_id=problem.id,
        primitive_id=primitive.id,
        teacher="procedural",
        think=THINK.format(names[0], names[1]),
        answer_text=problem.answer,
        tokens=70 + number % 40,
        seed=number,
    )


def _decisions(traces: list[Demonstration]) -> list[SelectionDecision]:
    decisions = []
    for place, trace in enumerate(traces):
        if place % 5 == 1:
            decisions.append(
                SelectionDecision(
                    demonstration_id=trace.id,
                    kept=False,
                    rule="near_duplicate",
                    duplicate_of=traces[0].id,
                    similarity=0.93,
                )
            )
        elif place % 7 == 3:
            decisions.append(SelectionDecision(demonstration_id=trace.id, kept=False, rule="over_budget"))
        else:
            decisions.append(
                SelectionDecision(demonstration_id=trace.id, kept=True, rule="kept_diverse", rank=place)
            )
    return decisions


def _examples(traces: list[Demonstration], decisions: list[SelectionDecision]) -> list[SFTExample]:
    return [
        SFTExample(
            id=content_id(["example", trace.id]),
            demonstration_id=trace.id,
            problem_id=trace.problem_id,
            primitive_id=trace.primitive_id,
            prompt=[{"role": "user", "content": "Who is what?"}],
            completion=[{"role": "assistant", "content": trace.completion}],
        )
        for trace, decision in zip(traces, decisions, strict=True)
        if decision.kept
    ]


def _evaluation(puzzles: list[Problem], models: list[str], rng: random.Random) -> list[EvaluationRow]:
    rows = []
    for model in models:
        for problem in puzzles:
            if problem.split == "train":
                continue
            for sample in range(4):
                right = rng.random() < ACCURACY[model][problem.split][0]
                think = THINK.format(*problem.spec["names"][:2])
                answer = problem.answer if right else problem.answer.replace("knight", "knave")
                rows.append(
                    EvaluationRow(
                        model=model,
                        problem_id=problem.id,
                        split=problem.split,
                        difficulty=problem.difficulty["people"],
                        sample=sample,
                        completion=f"<think>{think}</think>\n<answer>{answer}</answer>",
                        reward=float(right),
                        well_formed=True,
                        finished=True,
                        tokens=80 + rng.randrange(60),
                        entropy=0.3125,
                        reason="" if right else "wrong answer",
                        moves={"assume": 1, "derive": 2},
                    )
                )
    return rows


def _extra_files(product: str, directory: Path, traces: list[Demonstration], steps: int) -> None:
    if product in ("backbone", "warm_start", "policy"):
        (directory / "config.json").write_text("{}\n", encoding="utf-8")
    if product == "probe":
        (directory / "summary.json").write_text(
            '{"failures":{},"pass_rate_by_difficulty":{},"wrong":0}', encoding="utf-8"
        )
    if product == "selection":
        _write_embeddings(directory, traces)
    if product == "warm_start":
        write_table(directory / "training_log.parquet", _sft_log(steps))
    if product == "policy":
        write_table(directory / "training_log.parquet", _grpo_log(steps))
    if product == "evaluation":
        (directory / "summary.json").write_text(json.dumps(make_summary(), indent=1), encoding="utf-8")


def _write_embeddings(directory: Path, traces: list[Demonstration]) -> None:
    kinds = sorted({trace.primitive_id for trace in traces})
    vectors = []
    for place, trace in enumerate(traces):
        rng = random.Random(trace.id)
        centre = random.Random(f"centre of {trace.primitive_id}")
        scale = 0.25 + 0.05 * (kinds.index(trace.primitive_id) % 4)
        vectors.append([centre.gauss(0, 1) + scale * rng.gauss(0, 1) + 1e-3 * (place % 2) for _ in range(16)])
    table = polars.DataFrame(
        {
            "demonstration_id": [trace.id for trace in traces],
            "embedding": polars.Series(vectors, dtype=polars.Array(polars.Float32, 16)),
        }
    )
    write_table(directory / "embeddings.parquet", table)
    sets = {
        name: {
            "rows": rows,
            "vendi_score": vendi,
            "mean_pairwise_distance": distance,
            "distinct_1": 0.0213,
            "distinct_2": 0.1234,
            "distinct_3": 0.2871,
            "primitive_balance": balance,
            "difficulty_balance": 0.9881,
            "mean_tokens": 91.62,
        }
        for name, rows, vendi, distance, balance in (
            ("before", 48, 17.31, 0.4127, 1.0),
            ("random", 33, 16.02, 0.4119, 0.9624),
            ("after", 33, 19.77, 0.4618, 0.9973),
        )
    }
    text = json.dumps({"embedder": "hashed", "dimension": 16, **sets})
    (directory / "metrics.json").write_text(text, encoding="utf-8")


def _sft_log(steps: int) -> polars.DataFrame:
    rng = random.Random(1)
    return polars.DataFrame(
        {
            "step": [5 * (i + 1) for i in range(steps)],
            "loss": [0.22 + 1.9 * math.exp(-i / (steps / 7)) + 0.03 * rng.random() for i in range(steps)],
            "mean_token_accuracy": [0.93 - 0.5 * math.exp(-i / (steps / 7)) for i in range(steps)],
            "learning_rate": [1e-4] * steps,
        }
    )


def _grpo_log(steps: int) -> polars.DataFrame:
    rng = random.Random(2)

    def noisy(start: float, end: float, noise: float) -> list[float | None]:
        values = [
            end + (start - end) * math.exp(-3 * i / steps) + noise * rng.gauss(0, 1) for i in range(steps)
        ]
        return [None, *values]

    return polars.DataFrame(
        {
            "step": list(range(steps + 1)),
            "reward": noisy(0.47, 0.68, 0.03),
            "kl": [None if v is None else abs(v) for v in noisy(0.0, 0.021, 0.001)],
            "entropy": noisy(0.33, 0.18, 0.008),
            "completions/mean_length": noisy(121, 104, 2.5),
            "clip_ratio/region_mean": [None if v is None else abs(v) for v in noisy(0.002, 0.001, 0.0005)],
            "frac_reward_zero_std": noisy(0.22, 0.41, 0.04),
            "rewards/binary/std": noisy(0.4, 0.4, 0.01),
        }
    )


def make_summary() -> dict[str, Any]:
    """A summary.json in the layout of the evaluation, from `ACCURACY`."""
    splits = list(LEVELS)
    return {
        "settings": {
            "samples_per_problem": 4,
            "temperature": 1.0,
            "top_p": 1.0,
            "max_tokens": 512,
            "problems_per_split": 200,
            "confidence": 0.95,
        },
        "splits": splits,
        "models": {model: {"splits": {s: _block(model, s) for s in splits}} for model in ACCURACY},
        "comparisons": [
            {
                "model": new,
                "against": old,
                "split": split,
                "problems": 200,
                "difference": _interval(ACCURACY[new][split][0] - ACCURACY[old][split][0], 0.041),
                "p_value": 0.0005,
                "separate": True,
            }
            for new, old in (("warm_start", "base"), ("policy", "base"), ("policy", "warm_start"))
            for split in splits
        ],
        "moves": {
            model: {
                split: {
                    **{
                        m: {"share": round(0.9 / (1 + i) + 0.02 * k, 4), "mean": round(3 / (1 + i), 4)}
                        for i, m in enumerate(MOVES)
                    },
                    "voice:plain": {"share": 0.4375, "mean": 5.25},
                }
                for split in splits
            }
            for k, model in enumerate(ACCURACY)
        },
    }


def _interval(value: float, half: float) -> dict[str, Any]:
    return {
        "value": round(value, 6),
        "low": round(value - half, 6),
        "high": round(value + half, 6),
        "method": "bootstrap",
    }


def _block(model: str, split: str) -> dict[str, Any]:
    shift = 0.11 if model != "base" else 0.0
    levels = LEVELS[split]
    by_level = {
        str(level): _group(model, split, (shift if len(levels) > 1 else 0) * (1 - 2 * i), 200 // len(levels))
        for i, level in enumerate(levels)
    }
    return {**_group(model, split, 0.0, 200), "by_difficulty": by_level}


def _group(model: str, split: str, shift: float, problems: int) -> dict[str, Any]:
    value, low, high = (min(1.0, max(0.0, v + shift)) for v in ACCURACY[model][split])
    accuracy = {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6), "method": "bootstrap"}
    above = {**_interval(min(0.9, 1.3 * value), 0.031)}
    samples = 4 * problems
    right = round(samples * value)
    return {
        "problems": problems,
        "samples": samples,
        "pass@1": accuracy,
        "pass@k": {"1": accuracy, "4": above},
        "sound_rate": _interval(0.8 * value, 0.0213),
        "format_rate": _interval(0.913, 0.0171),
        "finished": 0.9713,
        "mean_tokens": 117.34,
        "mean_tokens_correct": 109.2,
        "entropy": 0.2718,
        "reasons": {"correct": right, "wrong answer": samples - right - 13, "no answer block": 13},
    }

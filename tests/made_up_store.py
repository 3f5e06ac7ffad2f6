"""The artifacts of a made-up recipe, few rows each, in a real store: what lineage and the catalog are tested on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars

from tailor_core.artifacts.manifest import Manifest, content_digest, describe_files, describe_tables
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_table, write_records, write_table
from tailor_core.records import (
    Demonstration,
    EvaluationRow,
    Primitive,
    Problem,
    SelectionDecision,
    SFTExample,
    Verdict,
    content_id,
)
from tailor_core.tracking.datasets import Dataset, ModelVersion
from tailor_core.tracking.openlineage import LineageLog

INPUTS: Mapping[str, tuple[str, ...]] = {
    "problems": (),
    "backbone": (),
    "primitives": ("problems",),
    "demonstrations": ("problems", "primitives"),
    "verdicts": ("problems", "demonstrations"),
    "selection": ("problems", "primitives", "demonstrations", "verdicts"),
    "sft_dataset": ("problems", "demonstrations", "selection"),
    "warm_start": ("backbone", "sft_dataset"),
    "policy": ("warm_start", "problems"),
    "evaluation": ("problems", "backbone", "warm_start", "policy"),
}

DIMENSION = 8


def make_problem(i: str, split: str, canonical_hash: str, people: int) -> Problem:
    metadata = {
        "split": split,
        "canonical_hash": canonical_hash,
        "difficulty": {"people": people},
        "spec": {},
    }
    return Problem(id=i, environment="kk", question="Who?", answer="Zoey is a knight.", metadata=metadata)


PROBLEMS = [
    make_problem("x1", "train", "h1", 2),
    make_problem("x2", "train", "h2", 3),
    make_problem("t1", "test", "h2", 3),
    make_problem("o1", "ood_people_5", "h3", 5),
]
PRIMITIVES = [
    Primitive(id="p1", name="assume first", instruction="Assume.", kind="procedural",
              screening={"verdict": "accepted", "reason": ""}),
    Primitive(id="p2", name="guess", instruction="Guess.", kind="procedural",
              screening={"verdict": "rejected", "reason": "pass rate 0.1 < 0.8"}),
]  # fmt: skip
DEMONSTRATIONS = [
    Demonstration(id=f"d{i}", problem_id=f"x{i % 2 + 1}", primitive_id="p1", teacher="procedural",
                  think=f"Trace {i}.", answer_text="Zoey is a knight.", tokens=3, seed=2**62)
    for i in range(5)
]  # fmt: skip
DECISIONS = [
    SelectionDecision(demonstration_id="d0", kept=True, rule="kept_diverse", rank=1),
    SelectionDecision(demonstration_id="d1", kept=True, rule="kept_diverse", rank=2),
    SelectionDecision(
        demonstration_id="d2", kept=False, rule="near_duplicate", duplicate_of="d0", similarity=0.95
    ),
    SelectionDecision(demonstration_id="d3", kept=False, rule="not_verified"),
    SelectionDecision(demonstration_id="d4", kept=False, rule="over_budget", similarity=0.5),
]
EXAMPLES = [
    SFTExample(id=f"e{i}", demonstration_id=f"d{i}", problem_id=f"x{i + 1}", primitive_id="p1",
               prompt=[{"role": "user", "content": "Who?"}],
               completion=[{"role": "assistant", "content": "."}])
    for i in range(2)
]  # fmt: skip
EVALUATION = [
    EvaluationRow(model="base", problem_id="t1", split="test", difficulty=3, sample=s, completion="",
                  reward=float(s), well_formed=True, finished=True, tokens=4, entropy=0.1, reason="",
                  moves={"assume": 1}, sound=bool(s))
    for s in range(2)
]  # fmt: skip


def vectors() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(5, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def write_artifacts(root: Path) -> dict[str, Path]:
    """The files of each artifact in a directory of its own."""
    stages = (
        "problems",
        "primitives",
        "demonstrations",
        "verdicts",
        "selection",
        "sft_dataset",
        "evaluation",
    )
    artifacts = {stage: root / stage for stage in stages}
    table = polars.DataFrame([problem.to_row() for problem in PROBLEMS]).with_columns(
        split=polars.Series([problem.split for problem in PROBLEMS]),
        difficulty=polars.Series([2, 3, 3, 5]),
    )
    write_table(artifacts["problems"] / "problems.parquet", table)
    write_records(artifacts["primitives"] / "primitives.parquet", PRIMITIVES)
    write_records(artifacts["demonstrations"] / "demonstrations.parquet", DEMONSTRATIONS)
    verdicts = [
        Verdict(demonstration_id=d.id, reward=1.0, checks={"sound": True}, reason="") for d in DEMONSTRATIONS
    ]
    write_records(artifacts["verdicts"] / "verdicts.parquet", verdicts)
    write_records(artifacts["selection"] / "selection.parquet", DECISIONS)
    embedding = polars.Series(vectors(), dtype=polars.Array(polars.Float32, DIMENSION))
    write_table(
        artifacts["selection"] / "embeddings.parquet",
        polars.DataFrame({"demonstration_id": [d.id for d in DEMONSTRATIONS], "embedding": embedding}),
    )
    write_records(artifacts["sft_dataset"] / "sft_dataset.parquet", EXAMPLES)
    write_records(artifacts["evaluation"] / "evaluation.parquet", EVALUATION)
    return artifacts


def commit(
    store: Store, stage: str, files: Path, made: Mapping[str, Manifest], *, recipe: str = "kk", seed: int = 0
) -> Manifest:
    """Put files into a store as the artifact of a stage that read what was `made` before."""
    key = content_id([stage, seed, [made[name].digest for name in INPUTS[stage]]], length=64)
    directory = store.staging(stage, key, files.parent / "staging")
    shutil.copytree(files, directory, dirs_exist_ok=True)
    described = describe_files(directory)
    rows = {path.stem: read_table(path).height for path in directory.glob("*.parquet")}
    manifest = Manifest(
        stage=stage,
        key=key,
        digest=content_digest({name: entry["sha256"] for name, entry in described.items()}),
        files=described,
        spec={"stage": stage, "seed": seed},
        inputs={
            name: {"stage": name, "key": made[name].key, "digest": made[name].digest}
            for name in INPUTS[stage]
        },
        summary={"rows": rows, **funnel(stage)},
        table_types=describe_tables(directory),
        producer={"recipe": recipe, "tailor": "0"},
        environment={"host": "here"},
        created=f"2026-11-21T10:{list(INPUTS).index(stage):02d}:0{seed % 10}+00:00",
        seconds=1.5,
    )
    return store.commit(directory, manifest)


def funnel(stage: str) -> dict[str, Any]:
    if stage != "selection":
        return {}
    dropped = {"near_duplicate": 1, "not_verified": 1, "over_budget": 1}
    return {"funnel": {"in": 5, "kept": 2, "dropped": dropped}}


def make_store(store: Store, work: Path, *, recipe: str = "kk") -> dict[str, Manifest]:
    """All artifacts of the recipe; stage -> manifest."""
    files = write_artifacts(work)
    made: dict[str, Manifest] = {}
    for stage in INPUTS:
        directory = files.get(stage, work / stage)
        if stage not in files:
            directory.mkdir()
            (directory / "config.json").write_text(f"{stage}\n")
        made[stage] = commit(store, stage, directory, made, recipe=recipe)
    return made


def tell_run(
    directory: Path,
    made: Mapping[str, Manifest],
    *,
    recipe: str = "kk",
    cached: bool = False,
    version: int = 1,
) -> LineageLog:
    """The lineage events of a run that used these artifacts; it registered `warm_start` and then `policy`."""
    log = LineageLog(directory=directory, recipe=recipe)
    versions = {"warm_start": version, "policy": version + 1}
    for stage, manifest in made.items():
        inputs = [_dataset(made[name]) for name in INPUTS[stage] if name in made]
        attempt = log.attempt(stage, manifest.key, inputs)
        if not cached:
            attempt.start()
        model = ModelVersion(name=recipe, version=versions[stage]) if stage in versions else None
        attempt.complete(_dataset(manifest), cached=cached, model=model)
    return log


def _dataset(manifest: Manifest) -> Dataset:
    return Dataset(
        name=manifest.stage, digest=manifest.digest, uri=f"file:///{manifest.stage}", rows=manifest.rows
    )

"""Trials in a real store: data made by the real stages, and trained models' answers and logs made up."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars

from tailor_core.artifacts.manifest import Manifest, content_digest, describe_files, describe_tables
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_records, write_records, write_table
from tailor_core.config.keyed import unkeyed_values
from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe
from tailor_core.config.settings import Settings
from tailor_core.environments import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.evaluation.moves import classify, trace_of
from tailor_core.records import EvaluationRow, Problem, completion_text, content_id
from tailor_core.stages.execute import StageJob, execute
from tailor_core.stages.methods import definition_of, has_stage, source_of
from tailor_core.stages.registry import STAGES
from tailor_core.stages.spec import make_spec
from tailor_core.study.trials import Trial

DATA = ("problems", "backbone", "primitives", "demonstrations", "verdicts", "selection")
PROMPTS, COMPLETIONS = 3, 4
"""Of a made-up step of RL."""


def recipe(method: str = "rule-based", seed: int = 7, **sections: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "study",
        "seed": seed,
        "method": method,
        "environment": {"name": "kk", "options": {"people": [2, 3], "ood": {"people": [4]}}},
        "problems": {"train": 40, "validation": 4, "test": 6, "ood": 2, "seed": 7},
        "demonstrations": {"total": 40},
        "selection": {"budget": 24},
    }
    return make_recipe({**values, **sections}, "a test")


def make_stages(made: Recipe, settings: Settings, products: Sequence[str]) -> dict[str, ArtifactRef]:
    """Run these stages of a recipe in this process, in order; those that its method is without are left out."""
    refs: dict[str, ArtifactRef] = {}
    for product in products:
        if not has_stage(product, made.method):
            continue
        definition = definition_of(STAGES[product], made.method)
        config = definition.config_in(made)
        read = definition.inputs_of(config)
        inputs = {name: refs[source_of(name, made.method)] for name in read}
        job = StageJob(
            spec=make_spec(definition, made, inputs),
            config=definition.config,
            inputs=inputs,
            recipe=made.name,
            home=str(settings.home),
            store=settings.store,
            unkeyed=unkeyed_values(config),
        )
        refs[product] = execute(job).manifest.ref
    return refs


Answer = Callable[[Problem, int], str]
"""What a model says to a problem: its number of the sample -> completion."""


def solves(problem: Problem, sample: int) -> str:
    """The plainest program of the family, right and well formed; worded by the sample."""
    teaching = get_teaching(problem.environment)
    return completion_text(*teaching.write(problem, teaching.program(), random.Random(sample)))


def rambles(problem: Problem, sample: int) -> str:
    """No answer at all, and text that nobody should believe."""
    return f"<script>alert({sample})</script> \\input{{x}} % \x00\u202e {problem.id} <think><answer>"


def rows_of(
    model: str, problems: Sequence[Problem], answer: Answer, samples: int, right: Callable[[int], bool]
) -> list[EvaluationRow]:
    """The rows of a model of which `right(sample)` says whether it earned the reward."""
    return [
        EvaluationRow(
            model=model,
            problem_id=problem.id,
            split=problem.split,
            difficulty=problem.difficulty[get_environment(problem.environment).main_difficulty],
            sample=sample,
            completion=(completion := answer(problem, sample)),
            reward=float(right(sample)),
            well_formed="</answer>" in completion,
            finished=True,
            tokens=10 + sample,
            entropy=0.5,
            reason="",
            moves=classify(problem.environment, trace_of(completion)),
            sound=right(sample) and answer is solves,
        )
        for problem in problems
        for sample in range(samples)
    ]


@dataclass
class MadeUp:
    """A store that trials are made up in."""

    store: Store
    settings: Settings
    work: Path
    count: int = field(default=0)

    def trial(
        self,
        arm: str,
        *,
        method: str = "",
        seed: int = 7,
        tables: Mapping[str, Sequence[EvaluationRow]] | None = None,
        log: polars.DataFrame | None = None,
        **sections: Any,
    ) -> Trial:
        """A trial that came to its end: its data, its policy's log, and these tables of its evaluation."""
        made = recipe(method or arm, seed, **sections)
        refs = make_stages(made, self.settings, DATA)
        problems = self.problems(refs)
        answers = tables or {"evaluation": rows_of("policy", problems, solves, 2, lambda sample: sample == 0)}
        training = grpo_log(4) if log is None else log
        config = {"prompts_per_step": PROMPTS, "num_generations": COMPLETIONS}
        refs["policy"] = self.commit("policy", {"training_log": training}, config)
        refs["evaluation"] = self.commit("evaluation", answers, {})
        return Trial(
            arm=arm,
            method=made.method,
            backbone="tiny",
            seed=seed,
            overrides=(),
            command=("run", "kk-tiny"),
            refs=refs,
        )

    def problems(self, refs: Mapping[str, ArtifactRef], split: str = "test") -> list[Problem]:
        """The problems of a split, in order of id."""
        directory = self.store.local(refs["problems"], self.settings.cache)
        found = read_records(directory / "problems.parquet", Problem)
        return sorted((one for one in found if one.split == split), key=lambda problem: problem.id)

    def commit(self, stage: str, tables: Mapping[str, Any], config: Mapping[str, Any]) -> ArtifactRef:
        """Tables (records, or a frame) as the artifact of a stage, beside a file that nobody needs to read."""
        self.count += 1
        directory = self.work / f"{stage}-{self.count}"
        directory.mkdir(parents=True)
        (directory / "model.safetensors").write_bytes(b"weights")
        for name, rows in tables.items():
            path = directory / f"{name}.parquet"
            if isinstance(rows, polars.DataFrame):
                write_table(path, rows)
            else:
                write_records(path, rows, EvaluationRow)
        key = content_id([stage, self.count], length=64)
        staging = self.store.staging(stage, key, self.settings.work / "staging")
        shutil.copytree(directory, staging, dirs_exist_ok=True)
        files = describe_files(staging)
        manifest = Manifest(
            stage=stage,
            key=key,
            digest=content_digest({name: entry["sha256"] for name, entry in files.items()}),
            files=files,
            spec={"stage": stage, "config": dict(config), "seed": 7},
            table_types=describe_tables(staging),
        )
        return self.store.commit(staging, manifest).ref


def grpo_log(steps: int) -> polars.DataFrame:
    """A log as TRL writes it; step k has reward k / 10."""
    numbers = range(1, steps + 1)
    return polars.DataFrame(
        {
            "step": list(numbers),
            "reward": [k / 10 for k in numbers],
            "kl": [k / 100 for k in numbers],
            "entropy": [0.5] * steps,
            "completions/mean_length": [20.0 + k for k in numbers],
            "num_tokens": [float(1000 * k) for k in numbers],
            "learning_rate": [1e-4] * steps,
        }
    )

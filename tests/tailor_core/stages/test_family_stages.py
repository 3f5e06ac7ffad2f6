"""The data stages work on iGSM and Countdown as they are: problems, primitives, demonstrations, verdicts, selection."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tailor_core.artifacts.tables import read_records
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.config.problems import EnvironmentConfig, ProblemsConfig
from tailor_core.config.selection import SelectionConfig
from tailor_core.config.sft_dataset import SFTDatasetConfig
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.records import Primitive, Problem, SelectionDecision, SFTExample, Verdict
from tailor_core.stages import demonstrations, primitives, problems, selection, sft_dataset, verdicts
from tailor_core.stages.context import StageContext


@dataclass(frozen=True)
class Family:
    """A family with its options, what a probe of it says, its splits, and how many rows are kept at least."""

    name: str
    options: dict[str, Any]
    rates: dict[str, float]
    failure: str
    splits: dict[str, int]
    kept: int


FAMILIES = [
    Family(
        name="countdown",
        options={"numbers": [3, 4], "ood": {"numbers": [5], "target": [300]}},
        rates={"3": 0.2, "4": 0.0},
        failure="the expression does not make the target",
        splits={"train": 40, "validation": 6, "test": 10, "ood_numbers_5": 5, "ood_target_300": 5},
        kept=6,
    ),
    Family(
        name="igsm",
        options={"setting": "med", "op": [4, 6], "ood": {"op": [8]}},
        rates={"4": 0.2, "6": 0.0},
        failure="the number is wrong",
        splits={"train": 40, "validation": 6, "test": 10, "ood_op_8": 5},
        kept=1,
    ),
]


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, family: Family) -> Path:
    root = tmp_path_factory.mktemp(family.name)

    def context(product: str) -> StageContext:
        inputs = {path.name: path for path in root.iterdir() if path.is_dir() and path.name != "work"}
        output, workdir = root / product, root / "work" / product
        output.mkdir()
        workdir.mkdir(parents=True)
        return StageContext(inputs=inputs, output=output, workdir=workdir, seed=1)

    environment = EnvironmentConfig(name=family.name, options=family.options)
    problems.run(
        ProblemsConfig(environment=environment, train=40, validation=6, test=10, ood=5), context("problems")
    )
    (root / "probe").mkdir()
    summary = {
        "pass_rate_by_difficulty": family.rates,
        "failures": {family.failure: 5},
        "wrong": 5,
    }
    (root / "probe" / "summary.json").write_text(json.dumps(summary))
    config = PrimitivesConfig(probe_problems=8, candidates_per_round=12, rounds=2, max_primitives=6)
    primitives.run(config, context("primitives"))
    demonstrations.run(DemonstrationsConfig(total=60), context("demonstrations"))
    verdicts.run(VerdictsConfig(), context("verdicts"))
    selection.run(SelectionConfig(budget=20), context("selection"))
    sft_dataset.run(SFTDatasetConfig(), context("sft_dataset"))
    return root


def test_problems_have_splits_of_their_own(made: Path, family: Family) -> None:
    found = read_records(made / "problems" / "problems.parquet", Problem)
    assert Counter(problem.split for problem in found) == family.splits
    assert len({problem.canonical_hash for problem in found}) == len(found)
    if family.name == "igsm":
        assert len({problem.metadata["template_hash"] for problem in found if problem.split == "train"}) > 5


def test_primitives_are_discovered_and_solve_what_they_are_tried_on(made: Path) -> None:
    found = read_records(made / "primitives" / "primitives.parquet", Primitive)
    accepted = [primitive for primitive in found if primitive.screening["verdict"] == "accepted"]
    assert 3 <= len(accepted) <= 6
    assert all(primitive.screening["pass_rate"] == 1.0 for primitive in found)
    assert len({primitive.instruction for primitive in accepted}) == len(accepted)


def test_every_demonstration_is_right_and_sound(made: Path) -> None:
    found = read_records(made / "verdicts" / "verdicts.parquet", Verdict)
    assert len(found) == 60
    assert all(verdict.reward == 1.0 and verdict.checks["sound"] for verdict in found)


def test_rows_are_selected_and_rendered(made: Path, family: Family) -> None:
    decisions = read_records(made / "selection" / "selection.parquet", SelectionDecision)
    kept = [decision for decision in decisions if decision.kept]
    assert family.kept <= len(kept) <= 20
    assert all(decision.rule for decision in decisions)
    if family.name == "countdown":
        assert "contaminated" not in {decision.rule for decision in decisions}
    examples = read_records(made / "sft_dataset" / "sft_dataset.parquet", SFTExample)
    assert len(examples) == len(kept)
    assert all(example.completion[0]["content"].startswith("<think>") for example in examples)

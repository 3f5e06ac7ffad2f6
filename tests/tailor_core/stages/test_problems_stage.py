"""The problems stage over real files: splits, columns, same bytes, clear refusals."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from tailor_core.artifacts.tables import read_records, read_table
from tailor_core.config.problems import ProblemsConfig
from tailor_core.environments import get_environment
from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.errors import RecipeError, StageError
from tailor_core.records import Problem
from tailor_core.stages import problems
from tailor_core.stages.context import StageContext

CONFIG = {
    "environment": {"options": {"people": [3, 4], "ood": {"people": [5], "uncommon_names": True}}},
    "train": {"3": 12, "4": 8},
    "validation": 4,
    "test": 6,
    "ood": 5,
}


def run(folder, config=CONFIG, seed=0):
    folder.mkdir()
    context = StageContext(inputs={}, output=folder, workdir=folder, seed=seed)
    return problems.run(ProblemsConfig.model_validate(config), context)


def test_every_split_has_its_number_of_problems_and_no_hash_comes_twice(tmp_path):
    summary = run(tmp_path / "a")
    table = read_table(tmp_path / "a" / "problems.parquet")
    counts = Counter(table.select("split", "difficulty").iter_rows())
    assert counts == {
        ("train", 3): 12,
        ("train", 4): 8,
        ("validation", 3): 2,
        ("validation", 4): 2,
        ("test", 3): 3,
        ("test", 4): 3,
        ("ood_people_5", 5): 5,
        ("ood_names", 3): 3,
        ("ood_names", 4): 2,
    }
    assert summary["rows"] == {"problems": 40}
    assert summary["funnel"] == {"in": 40, "kept": 40, "dropped": {}}
    assert summary["metrics"]["problems"]["train"] == {"3": 12, "4": 8}
    rows = read_records(tmp_path / "a" / "problems.parquet", Problem)
    assert len({row.canonical_hash for row in rows}) == 40
    assert len({row.id for row in rows}) == 40
    kk = get_environment("kk")
    assert all(kk.canonical_hash(row.spec) == row.canonical_hash for row in rows)
    assert all(kk.render(row.spec) == row.question for row in rows)


def test_another_seed_gives_other_problems(tmp_path):
    run(tmp_path / "a", seed=0)
    run(tmp_path / "b", seed=1)
    ids = [set(read_table(tmp_path / name / "problems.parquet")["id"]) for name in "ab"]
    assert not ids[0] & ids[1]


def test_bytes_are_the_same_in_another_process_with_another_hash_seed(tmp_path):
    run(tmp_path / "a")
    (tmp_path / "b").mkdir()
    program = (
        "import json, sys, pathlib\n"
        "from tailor_core.config.problems import ProblemsConfig\n"
        "from tailor_core.stages import problems\n"
        "from tailor_core.stages.context import StageContext\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "config = ProblemsConfig.model_validate(json.loads(sys.argv[2]))\n"
        "problems.run(config, StageContext(inputs={}, output=folder, workdir=folder, seed=0))\n"
    )
    subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            str(tmp_path / "b"),
            ProblemsConfig.model_validate(CONFIG).model_dump_json(),
        ],
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    digests = {
        hashlib.sha256((tmp_path / name / "problems.parquet").read_bytes()).hexdigest() for name in "ab"
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "options", "field", "number"),
    [
        ("kk", {"people": [3, 4], "ood": {"people": [5]}}, "people", 5),
        ("igsm", {"op": [4], "ood": {"op": [6]}}, "op", 6),
        ("countdown", {"numbers": [3], "ood": {"numbers": [4]}}, "numbers", 4),
    ],
)
def test_what_training_never_sees_is_not_among_what_it_is_given(tmp_path, name, options, field, number):
    environment = {"name": name, "options": options}
    counts = {"train": {number: 2}, "validation": 0, "test": 0, "ood": 1}
    with pytest.raises(
        RecipeError,
        match=f"^problems.train holds {number}, which environment.options.ood.{field} holds too; "
        "take it out of one$",
    ):
        run(tmp_path / "a", {"environment": environment, **counts})
    run(tmp_path / "b", {"environment": environment, **counts, "ood": 0})
    run(tmp_path / "c", {"environment": environment, **counts, "train": {number: 0}})


def test_an_empty_split_leaves_no_rows(tmp_path):
    run(tmp_path / "a", {"train": 3, "validation": 0, "test": 0, "ood": 0})
    assert set(read_table(tmp_path / "a" / "problems.parquet")["split"]) == {"train"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment": {"name": "chess"}}, r"environment\.name = 'chess' is not known"),
        ({"environment": {"options": {"people": [1]}}}, "people holds 1"),
        ({"environment": {"options": {"people": [2]}}, "train": 500}, "holds only 47 different puzzles"),
    ],
)
def test_what_cannot_be_made_is_one_clear_sentence(tmp_path, changes, message):
    with pytest.raises(RecipeError, match=message):
        run(tmp_path / "a", {**CONFIG, **changes})


def tampered(change):
    """Knights & Knaves with one thing wrong in what it generates."""

    class Tampered(KnightsKnaves):
        def generate(self, options, **rest):
            return change(super().generate(options, **rest))

    return Tampered()


def metadata(made, **values):
    return [*made[:-1], dataclasses.replace(made[-1], metadata={**made[-1].metadata, **values})]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda made: made[1:], "made 2 problems for 'train', not 3"),
        (lambda made: metadata(made, split="test"), "says that it is of 'kk' and of the split 'test'"),
        (
            lambda made: [*made[1:], dataclasses.replace(made[0], environment="x")],
            "says that it is of 'x' and of",
        ),
        (
            lambda made: metadata(made, canonical_hash=made[0].canonical_hash),
            "has the canonical hash of another",
        ),
        (
            lambda made: metadata(made, difficulty={"people": "3"}),
            "has no whole number 'people' in its difficulty",
        ),
        (
            lambda made: [dataclasses.replace(one, metadata={"split": "train", "spec": {}}) for one in made],
            "has no canonical_hash and no difficulty in its metadata",
        ),
        (
            lambda made: [dataclasses.replace(one, answer="I cannot tell.") for one in made],
            r"has an answer that its own check refuses \(",
        ),
    ],
)
def test_an_environment_whose_problems_are_not_what_it_says_is_one_clear_sentence(change, message):
    config = ProblemsConfig.model_validate({"train": 3, "validation": 0, "test": 0, "ood": 0})
    with pytest.raises(StageError, match=message):
        problems.make_problems(tampered(change), config, 0)


def test_a_dataset_of_reasoning_gym_fills_the_splits_at_the_levels_of_its_curriculum(tmp_path):
    pytest.importorskip("reasoning_gym")
    config = {
        "environment": {"name": "rg:spell_backward"},
        "train": {"1": 6, "3": 4},
        "validation": 2,
        "test": 5,
        "ood": 0,
    }
    summary = run(tmp_path / "a", config)
    assert summary["metrics"]["problems"] == {
        "train": {"1": 6, "3": 4},
        "validation": {"0": 2},
        "test": {"0": 5},
    }
    rows = read_records(tmp_path / "a" / "problems.parquet", Problem)
    assert len({row.canonical_hash for row in rows}) == len({row.question for row in rows}) == 17

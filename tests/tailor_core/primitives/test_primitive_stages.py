"""The stages `primitives` and `demonstrations`: same bytes every time, and whole shards are used again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tailor_core.artifacts.tables import read_records
from tailor_core.config.demonstrations import DemonstrationsConfig
from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.config.problems import EnvironmentConfig, ProblemsConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.errors import StageError
from tailor_core.records import Demonstration, Primitive, Problem
from tailor_core.stages import demonstrations, primitives, problems
from tailor_core.stages.context import StageContext

CONFIG = PrimitivesConfig(
    probe_problems=6, candidates_per_round=10, rounds=2, max_primitives=4, tau_quality=0.9, max_tokens=400
)


def context(root: Path, stage: str, run: str = "") -> StageContext:
    output, workdir = root / f"{stage}{run}", root / f"{stage}{run}-work"
    output.mkdir()
    workdir.mkdir()
    inputs = {name: root / name for name in ("problems", "probe", "primitives") if (root / name).exists()}
    return StageContext(inputs=inputs, output=output, workdir=workdir, seed=4)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Problems, a probe's summary, and primitives."""
    root = tmp_path_factory.mktemp("artifacts")
    made = ProblemsConfig(
        environment=EnvironmentConfig(options={"people": [3, 4]}), train=40, validation=4, test=4, ood=0
    )
    problems.run(made, context(root, "problems"))
    (root / "probe").mkdir()
    summary = {
        "pass_rate_by_difficulty": {"3": 0.2, "4": 0.0},
        "failures": {"2 of 3 roles are right": 5},
        "wrong": 5,
    }
    (root / "probe" / "summary.json").write_text(json.dumps(summary))
    primitives.run(CONFIG, context(root, "primitives"))
    return root


def test_primitives_are_written_with_their_funnel(artifacts: Path) -> None:
    where = context(artifacts, "primitives", "-again")
    summary = primitives.run(CONFIG, where)
    rows = read_records(where.output / "primitives.parquet", Primitive)
    kept = sum(row.screening["verdict"] == "accepted" for row in rows)
    assert summary["funnel"]["in"] == len(rows) == kept + sum(summary["funnel"]["dropped"].values())
    assert summary["funnel"]["kept"] == kept > 0
    json.dumps(summary)
    first = (artifacts / "primitives" / "primitives.parquet").read_bytes()
    assert (where.output / "primitives.parquet").read_bytes() == first


def test_demands_that_no_candidate_meets_stop_the_stage(artifacts: Path) -> None:
    with pytest.raises(StageError, match="max_tokens"):
        primitives.run(
            CONFIG.model_copy(update={"max_tokens": 1.0}), context(artifacts, "primitives", "-none")
        )


def test_demonstrations_are_balanced_sorted_and_from_train_alone(artifacts: Path) -> None:
    where = context(artifacts, "demonstrations")
    summary = demonstrations.run(DemonstrationsConfig(total=120, shard_size=50), where)
    rows = read_records(where.output / "demonstrations.parquet", Demonstration)
    assert [row.id for row in rows] == sorted({row.id for row in rows})
    assert summary["rows"]["demonstrations"] == len(rows) == 120
    assert summary["metrics"]["by_difficulty"] == {"3": 60, "4": 60}
    accepted = {
        p.id
        for p in read_records(artifacts / "primitives" / "primitives.parquet", Primitive)
        if p.screening["verdict"] == "accepted"
    }
    counts = Counter(row.primitive_id for row in rows)
    assert set(counts) == accepted
    assert max(counts.values()) - min(counts.values()) <= 8
    train = problems_of_split(artifacts, "train")
    assert {row.problem_id for row in rows} <= train


def problems_of_split(root: Path, split: str) -> set[str]:
    return {p.id for p in read_records(root / "problems" / "problems.parquet", Problem) if p.split == split}


def test_a_killed_stage_goes_on_after_its_last_whole_shard(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DemonstrationsConfig(total=90, shard_size=30)
    whole = context(artifacts, "demonstrations", "-whole")
    demonstrations.run(config, whole)
    real, calls = ProceduralTeacher.demonstrate, []

    def dies(self: ProceduralTeacher, *arguments: object) -> Demonstration:
        calls.append(1)
        if len(calls) > 70:
            raise KeyboardInterrupt
        return real(self, *arguments)  # type: ignore[arg-type]

    killed = context(artifacts, "demonstrations", "-killed")
    monkeypatch.setattr(ProceduralTeacher, "demonstrate", dies)
    with pytest.raises(KeyboardInterrupt):
        demonstrations.run(config, killed)
    assert not list(killed.output.iterdir())
    calls[:] = []
    demonstrations.run(config, killed)
    assert len(calls) == 30
    name = "demonstrations.parquet"
    assert (killed.output / name).read_bytes() == (whole.output / name).read_bytes()


def test_shards_of_another_size_are_made_anew_and_give_the_same_bytes(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is in no key, so an attempt may find shards of another one."""
    whole = context(artifacts, "demonstrations", "-one-size")
    demonstrations.run(DemonstrationsConfig(total=90, shard_size=90), whole)
    other = context(artifacts, "demonstrations", "-sizes")
    real, calls = ProceduralTeacher.demonstrate, []

    def dies(self: ProceduralTeacher, *arguments: object) -> Demonstration:
        calls.append(1)
        if len(calls) == 70:
            raise KeyboardInterrupt
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(ProceduralTeacher, "demonstrate", dies)
    with pytest.raises(KeyboardInterrupt):
        demonstrations.run(DemonstrationsConfig(total=90, shard_size=30), other)
    assert len(list((other.workdir / "shards").glob("*-*.parquet"))) == 2
    demonstrations.run(DemonstrationsConfig(total=90, shard_size=40), other)
    name = "demonstrations.parquet"
    assert (other.output / name).read_bytes() == (whole.output / name).read_bytes()


def test_a_damaged_or_foreign_shard_is_written_anew(artifacts: Path) -> None:
    config = DemonstrationsConfig(total=60, shard_size=30)
    clean = context(artifacts, "demonstrations", "-clean")
    demonstrations.run(config, clean)
    dirty = context(artifacts, "demonstrations", "-dirty")
    shards = dirty.workdir / "shards"
    shards.mkdir()
    first, second = sorted((clean.workdir / "shards").iterdir())
    (shards / first.name).write_bytes(second.read_bytes())
    (shards / second.name).write_bytes(second.read_bytes()[:-1])
    demonstrations.run(config, dirty)
    name = "demonstrations.parquet"
    assert (dirty.output / name).read_bytes() == (clean.output / name).read_bytes()
    assert sorted(path.name for path in shards.iterdir()) == [first.name, second.name]

"""Where MLflow has the run that made an artifact, by stage key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailor_core.tracking.datasets import Dataset
from tailor_core.tracking.executed import find_executed
from tailor_core.tracking.mlflow_runs import RunTracker

pytestmark = pytest.mark.integration

OUTPUT = Dataset(name="policy", key="k", digest="d", uri="file:///there")


def test_the_last_run_that_made_a_stage_well_is_found_by_its_key(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert find_executed(uri, "policy") == {}
    assert not list(tmp_path.iterdir()), "asking makes no database"
    expected = {}
    for recipe, key, fails in (
        ("a", "one", False),
        ("b", "two", False),
        ("b", "two", True),
        ("a", "none", True),
    ):
        tracker = RunTracker(uri, tmp_path, recipe, {})
        for stage in ("warm_start", "policy"):
            child = tracker.stage(stage, {"key": key}, [])
            if fails:
                child.fail(ValueError("no"))
            else:
                child.finish(OUTPUT, {}, "{}")
                expected[stage, key] = child.run_id
        tracker.close(failed=fails)
    assert find_executed(uri, "policy") == {
        key: run for (stage, key), run in expected.items() if stage == "policy"
    }
    assert len(expected) == 4

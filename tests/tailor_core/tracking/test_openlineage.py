"""Lineage events: standard ones, a file an attempt, and never a failed stage."""

from __future__ import annotations

import json
import logging
import uuid
from pathlib import Path
from typing import Any

import pytest

from tailor_core.tracking.datasets import Dataset, never_failing
from tailor_core.tracking.openlineage import LineageLog

PROBLEMS = Dataset(name="problems", digest="d" * 64, uri="file:///store/problems/k", rows=7)
VERDICTS = Dataset(
    name="verdicts", digest="e" * 64, uri="file:///store/verdicts/k", rows=5, columns={"reward": "Float64"}
)


def events(directory: Path) -> list[list[dict[str, Any]]]:
    return [
        [json.loads(line) for line in path.read_text().splitlines()] for path in sorted(directory.iterdir())
    ]


def test_an_attempt_tells_what_was_made_from_what(tmp_path: Path) -> None:
    log = LineageLog(directory=tmp_path / "lineage", recipe="kk-tiny")
    attempt = log.attempt("verdicts", "a" * 64, [PROBLEMS])
    attempt.start()
    attempt.complete(VERDICTS, cached=False)
    [[start, complete]] = events(tmp_path / "lineage")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert complete["job"]["name"] == "kk-tiny.verdicts"
    assert complete["run"]["facets"]["parent"]["run"]["runId"] == log.run_id
    [given], [made] = complete["inputs"], complete["outputs"]
    assert given["name"] == "problems"
    assert given["facets"]["version"]["datasetVersion"] == PROBLEMS.digest
    assert made["facets"]["version"]["datasetVersion"] == VERDICTS.digest
    assert made["facets"]["dataSource"]["uri"] == VERDICTS.uri
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert made["facets"]["schema"]["fields"][0]["name"] == "reward"
    tags = {tag["key"]: tag["value"] for tag in complete["run"]["facets"]["tags"]["tags"]}
    assert (tags["cached"], tags["stage_key"]) == ("false", "a" * 64)
    for event in (start, complete):
        uuid.UUID(event["run"]["runId"])
        assert event["schemaURL"].startswith("https://openlineage.io/spec/")


def test_each_attempt_has_a_file_of_its_own(tmp_path: Path) -> None:
    log = LineageLog(directory=tmp_path, recipe="kk-tiny")
    for _ in range(3):
        log.attempt("verdicts", "a" * 64, []).complete(VERDICTS, cached=True)
    found = events(tmp_path)
    assert [len(lines) for lines in found] == [1, 1, 1]
    tags = {tag["key"]: tag["value"] for tag in found[0][0]["run"]["facets"]["tags"]["tags"]}
    assert tags["cached"] == "true"


def test_a_failure_says_what_was_raised(tmp_path: Path) -> None:
    LineageLog(directory=tmp_path, recipe="r").attempt("policy", "a" * 64, []).fail(OSError("disk full"))
    [[event]] = events(tmp_path)
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"]["errorMessage"]["message"] == "OSError: disk full"


def test_lineage_that_cannot_be_written_is_logged_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        LineageLog(directory=tmp_path / "file", recipe="r").attempt("policy", "a" * 64, []).start()
    assert "lineage of policy was not recorded" in caplog.text


def test_an_interrupt_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt), never_failing("it"):
        raise KeyboardInterrupt

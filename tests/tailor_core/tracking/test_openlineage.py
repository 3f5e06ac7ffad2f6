"""Lineage events: standard ones, a file an attempt, and never a failed or a slower stage."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tailor_core.tracking import sender
from tailor_core.tracking.attempts import AttemptRecord, newest_completed, read_attempts
from tailor_core.tracking.datasets import Dataset, ModelVersion, never_failing
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
    assert complete["run"]["facets"]["parent"]["job"]["name"] == "kk-tiny"
    [given], [made] = complete["inputs"], complete["outputs"]
    assert (given["name"], made["name"]) == ("kk-tiny.problems", "kk-tiny.verdicts")
    assert given["facets"]["version"]["datasetVersion"] == PROBLEMS.digest
    assert given["inputFacets"]["inputStatistics"]["rowCount"] == 7
    assert made["facets"]["version"]["datasetVersion"] == VERDICTS.digest
    assert made["facets"]["dataSource"]["uri"] == VERDICTS.uri
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 5
    assert made["facets"]["schema"]["fields"][0]["name"] == "reward"
    tags = {tag["key"]: tag["value"] for tag in complete["run"]["facets"]["tags"]["tags"]}
    assert (tags["cached"], tags["stage_key"]) == ("false", "a" * 64)
    for event in (start, complete):
        uuid.UUID(event["run"]["runId"])
        assert event["schemaURL"].startswith("https://openlineage.io/spec/")


def test_a_flow_run_tells_of_itself_what_its_stages_name_as_their_parent(tmp_path: Path) -> None:
    ends = (LineageLog.complete, LineageLog.abort, lambda log: log.fail(OSError("disk full")))
    for number, end in enumerate(ends):
        log = LineageLog(directory=tmp_path / str(number), recipe="kk-tiny")
        log.start()
        log.attempt("verdicts", "a" * 64, []).complete(VERDICTS, cached=True)
        end(log)
    told = []
    for directory in tmp_path.iterdir():
        found = events(directory)
        [stage] = [lines[0] for lines in found if len(lines) == 1]
        [(start, ended)] = [lines for lines in found if len(lines) == 2]
        parent = stage["run"]["facets"]["parent"]
        for event in (start, ended):
            assert parent["run"]["runId"] == event["run"]["runId"]
            for name in ("namespace", "name"):
                assert parent["job"][name] == event["job"][name]
            assert "parent" not in event["run"]["facets"]
        failure = ended["run"]["facets"].get("errorMessage", {}).get("message", "")
        told.append((start["eventType"], ended["eventType"], failure))
        assert len(list(read_attempts(directory))) == 1, "a flow run is no attempt at a stage"
    assert sorted(told) == [
        ("START", "ABORT", ""),
        ("START", "COMPLETE", ""),
        ("START", "FAIL", "OSError: disk full"),
    ]


def test_each_attempt_has_a_file_of_its_own(tmp_path: Path) -> None:
    log = LineageLog(directory=tmp_path, recipe="kk-tiny")
    for _ in range(3):
        log.attempt("verdicts", "a" * 64, []).complete(VERDICTS, cached=True)
    found = events(tmp_path)
    assert [len(lines) for lines in found] == [1, 1, 1]
    tags = {tag["key"]: tag["value"] for tag in found[0][0]["run"]["facets"]["tags"]["tags"]}
    assert tags["cached"] == "true"


def test_attempts_are_read_back_as_they_were_told(tmp_path: Path) -> None:
    log = LineageLog(directory=tmp_path, recipe="kk-tiny")
    made, hit, failed, killed = (log.attempt("policy", "a" * 64, [PROBLEMS]) for _ in range(4))
    made.start()
    made.complete(VERDICTS, cached=False, model=ModelVersion(name="kk-tiny", version=3))
    hit.complete(VERDICTS, cached=True)
    failed.start()
    failed.fail(OSError("disk full"))
    killed.start()
    (tmp_path / "torn.jsonl").write_text('{"eventType": "COMP\n[]\n{"run": 3}\n')
    found = {one.attempt: one for one in read_attempts(tmp_path)}
    assert len(found) == 4
    one = found[made.run_id]
    assert one.started is not None
    assert one.ended is not None
    assert one.started <= one.ended
    assert one == AttemptRecord(
        attempt=made.run_id,
        run=log.run_id,
        recipe="kk-tiny",
        stage="policy",
        key="a" * 64,
        state="COMPLETE",
        cached=False,
        started=one.started,
        ended=one.ended,
        digest=VERDICTS.digest,
        row_count=5,
        model="kk-tiny",
        model_version=3,
    )
    assert (found[hit.run_id].cached, found[hit.run_id].started) == (True, None)
    assert (found[failed.run_id].state, found[failed.run_id].error) == ("FAIL", "OSError: disk full")
    assert (found[killed.run_id].state, found[killed.run_id].ended) == ("START", None)
    assert newest_completed(tmp_path) == {("kk-tiny", "policy"): "a" * 64}


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
        LineageLog(directory=Path("/proc/lineage"), recipe="r").attempt("policy", "a" * 64, []).start()
        LineageLog(directory=Path("/proc/lineage"), recipe="r").start()
    assert caplog.text.count("lineage of policy was not recorded") == 2
    assert caplog.text.count("lineage of r was not recorded") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_costs_the_event_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    attempt = LineageLog(directory=tmp_path, recipe="r").attempt("policy", "a" * 64, [])
    attempt.file.symlink_to("/dev/full")
    with caplog.at_level(logging.WARNING):
        attempt.start()
    assert "No space left on device" in caplog.text


class Receiver(ThreadingHTTPServer):
    """A lineage server that keeps what it is sent; it answers once it is told to."""

    def __init__(self) -> None:
        received: list[dict[str, Any]] = []
        may_answer = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                may_answer.wait(60)
                received.append({"path": self.path, **json.loads(body)})
                self.send_response(201)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.received, self.may_answer = received, may_answer


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_address[1]}")
    yield server
    server.may_answer.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_server_gets_every_event_in_order_and_the_files_stay(receiver: Receiver, tmp_path: Path) -> None:
    receiver.may_answer.set()
    log = LineageLog(directory=tmp_path, recipe="r")
    for _ in range(2):
        attempt = log.attempt("verdicts", "a" * 64, [PROBLEMS])
        attempt.start()
        attempt.complete(VERDICTS, cached=False)
    log.close()
    assert [event["eventType"] for event in receiver.received] == ["START", "COMPLETE"] * 2
    assert {event["path"] for event in receiver.received} == {"/api/v1/lineage"}
    written = sorted((e for file in events(tmp_path) for e in file), key=lambda e: str(e["eventTime"]))
    for sent, kept in zip(receiver.received, written, strict=True):
        assert (sent["run"]["runId"], sent["outputs"]) == (kept["run"]["runId"], kept["outputs"])


def test_a_server_that_does_not_answer_holds_nothing_up(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sender, "_CLOSING_SECONDS", 0.1)
    log = LineageLog(directory=tmp_path, recipe="r")
    attempt = log.attempt("verdicts", "a" * 64, [PROBLEMS])
    attempt.start()
    attempt.complete(VERDICTS, cached=False)
    with caplog.at_level(logging.WARNING):
        log.close()
    assert receiver.received == []
    assert [len(lines) for lines in events(tmp_path)] == [2]
    assert f"2 OpenLineage events did not reach the server; all are in {tmp_path}" in caplog.text


def test_a_server_that_is_not_there_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "nowhere.yml"))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "no such transport")
    log = LineageLog(directory=tmp_path / "lineage", recipe="r")
    with caplog.at_level(logging.WARNING):
        log.attempt("verdicts", "a" * 64, []).start()
        log.close()
    assert "an OpenLineage event on the server was not recorded" in caplog.text
    assert "1 OpenLineage events did not reach the server" in caplog.text
    assert len(events(tmp_path / "lineage")) == 1


def test_an_interrupt_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt), never_failing("it"):
        raise KeyboardInterrupt

"""What a run shows in Prefect, where the server takes it and where it does not."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate

from tailor_core.stages.context import untracked
from tailor_core.tracking.progress import PROGRESS, Bar
from tasks import board
from tasks.board import Board, page_key


class Server:
    """Keeps what is sent to it: `(type or id, data)`."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, Any]] = []
        self.made: list[ArtifactCreate] = []

    def create_artifact(self, request: ArtifactCreate) -> Any:
        self.made.append(request)
        self.sent.append((request.type, request.data))
        return SimpleNamespace(id=uuid.uuid4())

    def update_artifact(self, _: Any, request: ArtifactUpdate) -> None:
        self.sent.append(("update", request.data))


class Away:
    """A server that does not answer."""

    def create_artifact(self, _: Any) -> Any:
        raise httpx.ConnectError("no server")


@pytest.fixture
def in_flow_run(monkeypatch: pytest.MonkeyPatch) -> uuid.UUID:
    run = SimpleNamespace(id=uuid.uuid4())
    monkeypatch.setattr(board.FlowRunContext, "get", lambda: SimpleNamespace(flow_run=run))
    return run.id


def answered_by(server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    @contextmanager
    def client(**_: Any) -> Iterator[Any]:
        yield server

    monkeypatch.setattr(board, "get_client", client)
    return server


def show(shown: Board, page: Any = lambda: "page") -> None:
    shown.show(page, what="the page of policy", key="tailor-toy-policy", about="what it made")


def test_a_server_that_is_away_costs_three_warnings_and_nothing_else(
    in_flow_run: uuid.UUID, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answered_by(Away(), monkeypatch)
    shown = Board()
    with caplog.at_level("WARNING"):
        for _ in range(9):
            show(shown)
        shown.close()
    warning = "the page of policy in Prefect was not recorded: ConnectError: no server"
    assert caplog.messages == [warning] * 3


def test_a_page_that_cannot_be_made_costs_itself_alone(
    in_flow_run: uuid.UUID, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = answered_by(Server(), monkeypatch)
    shown, task_run = Board(), uuid.uuid4()
    show(shown, lambda: 1 // 0)
    shown.show(lambda: "x" * 10**6, what="a page", key=None, about="long", task_run=task_run)
    shown.close()
    [made] = server.made
    assert (made.flow_run_id, made.task_run_id, made.key) == (in_flow_run, task_run, None)
    assert len(str(made.data)) < 70_000
    assert "ZeroDivisionError" in caplog.text


def test_progress_is_sent_now_and_then_and_ends_full_also_where_a_stage_goes_on_from_the_middle(
    in_flow_run: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = answered_by(Server(), monkeypatch)
    now = 0.0
    monkeypatch.setattr(board.time, "monotonic", lambda: now)
    shown = Board()
    for second in range(11):
        now = second / 2
        shown.advance("policy", 0.6 + second / 100, key="tailor-toy-policy-progress", about="how far it is")
    shown.finish("policy")
    shown.finish("problems")  # which never told how far it was
    shown.close()
    assert server.sent == [("progress", 60.0), ("update", 64.0), ("update", 68.0), ("update", 100.0)]


def test_outside_a_flow_run_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    server = answered_by(Server(), monkeypatch)
    shown = Board()
    show(shown, lambda: pytest.fail("nobody sees it"))
    shown.advance("policy", 0.5, key=None, about="how far it is")
    shown.finish("policy")
    shown.close()
    assert server.sent == []


@given(st.from_regex(r"[a-z0-9][a-z0-9._-]*", fullmatch=True), st.sampled_from(["warm_start", "policy"]))
def test_keys_are_as_prefect_wants_them_and_the_same_for_every_run(recipe: str, stage: str) -> None:
    key = page_key(recipe, stage)
    assert ArtifactCreate(key=key).key == key
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
    assert key == page_key(recipe, stage)


def test_a_bar_tells_its_start_its_end_and_little_between(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[float, int]] = []
    with Bar(lambda metrics, step: told.append((metrics[PROGRESS], step)), total=1000) as bar:
        for _ in range(1000):
            bar.update()
    assert told[0] == (0.0, 0)
    assert told[-1] == (1.0, 1000)
    assert len(told) < 100
    with Bar(untracked, total=0) as empty:
        empty.update(0)

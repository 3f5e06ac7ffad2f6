"""The engine for OpenAI-compatible servers, against a real one that misbehaves in the ways that servers do."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai", reason="openai is not installed (extra openai)")

from scripted_server import Body, Reply, ScriptedServer, tokens_of

from tailor_core.config.teacher import TeacherConfig
from tailor_core.errors import MachineError, MissingExtraError, StageError, TailorError
from tailor_core.inference.engine import Completion, Sampling
from tailor_core.inference.openai_engine import OpenAIEngine, Request

pytestmark = pytest.mark.integration

SAMPLING = Sampling(temperature=0.5, max_tokens=7, seed=3)
SECRET = "sk-very-secret"


def chat(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def requests(count: int) -> list[Request]:
    return [Request(chat(f"question {i}"), SAMPLING) for i in range(count)]


def engine(server: ScriptedServer, folder: Path, **settings: Any) -> OpenAIEngine:
    values = {"kind": "chat", "model": "m", "base_url": server.url, "attempt_seconds": 20, "retries": 3}
    return OpenAIEngine(TeacherConfig(**{**values, **settings}), folder / "completions.db")


def echo(body: Body) -> Reply:
    return Reply(text=f"answer to {body['messages'][-1]['content']} with seed {body['seed']}")


def after(*first: Reply) -> Callable[[Body], Reply]:
    """A script that begins every question with these replies, and then answers it."""
    left: dict[str, Any] = {}

    def script(body: Body) -> Reply:
        turn = left.setdefault(body["messages"][-1]["content"], iter(first))
        return next(turn, None) or echo(body)

    return script


def test_completions_come_in_the_order_of_their_prompts_with_what_the_server_tells_of_them(
    tmp_path: Path,
) -> None:
    def script(body: Body) -> Reply:
        slow = body["messages"][-1]["content"] == "question 0"
        return replace(echo(body), delay=0.2 if slow else 0, finish="length" if slow else "stop")

    with ScriptedServer(script) as server:
        found = engine(server, tmp_path).generate(
            [chat(f"question {i}") for i in range(3)], replace(SAMPLING, n=2, logprobs=True)
        )
    asked = [one.text.partition(" with seed ")[::2] for group in found for one in group]
    assert [text for text, _ in asked] == [f"answer to question {i}" for i in range(3) for _ in range(2)]
    assert len({seed for _, seed in asked}) == 6, "no two completions share their random numbers"
    assert [one.finish for group in found for one in group] == ["length"] * 2 + ["stop"] * 4
    assert found[0][0].finished is False
    assert found[0][0].logprobs == (-0.5,) * 7
    assert (found[0][0].usage.prompt_tokens, found[0][0].usage.completion_tokens) == (2, 7)
    body = server.bodies[0]
    asked = {name: body[name] for name in ("model", "temperature", "top_p", "max_tokens", "logprobs")}
    assert asked == {"model": "m", "temperature": 0.5, "top_p": 1.0, "max_tokens": 7, "logprobs": True}


def test_a_completion_has_the_same_seed_whatever_else_is_asked(tmp_path: Path) -> None:
    two = replace(SAMPLING, n=2)
    with ScriptedServer(echo) as server:
        first = engine(server, tmp_path).generate([chat("a"), chat("b")], two)
        assert engine(server, tmp_path).generate([chat("c"), chat("b")], two)[1] == first[1]
        assert len(server.bodies) == 6, "those of b are kept"
        other = engine(server, tmp_path).generate([chat("b")], replace(two, seed=4))
        assert not {one.text for one in other[0]} & {one.text for one in first[1]}


def test_log_probs_and_a_form_are_asked_for_only_where_they_are_wanted(tmp_path: Path) -> None:
    text = {"type": "string", "maxLength": 9}
    schema = {"type": "object", "properties": {"a": text}, "required": ["a"], "additionalProperties": False}
    formed = [Request(chat("question"), replace(SAMPLING, schema=schema))]
    with ScriptedServer(echo) as server:
        engine(server, tmp_path).answer(requests(1))
        for structured in ("json_schema", "json_object", "none"):
            engine(server, tmp_path, structured=structured).answer(formed)
    plain, held, loose, free = server.bodies
    assert not {"logprobs", "response_format"} & plain.keys()
    asked = held["response_format"]["json_schema"]["schema"]
    assert asked == {**schema, "properties": {"a": {"type": "string"}}}, "hosted servers refuse bounds"
    assert loose["response_format"] == {"type": "json_object"}
    assert "response_format" not in free


def test_nothing_that_was_answered_is_asked_again_wherever_and_however_it_is_asked(tmp_path: Path) -> None:
    with ScriptedServer(echo) as server:
        first = engine(server, tmp_path).answer(requests(6))
    with ScriptedServer(echo) as server:
        again = engine(server, tmp_path, concurrency=1, retries=0, output_price=3.0)
        assert again.answer([*requests(6), *requests(2)]) == [*first, *first[:2]]
        assert server.bodies == []
        again.answer(requests(7))
        assert server.asked() == ["question 6"]


@pytest.mark.parametrize(
    "change",
    [
        lambda r: replace(r, messages=chat("another")),
        lambda r: replace(r, sampling=replace(r.sampling, temperature=0.6)),
        lambda r: replace(r, sampling=replace(r.sampling, seed=4)),
        lambda r: replace(r, sampling=replace(r.sampling, max_tokens=8)),
        lambda r: replace(r, sampling=replace(r.sampling, schema={"type": "object"})),
        lambda r: replace(r, sampling=replace(r.sampling, logprobs=True)),
    ],
)
def test_whatever_may_change_an_answer_asks_anew(
    tmp_path: Path, change: Callable[[Request], Request]
) -> None:
    (request,) = requests(1)
    with ScriptedServer(echo) as server:
        engine(server, tmp_path).answer([request])
        engine(server, tmp_path).answer([change(request), request])
        assert len(server.bodies) == 2
        engine(server, tmp_path, model="other").answer([request])
        assert len(server.bodies) == 3


TORN = b'{"choices": [{"message": {"content": "half'


@pytest.mark.parametrize(
    "bad",
    [
        Reply(status=429, raw=b"{}", headers={"retry-after-ms": "20"}),
        Reply(status=500, raw=b"<html>oh</html>"),
        Reply(status=503, raw=b""),
        Reply(raw=TORN),
        Reply(raw=b'{"choices": []}'),
        Reply(raw=b'{"object": "error"}'),
        Reply(raw=b"[" * 100_000),
        Reply(hang_up=True),
    ],
)
def test_a_server_that_fails_for_a_moment_is_asked_again(tmp_path: Path, bad: Reply) -> None:
    with ScriptedServer(after(bad)) as server:
        found = engine(server, tmp_path).answer(requests(2))
    assert [one.text for one in found] == [f"answer to question {i} with seed 3" for i in range(2)]
    assert Counter(server.asked()) == {"question 0": 2, "question 1": 2}


def test_a_server_that_hangs_is_given_up_for_another_try(tmp_path: Path) -> None:
    with ScriptedServer(after(Reply(delay=60))) as server:
        (found,) = engine(server, tmp_path, attempt_seconds=0.5).answer(requests(1))
        assert found.text.startswith("answer")
        assert len(server.bodies) == 2


def test_a_request_ends_at_its_deadline_though_bytes_still_come(tmp_path: Path) -> None:
    with ScriptedServer(after(Reply(text="never whole " * 1000, drip=0.05))) as server:
        with pytest.raises(MachineError, match=r"did not answer a request within 1 s .*teacher.concurrency"):
            engine(server, tmp_path, deadline_seconds=1).answer(requests(1))
        assert len(server.bodies) == 1


def test_no_more_requests_are_in_flight_than_allowed(tmp_path: Path) -> None:
    with ScriptedServer(lambda body: replace(echo(body), delay=0.05)) as server:
        engine(server, tmp_path, concurrency=3).answer(requests(12))
        assert server.most_in_flight == 3


def test_costs_are_the_servers_tokens_times_the_recipes_prices_also_after_a_kill(tmp_path: Path) -> None:
    prices = {"input_price": 2.0, "output_price": 10.0}
    with ScriptedServer(after(Reply(status=500, raw=b"{}"))) as server:
        engine(server, tmp_path, **prices).answer(requests(3))
        whole = engine(server, tmp_path, **prices)
        whole.answer(requests(5))
        answered = {body["messages"][-1]["content"]: body for body in server.bodies}.values()
        prompts = sum(map(tokens_of, answered))
    assert whole.account.metrics() == {
        "requests": 5,
        "prompt_tokens": prompts,
        "completion_tokens": 5 * 7,
        "cost_dollars": round((2.0 * prompts + 10.0 * 5 * 7) / 1e6, 6),
    }
    assert whole.account.received.completion_tokens == 2 * 7


def message_of(server: ScriptedServer, folder: Path, kind: type[TailorError], **settings: Any) -> str:
    with pytest.raises(kind) as caught:
        engine(server, folder, **{"retries": 1, **settings}).answer(requests(1))
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    assert caught.value.__cause__ is None
    return message


def refusing(status: int, message: str) -> Callable[[Body], Reply]:
    return lambda _: Reply(status=status, raw=f'{{"error": {{"message": "{message}"}}}}'.encode())


def test_what_only_a_person_can_mend_is_one_sentence_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(refusing(401, f"wrong key {SECRET}")) as server:
        message = message_of(server, tmp_path, StageError)
        assert "the variable OPENAI_API_KEY is not set" in message
        monkeypatch.setenv("MY_KEY", f" {SECRET}\n")
        message = message_of(server, tmp_path, StageError, key_variable="MY_KEY")
        assert "the variable MY_KEY holds a key that it refuses" in message
        assert server.keys == ["Bearer none", f"Bearer {SECRET}"]
        server.script = refusing(404, "The model m does not exist")
        message = message_of(server, tmp_path, StageError)
        assert "does not know the model 'm'" in message
        assert "The model m does not exist" in message
        server.script = refusing(400, f"unknown response_format for {SECRET}")
        message = message_of(server, tmp_path, StageError, key_variable="MY_KEY")
        assert "unknown response_format for ***" in message
        assert "teacher.structured" in message
        server.script = refusing(400, "x" * 190 + SECRET)
        assert "sk-" not in message_of(server, tmp_path, StageError, key_variable="MY_KEY")
    assert len(server.bodies) == 5


def test_what_a_content_filter_keeps_back_is_an_empty_completion_and_ends_no_run(tmp_path: Path) -> None:
    filtered = Reply(status=400, raw=b'{"error": {"message": "filtered", "code": "content_filter"}}')
    with ScriptedServer(after(filtered)) as server:
        found = engine(server, tmp_path).answer(requests(2))
    assert [(one.text, one.finish) for one in found] == [("", "filter")] * 2


def test_without_the_client_library_the_install_line_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tailor\[openai\]'"):
        OpenAIEngine(TeacherConfig(kind="chat", model="m"), tmp_path / "completions.db")


def test_a_server_that_stays_away_or_broken_is_a_failure_of_the_machine(tmp_path: Path) -> None:
    with ScriptedServer(lambda _: Reply(status=500, raw=b"{}")) as server:
        assert "fails or is busy after 1 tries more" in message_of(server, tmp_path, MachineError)
        assert len(server.bodies) == 2
        server.script = lambda _: Reply(raw=TORN)
        assert "does not end its answers" in message_of(server, tmp_path, MachineError)
    message = message_of(server, tmp_path, MachineError)
    assert f"server '{server.url}' cannot be reached" in message
    assert "run the same command again" in message


def test_what_is_under_way_when_a_request_fails_is_still_kept(tmp_path: Path) -> None:
    def script(body: Body) -> Reply:
        if body["messages"][-1]["content"] == "question 0":
            return refusing(400, "too long")(body)
        return replace(echo(body), delay=0.4)

    with ScriptedServer(script) as server:
        with pytest.raises(StageError, match="too long"):
            engine(server, tmp_path, concurrency=4).answer(requests(40))
        assert len(server.bodies) == 4
        engine(server, tmp_path).answer(requests(4)[1:])
        assert len(server.bodies) == 4


@pytest.mark.parametrize(
    "text",
    [
        "a\ud800b",
        "\x00\x1b[2J",
        "<script>alert(1)</script>{{ 7 * 7 }}{% raw %}",
        "'; drop table completions; --",
    ],
)
def test_any_text_is_kept_as_it_came(tmp_path: Path, text: str) -> None:
    with ScriptedServer(lambda _: Reply(text=text)) as server:
        (first,) = engine(server, tmp_path).answer(requests(1))
        (again,) = engine(server, tmp_path).answer(requests(1))
    assert first == again
    assert first.text == text.replace("\ud800", "\ufffd")
    assert len(server.bodies) == 1


def test_ten_megabytes_and_an_answer_without_content_are_completions_too(tmp_path: Path) -> None:
    with ScriptedServer(lambda _: Reply(text="x" * 10_000_000)) as server:
        (long,) = engine(server, tmp_path).answer(requests(1))
        server.script = lambda _: Reply(
            raw=b'{"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]}'
        )
        (empty,) = engine(server, tmp_path, model="other").answer(requests(1))
    assert len(long.text) == 10_000_000
    assert (empty.text, empty.finish, empty.usage.prompt_tokens) == ("", "filter", 0)


def test_it_may_be_called_where_an_event_loop_runs(tmp_path: Path) -> None:
    async def cell() -> list[Completion]:
        return engine(server, tmp_path).answer(requests(2))

    with ScriptedServer(echo) as server:
        assert len(asyncio.run(cell())) == 2


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "completions.db").write_bytes(b"no database, but long enough to be looked at" * 40)
    with ScriptedServer(echo) as server, pytest.raises(MachineError, match="move a damaged file away"):
        engine(server, tmp_path).answer(requests(1))


def test_a_file_that_takes_no_more_is_one_sentence_and_what_it_holds_stays(tmp_path: Path) -> None:
    with ScriptedServer(echo) as server:
        engine(server, tmp_path).answer(requests(2))
        full = (
            "create trigger full before insert on completions begin select raise(abort, 'disk is full'); end"
        )
        with sqlite3.connect(tmp_path / "completions.db") as database:
            database.execute(full)
        with pytest.raises(MachineError, match=r"cannot be read or written \(disk is full\)"):
            engine(server, tmp_path).answer(requests(5))
        assert len(engine(server, tmp_path).answer(requests(2))) == 2


ASKING = """
import sys
from pathlib import Path
from tailor_core.config.teacher import TeacherConfig
from tailor_core.inference.engine import Sampling
from tailor_core.inference.openai_engine import OpenAIEngine, Request
url, folder = sys.argv[1:]
sampling = Sampling(temperature=0.5, max_tokens=7, seed=3)
requests = [Request([{"role": "user", "content": f"question {i}"}], sampling) for i in range(60)]
config = TeacherConfig(kind="chat", model="m", base_url=url, concurrency=4)
found = OpenAIEngine(config, Path(folder) / "completions.db").answer(requests)
print(*[one.text for one in found], sep="\\n")
"""


def test_after_kills_only_what_is_missing_is_asked_for(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    """Killed three times in the middle: what is asked twice was in flight at a kill, and all answers are there."""
    concurrency, kills = 4, 3
    with ScriptedServer(lambda body: replace(echo(body), delay=0.02)) as server:
        command = [sys.executable, "-c", ASKING, server.url, str(tmp_path)]
        for kill in range(1, kills + 1):
            process = subprocess.Popen(command, env=python_environment, stdout=subprocess.DEVNULL)
            _wait(lambda kill=kill: len(set(server.asked())) >= 12 * kill)
            assert process.poll() is None
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            _wait(lambda: server.in_flight == 0)
        with sqlite3.connect(tmp_path / "completions.db") as database:
            (stored,) = database.execute("select count(*) from completions").fetchone()
        before = len(server.bodies)
        done = subprocess.run(command, env=python_environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"answer to question {i} with seed 3" for i in range(60)]
    assert 0 < stored < 60
    assert len(server.bodies) - before == 60 - stored
    repeated = Counter(server.asked())
    assert sum(count - 1 for count in repeated.values()) <= concurrency * kills


def _wait(until: Callable[[], bool]) -> None:
    for _ in itertools.takewhile(lambda _: not until(), range(3000)):
        time.sleep(0.01)
    assert until()

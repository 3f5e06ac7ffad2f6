"""The Prefect server of a run: its own process, which never outlives the run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tailor_core.errors import StageError
from tasks.server import prefect_server

pytestmark = pytest.mark.integration

HOLD = """
import sys, time
from pathlib import Path
from tasks.server import prefect_server
with prefect_server(Path(sys.argv[1])):
    print("started", flush=True)
    time.sleep(60)
"""


def test_the_server_ends_when_its_run_is_killed(tmp_path: Path, python_environment: dict[str, str]) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "server.log")],
        env={**python_environment, "PREFECT_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    assert run.stdout.readline() == "started\n"
    [server] = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    time.sleep(1)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 120
    while Path(f"/proc/{server}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{server}").exists()


def test_a_server_whose_run_is_gone_before_it_looks_ends(
    tmp_path: Path, python_environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        server = subprocess.Popen(
            [sys.executable, "-m", "tasks.server", str(listener.fileno()), str(gone.pid)],
            env={**python_environment, "PREFECT_HOME": str(tmp_path)},
            pass_fds=[listener.fileno()],
        )
        assert server.wait(120) == 1


def test_a_server_that_is_given_is_used_where_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as given:  # answers 501 to everything
        threading.Thread(target=given.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{given.server_port}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        with prefect_server(tmp_path / "server.log") as wait_until_ready:
            wait_until_ready()
            assert os.environ["PREFECT_API_URL"] == url
        given.shutdown()
    with (
        prefect_server(tmp_path / "server.log") as wait_until_ready,
        pytest.raises(StageError, match=rf"PREFECT_API_URL = '{url}' does not answer .*make up"),
    ):
        wait_until_ready()
    assert not (tmp_path / "server.log").exists()


def test_a_server_that_cannot_start_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "nonsense://")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with (
        prefect_server(tmp_path / "server.log") as wait_until_ready,
        pytest.raises(StageError, match=r"the Prefect server of this run .*server\.log"),
    ):
        wait_until_ready()
    assert "PREFECT_API_URL" not in os.environ
    assert (tmp_path / "server.log").read_text()

"""`tailor serve`, with a stand-in for vLLM; the real one is in `integration/test_vllm.py`."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from standin_vllm import make_environment, notes

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="guardians need Linux"),
]


@pytest.fixture
def environment(tmp_path: Path, python_environment: dict[str, str]) -> dict[str, str]:
    return {
        **python_environment,
        "TAILOR_VLLM_ENV": str(make_environment(tmp_path / "environment")),
        "TAILOR_HOME": str(tmp_path / "home"),
        "STANDIN_NOTES": str(tmp_path / "notes"),
    }


def serve(*options: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli", "serve", *options]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end_and_ends_well(
    environment: dict[str, str], tmp_path: Path, how: signal.Signals
) -> None:
    command = serve("tiny", "--port", "0", "--name", "small", "--set", "vllm.max_model_len=77")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    said = [process.stdout.readline() for _ in range(7)]
    (one,) = notes(tmp_path / "notes")
    arguments = " ".join(one["arguments"])
    assert "tailor_core/backbones/tiny --served-model-name small" in arguments
    assert "--max-model-len 77" in arguments
    url = f"http://127.0.0.1:{arguments.partition('--port ')[2].split()[0]}/v1"
    assert said[0].startswith(f"serving small at {url}; its log is {tmp_path / 'home' / 'servers'}")
    assert said[3:7] == ["[teacher]\n", 'kind = "chat"\n', 'model = "small"\n', f'base_url = "{url}"\n']
    process.send_signal(how)
    assert process.wait(60) == 0
    assert not any(psutil.pid_exists(one[name]) for name in ("server", "near", "far"))


def refusal(environment: dict[str, str], *options: str) -> str:
    done = subprocess.run(serve(*options), env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_what_cannot_be_served_is_one_sentence_and_exit_2(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"127.0.0.1:{port} (Address already in use)" in refusal(environment, "tiny", "--port", port)
    assert "vllm.dtype = 'int4' must" in refusal(environment, "tiny", "--set", "vllm.dtype=int4")
    assert "policy" in refusal(environment, "tiny", "--set", "policy.beta=1")
    assert "MODEL = 'nowhere' is neither" in refusal(environment, "nowhere")
    gone = {**environment, "TAILOR_VLLM_ENV": str(tmp_path / "gone")}
    assert "run make vllm-env" in refusal(gone, "tiny")
    assert not (tmp_path / "notes").exists(), "no server was started"


def test_a_server_that_ends_by_itself_is_told_with_its_log(environment: dict[str, str]) -> None:
    said = refusal({**environment, "STANDIN": "gives-up"}, "tiny", "--port", "0")
    assert "ended with status 3 (ValueError: no such dtype)" in said


def test_a_run_that_will_need_vllm_says_so_before_it_begins(
    environment: dict[str, str], tmp_path: Path
) -> None:
    gone = {**environment, "TAILOR_VLLM_ENV": str(tmp_path / "gone")}
    command = [sys.executable, "-m", "flows.cli", "run", "kk-tiny", "--set", "evaluation.engine=vllm"]
    done = subprocess.run(command, env=gone, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "run make vllm-env" in done.stderr

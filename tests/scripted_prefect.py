"""A Prefect API with one flow run, as a test scripts it; real HTTP, and Prefect's own client on the other side."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Running

from tailor_core.stages.events import Event

Answer = tuple[int, Any]


class ScriptedPrefect:
    """A flow run, its events, and the states that it was given; `refuse` are answers to the next states.

    While `away` is set, all is answered by 500.
    """

    def __init__(self) -> None:
        self.run = FlowRun(id=uuid4(), name="a run", flow_id=uuid4(), state=Running())
        self.events: list[Event] = []
        self.set: list[str] = []
        self.refuse: list[int] = []
        self.away = threading.Event()

    def answer(self, method: str, path: str, body: Any) -> Answer:
        """What the API says."""
        if self.away.is_set():
            return 500, {}
        if path.endswith("/csrf-token"):
            return 404, {}
        if path.endswith("/set_state"):
            if self.refuse:
                return self.refuse.pop(), {}
            state = State[Any].model_validate(body["state"])
            self.set.append(str(state.name))
            self.run.state = state
            return 201, {"state": _json(state), "status": "ACCEPT", "details": {"type": "accept_details"}}
        if path.endswith("/flow_runs/filter"):
            return 200, [_json(self.run)]
        if path.endswith("/logs/filter"):
            lines = [_record(event, self.run.id) for event in self.events]
            return 200, lines[body["offset"] :]
        if path.endswith("/logs/"):
            self.events += [event for one in body if (event := _event(one))]
            return 201, None
        if path.endswith("/task_runs/filter"):
            return 200, []
        if method == "PATCH":
            self.run.tags = body["tags"]
            return 204, None
        return 200, _json(self.run)


def _json(model: Any) -> Any:
    return model.model_dump(mode="json")


def _record(event: Event, run: UUID) -> dict[str, Any]:
    at = "2026-01-01T00:00:00Z"
    return {"id": str(uuid4()), "created": at, "updated": at, "timestamp": at, "flow_run_id": str(run)} | {
        "name": "tailor.stage",
        "level": 15,
        "message": event.to_line(),
    }


def _event(record: dict[str, Any]) -> Event | None:
    return Event(**json.loads(record["message"]))


@contextmanager
def serving(api: ScriptedPrefect) -> Iterator[None]:
    """This API is the one that Prefect's clients ask."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = api.answer(self.command, self.path.split("?")[0], body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = handle_one  # noqa: N815  # as http.server calls them

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            yield
    finally:
        server.shutdown()
        server.server_close()

"""An S3 API that a SIGKILL takes nothing from: `python lasting_s3.py HOST PORT JOURNAL`.

`moto` keeps its objects in memory. Here each request that changes something is in the journal, in one write, before it
is answered, and all of them are made again when the server starts: what a client was told is there, is there.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.test import Client
from werkzeug.wsgi import get_input_stream

_CHANGING = ("PUT", "POST", "DELETE")


class Journal:
    """A WSGI application that keeps what changes the one inside."""

    def __init__(self, inside: Callable[..., Iterable[bytes]], path: Path) -> None:
        self._inside, self._path, self._lock = inside, path, threading.Lock()
        self._replay()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _CHANGING:
            return self._inside(environ, start_response)
        body = get_input_stream(environ).read()
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        # In the order of the journal, or what is made again would differ from what was answered.
        with self._lock:
            line = json.dumps([_plain(environ), base64.b64encode(body).decode()]) + "\n"
            os.write(self._file, line.encode())
            return self._inside({**environ, **_input(body)}, start_response)

    def _replay(self) -> None:
        lines = self._path.read_text().splitlines(keepends=True) if self._path.exists() else []
        client = Client(self._inside)
        for line in lines:
            if line.endswith("\n"):  # else the server was killed as it wrote it, and answered nobody
                environ, body = json.loads(line)
                client.run_wsgi_app({**_rest(), **environ, **_input(base64.b64decode(body))})
        self._path.write_text("".join(line for line in lines if line.endswith("\n")))


def _rest() -> dict[str, Any]:
    """What a request has besides words."""
    return {"wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr}


def _plain(environ: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if isinstance(value, str)}


def _input(body: bytes) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def main(host: str, port: str, journal: str) -> None:
    """Serve until killed."""
    app = Journal(DomainDispatcherApplication(create_backend_app), Path(journal))
    make_server(host, int(port), app, threaded=True, request_handler=MotoRequestHandler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])

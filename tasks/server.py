"""A Prefect server for as long as one run lasts; it ends with the process that started it, even by SIGKILL.

Prefect's own temporary server outlives a killed run. This one watches its parent. It starts while the caller
imports its libraries, and listens from the first moment on, so that nobody has to guess when it is ready.
Where `PREFECT_API_URL` is set, that server is used and none is started.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import HTTPError

from tailor_core.artifacts.locks import held
from tailor_core.errors import StageError

_START_SECONDS = 180.0
"""The first start makes the database: 20 s on two busy cores."""
_STOP_SECONDS = 10.0
_REACH_SECONDS = 30.0

_TEMPORARY = "TAILOR_TEMPORARY_SERVER"
"""The variable that tells this process, and those that it starts, which server ends with it."""


def has_lasting_server() -> bool:
    """Whether the pages of the Prefect server in use will be there when the run is over."""
    url = os.environ.get("PREFECT_API_URL")
    return url is None or url != os.environ.get(_TEMPORARY)


@contextmanager
def prefect_server(log: Path) -> Iterator[Callable[[], None]]:
    """A server for the code inside; call what it gives to wait until the server answers.

    Enter it before Prefect is imported. What the server prints goes to the file `log`.
    """
    if given := os.environ.get("PREFECT_API_URL"):
        yield lambda: _reach(given)
        return
    with ExitStack() as starting:
        # Two servers that make one database at the same time would break it.
        starting.enter_context(held(log.with_suffix(".lock"), "the Prefect database"))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
            process = _start(listener, log)

        def wait() -> None:
            _wait(url, process, log)
            starting.close()

        os.environ["PREFECT_API_URL"] = os.environ[_TEMPORARY] = url
        try:
            yield wait
        finally:
            del os.environ["PREFECT_API_URL"], os.environ[_TEMPORARY]
            _stop(process)


def _start(listener: socket.socket, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "tasks.server", str(listener.fileno()), str(os.getpid())],
            pass_fds=[listener.fileno()],
            env={**os.environ, "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the run, which still has to tell the server of it
        )


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """The listener takes the request at once; it is answered when the server is up."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=_START_SECONDS):
            return
    except OSError as error:
        ended = process.poll()
        state = f"ended with status {ended}" if ended is not None else f"did not answer ({error})"
        raise StageError(
            f"the Prefect server of this run {state}; see {str(log)!r}, or set PREFECT_API_URL "
            "to a running server"
        ) from error


def _reach(url: str) -> None:
    """StageError where a server that was named, in the environment or by the file `.env`, is not there."""
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=_REACH_SECONDS).close()
    except HTTPError:  # it is there, whatever it thinks of this question
        return
    except (OSError, ValueError) as error:
        raise StageError(
            f"PREFECT_API_URL = {url!r} does not answer ({error}); start that server (make up), or unset the variable, "
            "which the file .env here may hold (make down)"
        ) from error


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _serve(listener: socket.socket, parent: int) -> None:
    """Serve until terminated, or until the process `parent` is gone, which it may be by now."""
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    import uvicorn

    config = uvicorn.Config("prefect.server.api.server:create_app", factory=True, log_level="error")
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_parent(parent: int) -> None:
    """Nobody is left to be served, and the database survives an abrupt end."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))

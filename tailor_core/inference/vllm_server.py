"""A vLLM server of our own: brought up for a model, watched while it is used, and given back.

It runs in the environment that `settings.find_vllm` finds, below two guardians (`inference.guardian`): whoever is
killed, the caller, a guardian or a part of vLLM, nothing of it stays.
"""

from __future__ import annotations

import http.client
import logging
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

from tailor_core.config.settings import find_vllm, vllm_arguments, vllm_variables
from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import InputError, MachineError, StageError, TailorError
from tailor_core.inference.guardian import guarded

LOCALHOST = "127.0.0.1"

_log = logging.getLogger("tailor.vllm")

_STOP_SECONDS = 15.0
"""For vLLM to end in good order; it takes one to six."""

_GUARDIANS_SECONDS = 20.0
"""The guardians need some more to end what is left."""

_LOOK_SECONDS = 0.25
_TELL_SECONDS = 30.0
_SHOWN = 300
_PREFIX = re.compile(r"^(\([^()]*\) )?([A-Z]+ [\d-]+ [\d:]+ \[[^\]]*\] )?")
"""What vLLM writes before a line: the process, the level, when and where."""

_CAUSE = re.compile(r"^[\w.]*(Error|Exception): .")


class VLLMServer:
    """A server that is to come up, or did. `name` is what the model is called there."""

    def __init__(self, process: subprocess.Popen[bytes], base_url: str, name: str, log: Path) -> None:
        self.base_url, self.name, self.log = base_url, name, log
        self.was_up = False
        self._process = process

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ends(self, seconds: float) -> bool:
        """Whether it has ended, or does so within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def died(self) -> TailorError:
        """How it ended, for a person: StageError where it gave up before it was up, else MachineError."""
        status = self._process.wait()
        ended = f"the vLLM server of {self.name!r} ended with status {status} ({_last_words(self.log)})"
        told = f"{ended}; see {str(self.log)!r}"
        if self.was_up or status > 128:  # a signal, such as SIGKILL where memory is short
            return MachineError(f"{told}; what was answered is kept, so run the same command again")
        return StageError(f"{told}, and mend what it names in [vllm]")


@contextmanager
def vllm_server(
    model: Path, config: VLLMConfig, logs: Path, *, name: str = "", host: str = LOCALHOST, port: int = 0
) -> Iterator[VLLMServer]:
    """A server of the model in a directory that answers, for as long as the context lasts.

    logs: the directory for its log
    name: what the model is called there; that of the directory where it is empty
    port: 0 is any that is free

    MissingExtraError where there is no vLLM, InputError where the port is taken, StageError or MachineError where
    the server does not come up.
    """
    python = find_vllm()
    name = name or model.name
    with closing(_reserve(host, port)) as reserved:
        port = reserved.getsockname()[1]
        # To itself it is reached under an address, where it listens on all of them
        reached = LOCALHOST if host in ("0.0.0.0", "") else host
        log = _new_log(logs, name)
        command = [str(python), *server_arguments(model, config, name=name, host=host, port=port)]
        process = _start(command, vllm_variables(config), log)
        server = VLLMServer(process, f"http://{reached}:{port}/v1", name, log)
        try:
            _wait(server, reached, port, config.start_seconds)
            yield server
        finally:
            _stop(process)


@contextmanager
def on_demand(
    model: Path, config: VLLMConfig, logs: Path, *, name: str = ""
) -> Iterator[Callable[[], VLLMServer]]:
    """Call what it gives for a server, which comes up at the first call; it is given back with the context."""
    with ExitStack() as stack:
        yield cache(lambda: stack.enter_context(vllm_server(model, config, logs, name=name)))


def server_arguments(model: Path, config: VLLMConfig, *, name: str, host: str, port: int) -> list[str]:
    """What Python is given to serve a model; see `settings.vllm_arguments`."""
    arguments = ["-m", "vllm.entrypoints.openai.api_server", "--disable-uvicorn-access-log"]
    arguments += ["--model", str(model), "--served-model-name", name, "--host", host, "--port", str(port)]
    for field, value in vllm_arguments(config).items():
        option = field.replace("_", "-")
        arguments += [f"--no-{option}"] if value is False else [f"--{option}", str(value)]
    return arguments


def _reserve(host: str, port: int) -> socket.socket:
    """A socket bound to a free port, which does not listen.

    While it is open Linux gives the port to nobody who asks for any, and vLLM, which sets SO_REUSEADDR as well, may
    bind and listen there: no time is left in which another could take it.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        reserved.bind((host, port))
    except (OSError, OverflowError) as error:
        reserved.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"a server cannot listen on {host}:{port} ({reason}); choose another --port, or end what listens there"
        ) from None
    return reserved


def _new_log(logs: Path, name: str) -> Path:
    logs.mkdir(parents=True, exist_ok=True)
    plain = re.sub(r"[^\w.-]+", "-", name)[-60:]
    return logs / f"{plain}-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.log"


def _start(command: list[str], variables: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(
            guarded(command, _STOP_SECONDS),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the caller, who then stops the server
        )


def _wait(server: VLLMServer, host: str, port: int, seconds: float) -> None:
    """Return when the server answers."""
    started = told = time.monotonic()
    _log.info("bringing up vLLM for %s; its log is %s", server.name, server.log)
    while not _is_healthy(host, port):
        now = time.monotonic()
        if not server.is_alive():
            raise server.died()
        if now - started > seconds:
            raise StageError(
                f"the vLLM server of {server.name!r} was not up after {seconds:g} s ({_last_words(server.log)}); see "
                f"{str(server.log)!r}, or raise vllm.start_seconds"
            )
        if now - told > _TELL_SECONDS:
            told = now
            _log.info("vLLM is not up yet after %.0f s: %s", now - started, _last_line(server.log))
        time.sleep(_LOOK_SECONDS)
    server.was_up = True
    _log.info("vLLM is up after %.0f s: %s at %s", time.monotonic() - started, server.name, server.base_url)


def _is_healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)  # which knows no proxies
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the guardians, and with them the server."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_SECONDS + _GUARDIANS_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()  # the inner one notices, and ends the rest
        process.wait()


def _last_words(log: Path) -> str:
    """What a log gives as the cause: its first and last error, or its last lines."""
    lines = _lines(log)
    causes = [line for line in lines if _CAUSE.match(line)]
    chosen = list(dict.fromkeys([*causes[:1], *causes[-1:]])) or lines[-3:]
    return " ... ".join(line[:_SHOWN] for line in chosen) or "it wrote nothing"


def _last_line(log: Path) -> str:
    return next((line[:_SHOWN] for line in reversed(_lines(log))), "it wrote nothing")


def _lines(log: Path) -> list[str]:
    """The lines of a log that say something, without what vLLM writes before each."""
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    stripped = (_PREFIX.sub("", line).strip() for line in text.splitlines())
    return [line for line in stripped if line]

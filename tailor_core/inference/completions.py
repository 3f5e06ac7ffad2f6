"""What servers were asked and answered: each completion is kept as it arrives, and never asked for twice.

A completion is found by its request: messages, model, sampling and form, not by where it was asked. So a stage that
was killed, or one whose prompts changed in part, asks for what is missing alone. It is one SQLite file, which a kill
does not harm and several processes may share.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from tailor_core.errors import MachineError
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.records import content_id

_BUSY_SECONDS = 60.0
"""How long to wait for another process that writes."""

_TABLE = "create table if not exists completions (request text primary key, completion text not null)"


def request_key(model: str, messages: Messages, sampling: Sampling, response_format: str) -> str:
    """The identity of a request for one completion: 64 hex digits."""
    asked = {name: value for name, value in asdict(sampling).items() if name != "n"}
    return content_id([model, list(messages), asked, response_format], length=64)


class CompletionStore:
    """Completions by the key of their request. MachineError where their file cannot be read or written."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path, self._database = path, database

    def find(self, request: str) -> Completion | None:
        """The completion of a request; None where it was not answered yet."""
        asked = "select completion from completions where request = ?"
        with _told_of(self._path):
            row = self._database.execute(asked, (request,)).fetchone()
        return _completion(row[0]) if row else None

    def keep(self, request: str, completion: Completion) -> None:
        """Keep a completion through the death of this process; where the request has one already, that stays."""
        with _told_of(self._path), self._database:
            self._database.execute(
                "insert into completions values (?, ?) on conflict do nothing",
                (request, json.dumps(asdict(completion))),
            )


@contextmanager
def open_completions(path: Path) -> Iterator[CompletionStore]:
    """The completions in a file, which need not exist; one thread at a time may use them."""
    with _told_of(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    with closing(database):
        with _told_of(path):
            database.execute("pragma journal_mode = wal")
            # A commit then waits for no disk: a kill loses nothing, a power cut the last ones, which are asked again.
            database.execute("pragma synchronous = normal")
            database.execute(_TABLE)
        yield CompletionStore(path, database)


@contextmanager
def _told_of(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise MachineError(
            f"the completions in {str(path)!r} cannot be read or written ({error}); free space, mend its "
            "permissions, or move a damaged file away, whose completions are then asked for again"
        ) from error


def _completion(text: str) -> Completion:
    values = json.loads(text)
    return Completion(
        text=values["text"],
        token_ids=tuple(values["token_ids"]),
        logprobs=tuple(values["logprobs"]),
        finish=values["finish"],
        usage=Usage(**values["usage"]),
    )

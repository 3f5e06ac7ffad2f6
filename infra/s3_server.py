"""An S3 API for one machine: moto's, which holds objects in memory, with a copy of them on disk.

A write is answered when it is on disk, and a server that was killed begins with what was written. It asks nobody who
they are, so it is bound to loopback. For trying things, and for tests: a lab has a real object store.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import run_simple

_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS buckets (bucket TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS objects (bucket TEXT, key TEXT, etag TEXT, file TEXT, PRIMARY KEY (bucket, key));
"""


class Copy:
    """What is in memory, on disk: a file for each object, and a database that says which is which."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "objects"
        self._files.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "objects.db", check_same_thread=False)
        self._database.executescript(_TABLES)
        self._memory: Any = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._known: dict[tuple[str, str], tuple[Any, str]] = {}
        self._lock = threading.Lock()

    def restore(self) -> None:
        """Put into memory what is on disk."""
        for (bucket,) in self._database.execute("SELECT bucket FROM buckets"):
            self._memory.create_bucket(bucket, "us-east-1")
        for bucket, key, etag, file in self._database.execute("SELECT bucket, key, etag, file FROM objects"):
            content = (self._files / file).read_bytes()
            self._known[bucket, key] = self._memory.put_object(bucket, key, content, etag=etag), file
        kept = {file for _, file in self._known.values()}
        for left in self._files.iterdir():  # of writes that nobody was told of
            if left.name not in kept:
                left.unlink()

    def keep(self) -> None:
        """Put on disk what changed in memory since."""
        with self._lock, self._database:
            living: dict[tuple[str, str], Any] = {}
            for bucket in list(self._memory.buckets.values()):
                self._database.execute("INSERT OR IGNORE INTO buckets VALUES (?)", (bucket.name,))
                living |= {(bucket.name, key): held for key, held in list(bucket.keys.items())}
            ended = []
            for place, held in living.items():
                before, file = self._known.get(place, (None, ""))
                if held is not before:
                    self._known[place] = held, self._write(held.value)
                    row = (*place, held.etag.strip('"'), self._known[place][1])
                    self._database.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", row)
                    ended.append(file)
            for place in self._known.keys() - living.keys():
                ended.append(self._known.pop(place)[1])
                self._database.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", place)
        for file in filter(None, ended):
            (self._files / file).unlink(missing_ok=True)

    def _write(self, content: bytes) -> str:
        name = uuid.uuid4().hex
        with (self._files / name).open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        return name


def application(copy: Copy) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Moto's, which answers a request that may have written something once it is kept."""
    moto: Any = DomainDispatcherApplication(create_backend_app)

    def answer(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        response = moto(environment, start)
        if environment["REQUEST_METHOD"] not in ("GET", "HEAD"):
            copy.keep()
        return response  # type: ignore[no-any-return]

    return answer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="where it listens; it asks nobody for a password")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the copy is")
    arguments = parser.parse_args()
    copy = Copy(arguments.folder)
    copy.restore()
    run_simple(
        arguments.host, arguments.port, application(copy), threaded=True, request_handler=MotoRequestHandler
    )


if __name__ == "__main__":
    main()

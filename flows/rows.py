"""JSON lines in, JSON lines out: one row out for each row in, whatever the rows hold."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tailor_core.environments.rows import json_object
from tailor_core.errors import InputError, TailorError

Row = Mapping[str, Any]


def read_rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """`line 3` and its object, for each line of stdin that is not blank; InputError naming the line.

    Bytes that are not UTF-8 become replacement characters: an answer may hold anything.
    """
    if sys.stdin is None:
        raise InputError("stdin is closed, but must hold the rows; give them with < or a pipe")
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        text = raw.decode("utf-8", errors="replace").strip()
        if text:
            where = f"line {number}"
            yield where, json_object(text, where)


def answer_rows(answer: Callable[[dict[str, Any]], Row]) -> Iterator[Row]:
    """The answer to each row of stdin; an error of a row names its line."""
    for where, row in read_rows():
        try:
            yield answer(row)
        except TailorError as error:
            raise InputError(f"{where}: {error}") from error


def write_rows(rows: Iterable[Row]) -> None:
    """Print each row as soon as it is there, so that a pipe flows; ASCII, so that any row can be printed."""
    try:
        for row in rows:
            if sys.stdout is not None:  # closed, it takes nothing, and `print` says nothing of it either
                sys.stdout.write(json.dumps(row, allow_nan=False) + "\n")
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has had enough; let the interpreter close stdout without complaint.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None

"""Problems out of files: those of `export`, Logic-RL's, reasoning-gym's entries, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tailor_core.environments.rows import json_object, problem_from_json, shown
from tailor_core.errors import InputError, TailorError
from tailor_core.records import Problem

_ROWS = 1000


def read_problems(path: Path, environment: str) -> Iterator[Problem]:
    """The problems of a .parquet or .jsonl file, or of all such files in a folder; InputError names the row.

    They must be of the family `environment`, which is also taken where a row does not name one.
    """
    for file in _files(path):
        for number, row in enumerate(_rows(file), start=1):
            try:
                problem = problem_of_row(row, environment)
                if problem.environment != environment:
                    raise InputError(
                        f"the problem is of the family {problem.environment!r}, but {environment!r} was asked for; "
                        "name that family"
                    )
            except TailorError as error:
                raise InputError(f"{str(file)!r} row {number}: {error}") from error
            yield problem


def problem_of_row(row: Mapping[str, Any], environment: str | None = None) -> Problem:
    """The problem of a row in the form of verl, TRL, Hugging Face, a peer of the family, or a JSON line."""
    extra = row.get("extra_info")
    whole = row.get("problem", extra.get("problem") if isinstance(extra, Mapping) else None)
    if whole is None:
        return problem_from_json(row, environment)
    line = json_object(whole, "problem") if isinstance(whole, str) else whole
    if not isinstance(line, Mapping):
        raise InputError(f"problem = {shown(whole)}, but must be a problem as JSON text")
    return problem_from_json(line, environment)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in (".parquet", ".jsonl"))
        if not files:
            raise InputError(
                f"{str(path)!r} holds no .parquet or .jsonl file; name a folder or file that does"
            )
        return files
    if path.suffix not in (".parquet", ".jsonl"):
        raise InputError(f"{str(path)!r} is neither a folder nor a .parquet or .jsonl file; name one")
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist; name a file that does")
    return [path]


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    if file.suffix == ".jsonl":
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield json_object(line, f"{str(file)!r} line {number}")
        return
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(file) as table:
            for batch in table.iter_batches(_ROWS):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"{str(file)!r} is no Parquet file that can be read ({str(error).splitlines()[0]})"
        ) from error

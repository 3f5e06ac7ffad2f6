"""Problems into a folder that verl, TRL or Hugging Face `datasets` reads: a Parquet file a split, and a dataset card.

Problems are drawn, turned into rows and written some thousand at a time, so memory does not grow with their number but
for the hashes that keep them apart. The folder appears whole, by one rename.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from tailor_core.artifacts.durable import flush
from tailor_core.artifacts.refs import is_name
from tailor_core.environments import Wanted
from tailor_core.environments.rows import problem_to_json
from tailor_core.environments.seen import Seen
from tailor_core.errors import InputError, RecipeError
from tailor_core.exchange.card import SplitSize, dataset_card
from tailor_core.exchange.verl import to_verl
from tailor_core.records import Problem, canonical_json

_ROWS = 2000
"""Rows of a row group, and problems in memory at a time."""


def to_trl(problem: Problem, index: int) -> dict[str, Any]:
    """A row for TRL's trainers: the prompt as messages, and the column that `reward_function` reads."""
    return {
        "prompt": [{"role": "user", "content": problem.question}],
        "problem": canonical_json(problem_to_json(problem)),
    }


def to_huggingface(problem: Problem, index: int) -> dict[str, Any]:
    """A row to look at and to filter: the columns of a JSON line, with metadata as JSON text, and what is in it."""
    return {
        **problem_to_json(problem),
        "metadata": canonical_json(problem.metadata),
        "difficulty": canonical_json(problem.difficulty),
        "canonical_hash": problem.canonical_hash,
    }


FORMATS: Mapping[str, Callable[[Problem, int], dict[str, Any]]] = {
    "huggingface": to_huggingface,
    "trl": to_trl,
    "verl": to_verl,
}


def export(wanted: Wanted, form: str, folder: Path) -> None:
    """Write `<split>.parquet` for each split, and README.md, into a new or empty folder.

    InputError where there is no such form or the folder holds something; RecipeError where a split cannot hold as
    many problems, or where a family puts a problem into two splits.
    """
    if form not in FORMATS:
        raise InputError(f"export = {form!r} is not known; use one of {', '.join(FORMATS)}")
    if empty := [split for split, count in wanted.splits.items() if not count]:
        raise InputError(
            f"the split {empty[0]!r} would be empty, and a file of no row has no columns; ask for some"
        )
    if wrong := [split for split in wanted.splits if not is_name(split)]:
        raise InputError(f"the split {wrong[0]!r} names a file, so it must be letters, digits, '_' and '.'")
    if _holds_something(folder):
        raise _there_already(folder)
    seen, sizes = Seen(), {}
    with _beside(folder) as temporary:
        # One within has the permissions of any new folder; what tempfile makes is for its owner alone.
        partial = temporary / "new"
        partial.mkdir()
        with tqdm(
            total=sum(wanted.splits.values()), desc=form, unit="problem", unit_scale=True, disable=None
        ) as bar:
            for split in wanted.splits:
                rows = _rows(wanted, split, form, seen, bar)
                sizes[split] = _write(partial / f"{split}.parquet", rows)
        card = dataset_card(wanted, form, sizes)
        (partial / "README.md").write_text(card, encoding="utf-8")
        flush(partial)
        try:
            partial.rename(folder.resolve())
        except OSError as error:
            if not _holds_something(folder):
                raise
            raise _there_already(folder) from error  # another export came first


def _holds_something(folder: Path) -> bool:
    return folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))


def _there_already(folder: Path) -> InputError:
    return InputError(f"output = {str(folder)!r} is there already; name a new folder, or remove it first")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A directory of this export alone, on the disk of `folder`, removed in the end; InputError where none can be."""
    parent = folder.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=parent, prefix="tailor-export-")
    except OSError as error:
        why = f"({error.strerror})"
        if isinstance(error, NotADirectoryError | FileExistsError):  # a file is on the way
            why = f"as it is no path ({os.strerror(errno.ENOTDIR)})"
        raise InputError(
            f"output = {str(folder)!r} cannot be made a directory {why}; choose another"
        ) from error
    with made as temporary:
        yield Path(temporary)


def _rows(wanted: Wanted, split: str, form: str, seen: Seen, bar: tqdm) -> Iterator[dict[str, Any]]:
    to_row = FORMATS[form]
    for index, problem in enumerate(wanted.problems(split)):
        if problem.canonical_hash in seen:
            raise RecipeError(
                f"the family {wanted.environment.name!r} gives problem {problem.id!r} of the split {split!r} twice; "
                "mend its splits, which must not share a canonical hash"
            )
        seen.add(problem.canonical_hash)
        yield to_row(problem, index)
        bar.update()


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> SplitSize:
    """A Parquet file whose columns are those of its first rows."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    part = list(islice(rows, _ROWS))
    table = pyarrow.Table.from_pylist(part)
    count = in_memory = 0
    with closing(ParquetWriter(path, table.schema, compression="zstd", write_statistics=False)) as writer:
        while part:
            table = pyarrow.Table.from_pylist(part, schema=table.schema)
            writer.write_table(table)
            count, in_memory = count + len(part), in_memory + table.nbytes
            part = list(islice(rows, _ROWS))
    return SplitSize(rows=count, in_memory=in_memory, on_disk=path.stat().st_size, schema=table.schema)

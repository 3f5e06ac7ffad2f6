"""What a person sees of a run: a line as a stage starts and as it ends, and a table of the result."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from tailor_core.errors import ArtifactError

OVERALL = "all"
_WIDEST = 10_000

STDERR = Console(stderr=True, highlight=False)
"""What lines and bars of progress are printed on: on one console, so that a line appears above the bar."""


def show_progress() -> None:
    """Print the progress of a run, and the library's warnings, to stderr."""
    handler = _Lines()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", datefmt="%H:%M:%S"))
    for name, level in (("tailor", logging.INFO), ("tailor_core", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


class _Lines(logging.Handler):
    """A line on stderr for each record, bright where a stage was made, dim where it was there already."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else "dim" if " hit " in record.msg else None
        STDERR.print(self.format(record), style=style, soft_wrap=True, markup=False)


def result_table(summary: Mapping[str, Any], unit: str) -> Table:
    """Accuracy of each model on each split and difficulty, with its interval; `n` counts problems.

    `summary` is the evaluation's summary.json, `unit` what difficulty counts, such as people.
    """
    models = summary["models"]
    confidence = summary["settings"]["confidence"]
    title = f"Correct answers in percent (pass@1), with {confidence:.0%} intervals"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("split", unit, "n"):
        table.add_column(column, justify="left" if column == "split" else "right")
    for model in models:
        table.add_column(model.replace("_", " "))
    for split in summary["splits"]:
        groups = {model: part["splits"].get(split) for model, part in models.items()}
        for level in _levels(groups):
            cells = {model: _cell(group, level) for model, group in groups.items()}
            first = next(group for group in groups.values() if group)
            problems = _group(first, level)["problems"]
            table.add_row(
                split if level == OVERALL else "",
                level,
                str(problems),
                *cells.values(),
                style="bold" if level == OVERALL else None,
                end_section=level == _levels(groups)[-1],
            )
    return table


def print_whole(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table of values, none of them cut short: a pipe is as wide as it has to be."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in ("rows", "files", "size") else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row))
    print_uncut(table)


def print_figures(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose first column is what the figures in the others are of."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="right" if place else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    print_uncut(table)


def print_uncut(shown: RenderableType) -> None:
    """Print a table or a tree as wide as it has to be."""
    console = Console(highlight=False)
    needed = console.measure(shown, options=console.options.update(width=_WIDEST)).maximum
    Console(highlight=False, width=max(needed, console.width)).print(shown)


def read_summary(directory: Path) -> dict[str, Any]:
    """summary.json of an evaluation artifact; ArtifactError where it cannot be read."""
    try:
        value: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"the evaluation in {str(directory)!r} has no readable summary.json ({error}); run again"
        ) from error
    return value


def _levels(groups: Mapping[str, Any]) -> list[str]:
    """`all`, and each difficulty where there are several."""
    found = {level for group in groups.values() if group for level in group["by_difficulty"]}
    return [OVERALL, *(sorted(found, key=int) if len(found) > 1 else [])]


def _group(group: Mapping[str, Any], level: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = group if level == OVERALL else group["by_difficulty"].get(level, {})
    return found


def _cell(group: Mapping[str, Any] | None, level: str) -> str:
    found = _group(group, level) if group else {}
    if not found:
        return "-"
    value = found["pass@1"]
    return f"{100 * value['value']:.1f} ({100 * value['low']:.1f}-{100 * value['high']:.1f})"

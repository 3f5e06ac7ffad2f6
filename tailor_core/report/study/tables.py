"""A table of the study in its three forms: in the page, as CSV with all digits, and as LaTeX (booktabs)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import polars

from tailor_core.report.text import visible

Value = str | float | int | None

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "ρ": r"$\rho$",
}

_LONG_HEADING = 12
"""Characters that stand in one line."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in CSV, its heading, and what it means, to be read below the table and by hovering.

    where_varied: people see it only where its values differ; CSV always has it
    printed: it is in LaTeX too
    """

    name: str
    heading: str
    meaning: str = ""
    number: bool = True
    where_varied: bool = False
    printed: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure.

    text: as people read it; note: smaller, below it, such as an interval
    value: with all digits, by which the table is sorted; more: further columns of the CSV, `<name>_<key>`
    href: the anchor of the trials that it comes from
    colour: of the arm that the cell names
    """

    text: str
    note: str = ""
    value: Value = None
    more: Mapping[str, Value] = field(default_factory=dict)
    href: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; one that is `folded` is closed at first in the page."""

    kind: ClassVar[str] = "table"
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    about: str = ""
    folded: bool = False

    @property
    def shown(self) -> tuple[int, ...]:
        """The places of the columns that people see."""
        return tuple(
            place
            for place, column in enumerate(self.columns)
            if not column.where_varied or len({row[place].value for row in self.rows}) > 1
        )

    @property
    def meanings(self) -> tuple[tuple[str, str], ...]:
        """Heading and meaning of each column that people see and that does not say it all in its heading."""
        columns = (self.columns[place] for place in self.shown)
        return tuple((column.heading, column.meaning) for column in columns if column.meaning)

    def frame(self) -> polars.DataFrame:
        """All values, a column each; what a cell has `more` of follows its column."""
        series: dict[str, list[Value]] = {}
        for place, column in enumerate(self.columns):
            cells = [row[place] for row in self.rows]
            series[column.name] = [cell.value for cell in cells]
            for key in dict.fromkeys(key for cell in cells for key in cell.more):
                series[f"{column.name}_{key}"] = [cell.more.get(key) for cell in cells]
        return polars.DataFrame([polars.Series(name, _alike(values)) for name, values in series.items()])

    def csv(self) -> str:
        """With a line of headings; text is as it is but for what does not show."""
        return self.frame().write_csv()

    def latex(self) -> str:
        """A `table` with booktabs' rules, to be included; it is as wide as the text at most."""
        printed = [place for place in self.shown if self.columns[place].printed]
        columns = [self.columns[place] for place in printed]
        aligned = ["r" if column.number else "l" for column in columns]
        lines = [
            "% needs \\usepackage{booktabs,adjustbox,makecell}",
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{latex_text(self.title)}}}",
            f"\\label{{tab:{self.name}}}",
            "\\begin{adjustbox}{max width=\\textwidth}",
            f"\\begin{{tabular}}{{{''.join(aligned)}}}",
            "\\toprule",
            _latex_row(
                _latex_stack(_halves(column.heading), side)
                for column, side in zip(columns, aligned, strict=True)
            ),
            "\\midrule",
            *(
                "\\addlinespace[3pt] "
                + _latex_row(
                    _latex_stack([row[place].text, row[place].note], side)
                    for place, side in zip(printed, aligned, strict=True)
                )
                for row in self.rows
            ),
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{adjustbox}",
            "\\end{table}",
        ]
        return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Text for LaTeX, its special characters escaped, on one line."""
    return "".join(_LATEX.get(character, character) for character in " ".join(visible(text).split()))


def heading(name: str, title: str, meaning: str = "") -> Column:
    """A column of words."""
    return Column(name, title, meaning, number=False)


BACKBONE = Column("backbone", "Backbone", number=False, where_varied=True)


def words(text: str, *, href: str = "", colour: str = "") -> Cell:
    """A cell of words, which are its value too."""
    return Cell(visible(text), value=visible(text), href=href, colour=colour)


def nothing(text: str = "–") -> Cell:
    """Where there is no figure."""
    return Cell(text)


def _halves(text: str) -> Sequence[str]:
    """A long heading in two lines."""
    spaces = [place for place, character in enumerate(text) if character == " "]
    if len(text) <= _LONG_HEADING or not spaces:
        return [text]
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return [text[:middle], text[middle + 1 :]]


def _latex_stack(lines: Sequence[str], side: str) -> str:
    """The lines that are not empty, one below another."""
    texts = [latex_text(line) for line in lines if line]
    stack = r" \\ ".join(texts)
    return f"\\makecell[t{side}]{{{stack}}}" if len(texts) > 1 else stack


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _alike(values: Sequence[Value]) -> list[Value]:
    """Values of one type, for a column: text where any is text; what is not finite is nothing."""
    known = [None if isinstance(v, float) and not math.isfinite(v) else v for v in values]
    if any(isinstance(value, str) for value in known):
        return [value if value is None or isinstance(value, str) else str(value) for value in known]
    if any(isinstance(value, float) for value in known):
        return [value if value is None else float(value) for value in known]
    return list(known)


def csv_name(text: str) -> str:
    """A name for a file or a label: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"

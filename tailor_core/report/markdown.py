"""Markdown whose tables and links are ours alone, whatever the text in them says.

Text that we did not write goes into code spans: nothing in one is a link, an element or emphasis, in any dialect. What
would end the span, or the cell of a table around it, is written as a `\\uXXXX` escape, as is what does not show. In
sentences of ours that repeat a name, so is whatever could be markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tailor_core.report.text import label

_LENGTH = 120
_ENDS_CODE = re.compile(r"[`|]")
_MARKUP = re.compile(
    r"""[^\w\s.,;:%()+=@<'-]        # what is no word and no plain punctuation
    | (?<!\w)_ | _(?!\w)          # emphasis
    | <(?!\s)                     # an element
    | (?<=www)\.                  # an address that some dialects find by themselves
    | @(?!\d+(?![\w.-]))          # one of mail; `pass@1` is none
    """,
    re.VERBOSE | re.IGNORECASE,
)


def code(text: object, length: int = _LENGTH) -> str:
    """Any text as a code span of one line and at most `length` characters; empty text stays empty."""
    line = label(str(text), length)
    return f"`{_ENDS_CODE.sub(_escape, line)}`" if line else ""


def prose(text: str) -> str:
    """A sentence or a heading in plain words, whatever names are in it."""
    return _MARKUP.sub(_escape, text)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already, all but the first column to the right."""
    lines = [headings, ["---", *("---:" for _ in headings[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of names with what they are; those that are empty are left out."""
    return "\n".join(f"- {name}: {value}" for name, value in pairs if value)


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def link(words: str, url: str) -> str:
    """A link to an address of ours, whose words are no foreign text."""
    return f"[{words}](<{url}>)"

"""Text and numbers as the page shows them. What models wrote is hostile until proven otherwise.

Escaping is the templates' work (autoescape); this module takes out what survives escaping: control, format
and bidirectional characters, lone surrogates, and sheer length.
"""

from __future__ import annotations

import unicodedata
from datetime import timedelta

_KEPT_CONTROLS = frozenset("\n\t")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LABEL_LENGTH = 40
_ACRONYMS = {"sft": "SFT"}


def visible(text: str) -> str:
    """The text with every character that does not show, or that reorders others, as a `\\uXXXX` escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text.replace("\r\n", "\n"))


def _shown(character: str) -> str:
    if character in _KEPT_CONTROLS or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clip(text: str, length: int) -> str:
    """At most `length` characters, and a note of how many are left out."""
    left_out = len(text) - length
    return text if left_out <= 0 else f"{text[:length]} [... {left_out:,} more characters]"


def label(text: str, length: int = _LABEL_LENGTH) -> str:
    """One short line for a chart or a heading."""
    line = " ".join(visible(text[: 4 * length]).split())
    return line if len(line) <= length else line[: length - 3].rstrip() + "..."


def humanise(name: str) -> str:
    """An identifier as words: `warm_start` -> `warm start`."""
    return label(" ".join(_ACRONYMS.get(word, word) for word in name.split("_")))


def percent(share: float, digits: int = 1) -> str:
    """`0.6612` -> `66.1%`."""
    return f"{100 * share:.{digits}f}%"


def points(difference: float) -> str:
    """A difference of shares in percentage points, signed: `0.178` -> `+17.8`."""
    return f"{100 * difference:+.1f}"


def moment(stamp: str) -> str:
    """A UTC time in ISO 8601 as people read it: `2026-11-21T10:10:30+00:00` -> `2026-11-21 10:10:30 UTC`."""
    return label(stamp.replace("T", " ").replace("+00:00", " UTC"))


def count(number: float) -> str:
    """`12345` -> `12,345`."""
    return f"{number:,.0f}"


def quantity(number: float) -> str:
    """Four significant digits, without an exponent where that is readable."""
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:.4g}"


def duration(seconds: float) -> str:
    """`254.2` -> `4 min 14 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(int(whole.total_seconds()), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {left:02d} s" if minutes else f"{left} s"


def size(number: int) -> str:
    """Bytes with a decimal unit: `1234567` -> `1.2 MB`."""
    if number < 1000:
        return f"{number} B"
    value, units = number / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def p_value(value: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"

"""Scores of reasoning-gym for any text and any entry: its scorers are not written for hostile ones.

Several hand the answer, or a part of the entry, to Python's `eval` or to sympy, which does so too; one pays in full for
"nan", another for the integral that was asked for, written down again. What such a scorer gets to see is therefore
confined to what an answer needs: no calls in lists, no names but those of functions in formulas. That keeps code from
being run; a formula may still be made so that sympy takes long over it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_MOST_LETTERS = 20_000

_FUNCTIONS = "sin|cos|tan|sec|csc|cot|asin|acos|atan|sinh|cosh|tanh|exp|log|ln|sqrt|Abs|pi"

_LIST = re.compile(r"[^()*{}:=\\]*")
_SUM = re.compile(r"(?:[\d\s+\-/()]|(?<!\*)\*(?!\*))*")
_FORMULA = re.compile(rf"(?:[\d\s+\-*/^().,=|]|(?<![A-Za-z])(?:[A-Za-z]|{_FUNCTIONS})(?![A-Za-z]))*")
_COMPLEX = re.compile(r"[\d\s+\-.()ijIJ]*")

_FORMS = {
    "binary_matrix": _LIST,
    "complex_arithmetic": _COMPLEX,
    "countdown": _SUM,
    "intermediate_integration": _FORMULA,
    "n_queens": _LIST,
    "number_sorting": _LIST,
    "polynomial_multiplication": _FORMULA,
    "puzzle24": _SUM,
    "simple_integration": _FORMULA,
    "spiral_matrix": _LIST,
    "string_insertion": _LIST,
}
"""Data set -> what an answer may look like, where the scorer would evaluate anything, or be fooled."""

_EVALUATED_PARTS = {
    "bitwise_arithmetic": ("problem", re.compile(r"[\dxa-f\s()+\-*<>&|^~]*")),
    "intermediate_integration": ("integrand", _FORMULA),
    "simple_integration": ("integrand", _FORMULA),
}
"""Data set -> the part of its metadata that the scorer evaluates, and what it may look like."""

_TAKES_ANYTHING = frozenset({"game_of_life_halting"})
"""Their scorer gives any text the full score; here the answer must be the recorded one."""


def score_answer(dataset: Any, name: str, text: str, entry: Mapping[str, Any]) -> tuple[float, str]:
    """reasoning-gym's score in [0, 1], and why it is 0 where its scorer was not asked or failed."""
    if len(text) > _MOST_LETTERS:
        return 0.0, f"the answer is longer than {_MOST_LETTERS} letters"
    if name == "composite":
        name = entry["metadata"].get("source_dataset", name)
    if not _allowed(_FORMS.get(name), text):
        return 0.0, "the answer holds what no answer of this data set needs"
    part, form = _EVALUATED_PARTS.get(name, ("", None))
    if not (_allowed(_FORMS.get(name), entry["answer"]) and _allowed(form, entry["metadata"].get(part))):
        return 0.0, "the problem holds what none of this data set needs"
    if name in _TAKES_ANYTHING:
        return float(text == entry["answer"]), ""
    try:
        score = float(dataset.score_answer(text, dict(entry)))
    except Exception as error:  # an answer may be anything, and most scorers expect their own form
        return 0.0, f"reasoning-gym cannot read the answer ({type(error).__name__})"
    return (score, "") if 0.0 <= score <= 1.0 else (0.0, f"reasoning-gym's score is {score}")


def _allowed(form: re.Pattern[str] | None, text: object) -> bool:
    return form is None or (isinstance(text, str) and form.fullmatch(text) is not None)

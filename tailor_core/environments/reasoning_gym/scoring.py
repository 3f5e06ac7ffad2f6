"""Scores of reasoning-gym for any text and any entry: its scorers are not written for hostile ones.

Several hand the answer, or a part of the entry, to Python's `eval` or to sympy, which does so too; one pays in full for
"nan", another for the integral that was asked for, written down again, and several for the right answer with a denial
before it or a second answer behind. What such a scorer gets to see is therefore confined to what an answer needs: no
calls in lists, no names but those of functions in formulas, one number where one is asked for. That keeps code from
being run; a formula may still be made so that sympy takes long over it. Those that pay for what is no answer at all are
not asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tailor_core.environments.countdown.expressions import read_expression

_MOST_LETTERS = 20_000

_FUNCTIONS = "sin|cos|tan|sec|csc|cot|asin|acos|atan|sinh|cosh|tanh|exp|log|ln|sqrt|Abs|pi"

_LIST = re.compile(r"[^()*{}:=\\]*")
_SUM = re.compile(r"(?:[\d\s+\-/()]|(?<!\*)\*(?!\*))*")
_FORMULA = re.compile(rf"(?:[\d\s+\-*/^().,=|]|(?<![A-Za-z])(?:[A-Za-z]|{_FUNCTIONS})(?![A-Za-z]))*")
_COMPLEX = re.compile(r"[\d\s+\-.()ijIJ]*")
_NUMBER = re.compile(r"\s*-?\d+(?:\.\d+)?\s*")
_GRID = re.compile(r"[\d\s-]*")
_PROBABILITY = re.compile(r"\s*\d{1,15}(?:/\d{1,15}|\.\d{1,20})?(?:e-\d{1,2})?\s*")
_POINT_OR_NUMBER = re.compile(r"\s*(?:\(\s*-?[\d./]+\s*,\s*-?[\d./]+\s*\)|-?[\d./]+\s*\N{DEGREE SIGN}?)\s*")
_FRACTION = re.compile(r"\s*\$?\s*(?:-?\d+\s*/\s*-?\d+|\\d?frac\{-?\d+\}\{-?\d+\})\s*\$?\s*")
_ROLES = re.compile(r"\s*\w+ is an? \w+(?:(?:, and |, | and )\w+ is an? \w+)*\.?\s*")
_ROOT = r"\s*-?\d+(?:\.\d+)?(?:e[+-]?\d{1,3})?\s*"
_SPAN = re.compile(r"\s*(?:-?\d+(?: days?)?|(?:-?\d+ days?, )?\d{1,3}:\d\d(?::\d\d(?:\.\d+)?)?)\s*")

_FORMS = {
    "advanced_geometry": _POINT_OR_NUMBER,
    "binary_matrix": _LIST,
    "coin_flip": _PROBABILITY,
    "complex_arithmetic": _COMPLEX,
    "countdown": _SUM,
    "fraction_simplification": _FRACTION,
    "gsm_symbolic": _NUMBER,
    "intermediate_integration": _FORMULA,
    "kakurasu": re.compile(r"[01\s]*"),
    "knights_knaves": _ROLES,
    "n_queens": _LIST,
    "number_sorting": _LIST,
    "polynomial_equations": re.compile(rf"\s*|{_ROOT}(?:,{_ROOT})*"),
    "polynomial_multiplication": _FORMULA,
    "pool_matrix": re.compile(r"[\d\s.-]*"),
    "puzzle24": _SUM,
    "quantum_lock": re.compile(r"[A-C\s,>\-\N{RIGHTWARDS ARROW}]*"),
    "simple_integration": _FORMULA,
    "sokoban": re.compile(r"[UDLR]*"),
    "spiral_matrix": _LIST,
    "string_insertion": _LIST,
    "survo": _GRID,
    "time_intervals": _SPAN,
    "time_intervals of date": re.compile(r"\s*-?\d+(?: days?)?\s*"),
}
"""Data set, or its tasks of a type -> what an answer may look like, where the scorer would evaluate anything, or be
fooled."""

_COUNTED = {"letter_jumble": None, "word_sorting": ","}
"""Data set -> what is between items (None: blanks); they pay in full for the right ones with others behind them."""

_EVALUATED_PARTS = {
    "bitwise_arithmetic": ("problem", re.compile(r"[\dxa-f\s()+\-*<>&|^~]*")),
    "intermediate_integration": ("integrand", _FORMULA),
    "simple_integration": ("integrand", _FORMULA),
}
"""Data set -> the part of its metadata that the scorer evaluates, and what it may look like."""


def _uses_the_numbers(text: str, entry: Mapping[str, Any]) -> bool:
    """Whether an expression comes to 24 with the numbers that were given, each once."""
    read = read_expression(text.strip())
    return (
        read is not None and read.value == 24 and sorted(read.numbers) == sorted(entry["metadata"]["numbers"])
    )


def _is_the_probability(text: str, entry: Mapping[str, Any]) -> bool:
    """To a part in a thousand, as a fraction or a decimal number."""
    try:
        return math.isclose(Fraction(text.strip()), Fraction(entry["answer"]), rel_tol=1e-3)
    except (ValueError, ZeroDivisionError):
        return False


def _is_the_number(text: str, entry: Mapping[str, Any]) -> bool:
    """Exactly, sign and all."""
    try:
        return Fraction(text.strip()) == Fraction(entry["answer"])
    except ValueError:  # more digits than Python reads
        return False


_JUDGED: Mapping[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "coin_flip": _is_the_probability,
    "game_of_life_halting": lambda text, entry: text == entry["answer"],
    "gsm_symbolic": _is_the_number,
    "puzzle24": _uses_the_numbers,
}
"""Data set -> whether an answer is right, where the scorer pays for digits that are the same, for any text, for
numbers that nobody gave, or for one with the other sign."""


def score_answer(dataset: Any, name: str, text: str, entry: Mapping[str, Any]) -> tuple[float, str]:
    """reasoning-gym's score in [0, 1], and why it is 0 where its scorer was not asked or failed."""
    if len(text) > _MOST_LETTERS:
        return 0.0, f"the answer is longer than {_MOST_LETTERS} letters"
    if name == "composite":
        name = entry["metadata"].get("source_dataset", name)
    wanted = _FORMS.get(f"{name} of {entry['metadata'].get('task_type')}", _FORMS.get(name))
    if not _allowed(wanted, text):
        return 0.0, "the answer holds what no answer of this data set needs"
    if name in _COUNTED and _items(name, text) > _items(name, entry["answer"]):
        return 0.0, "the answer holds more than was asked for"
    part, form = _EVALUATED_PARTS.get(name, ("", None))
    if not (_allowed(wanted, entry["answer"]) and _allowed(form, entry["metadata"].get(part))):
        return 0.0, "the problem holds what none of this data set needs"
    if name in _JUDGED:
        return float(_JUDGED[name](text, entry)), ""
    try:
        score = float(dataset.score_answer(text, dict(entry)))
    except Exception as error:  # an answer may be anything, and most scorers expect their own form
        return 0.0, f"reasoning-gym cannot read the answer ({type(error).__name__})"
    return (score, "") if 0.0 <= score <= 1.0 else (0.0, f"reasoning-gym's score is {score}")


def _items(name: str, text: str) -> int:
    return len(text.split(_COUNTED[name]))


def _allowed(form: re.Pattern[str] | None, text: object) -> bool:
    return form is None or (isinstance(text, str) and form.fullmatch(text) is not None)

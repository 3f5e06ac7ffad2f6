"""Is a trace worth learning from, where nobody can check its steps? Tests of its consistency and form.

They look at what goes wrong with traces of language models: the answer is said first and argued for afterwards, what
the trace arrives at is not what the answer says, the language changes, it goes in circles, it says next to nothing.
Repetition is measured as in Gopher (Rae et al. 2021, arXiv 2112.11446, appendix A): by stretches of ten words. The
limits are Tailor's own. All work is linear in the length of the text, and no text is an error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from tailor_core.config.verdicts import QualityConfig
from tailor_core.environments.base import AnswerCheck, get_environment
from tailor_core.records import Problem

_WORD = re.compile(r"\w+|[^\w\s]")
_BETWEEN = re.compile(r"(?<=[.!?])\s+|\n+")
_LEADS = (
    "so",
    "thus",
    "therefore",
    "hence",
    "then",
    "finally",
    "in conclusion",
    "in summary",
    "we conclude that",
)
_NAMED = ("the final answer is", "the answer is", "final answer:", "answer:", "conclusion:")
_AROUND = " \t\r,:*_`\"'"

_STRETCH = 10
"""Words of a stretch, of which repetition is told."""

_CLOSING_SENTENCES = 3
"""So many sentences at the end may say what the trace arrives at."""

_LONGEST_CLAIM = 1000
"""A sentence of more characters is no answer."""


def find_fault(problem: Problem, think: str, limits: QualityConfig) -> tuple[str, str]:
    """The first test that a trace with the right answer fails, and one sentence why; ("", "") where it passes all.

    Tests: `too_short`, `too_long`, `hidden`, `language`, `repetition`, `answer_first`, `disagrees`.
    """
    words = _WORD.findall(think)
    if len(words) < limits.min_words:
        return "too_short", f"the trace has {len(words)} words and marks, fewer than {limits.min_words}"
    if len(words) > limits.max_words:
        return "too_long", f"the trace has {len(words)} words and marks, more than {limits.max_words}"
    if hidden := next(filter(_is_hidden, think), ""):
        return "hidden", f"the trace holds the character U+{ord(hidden):04X}, which does not show"
    share = ascii_share(think)
    if share < limits.min_ascii:
        return "language", f"{share:.0%} of its letters are a to z, less than {limits.min_ascii:.0%}"
    share = repeated_share(words)
    if share > limits.max_repetition:
        return (
            "repetition",
            f"{share:.0%} of its stretches of {_STRETCH} words came before, more than {limits.max_repetition:.0%}",
        )
    sentences = _BETWEEN.split(think.strip())
    if any(check.correct for check in _claims(problem, _opening(sentences, limits.min_words_before_answer))):
        return "answer_first", "the trace begins with the answer, before any reasoning"
    claims = list(_claims(problem, sentences[-_CLOSING_SENTENCES:]))
    if claims and not claims[-1].correct:
        return "disagrees", f"the trace arrives at another answer than it gives: there, {claims[-1].reason}"
    return "", ""


def _is_hidden(character: str) -> bool:
    """Controls, formats, and what stands where a character was lost."""
    if character.isprintable() or character in "\n\r\t":
        return character == "\ufffd"
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn")


def ascii_share(text: str) -> float:
    """The share of letters that are a to z or A to Z; 1 for a text without letters."""
    letters = [character for character in text if character.isalpha()]
    return sum(map(str.isascii, letters)) / len(letters) if letters else 1.0


def repeated_share(words: Sequence[str]) -> float:
    """The share of stretches of ten words that came before; 0 for a text that is no longer than one."""
    stretches = [tuple(words[start : start + _STRETCH]) for start in range(len(words) - _STRETCH + 1)]
    return 1 - len(set(stretches)) / len(stretches) if stretches else 0.0


def _opening(sentences: Sequence[str], words: int) -> Iterator[str]:
    """The sentences before which there are fewer than so many words and marks."""
    before = 0
    for sentence in sentences:
        if before >= words:
            return
        yield sentence
        before += len(_WORD.findall(sentence))


def _claims(problem: Problem, sentences: Sequence[str] | Iterator[str]) -> Iterator[AnswerCheck]:
    """What sentences that are answers are worth; those that are none are left out."""
    environment = get_environment(problem.environment)
    for sentence in sentences:
        if len(sentence) <= _LONGEST_CLAIM:
            check = environment.check_answer(problem, _bare(sentence))
            # A family that gives credit to any text does not tell a wrong answer from prose.
            if check.correct or (check.parsed and check.credit is None):
                yield check


def _bare(sentence: str) -> str:
    """A sentence without the words that lead to a conclusion, and the marks around it."""
    text = sentence.strip(_AROUND).rstrip(".!").rstrip(_AROUND)
    for _ in range(2):  # as in "So the answer is ..."
        for lead in (*_NAMED, *(f"{lead}{end}" for lead in _LEADS for end in (",", ":", " "))):
            if text[: len(lead)].lower() == lead:
                text = text[len(lead) :].lstrip(_AROUND)
                break
    return text

"""Puzzles as text, and text back to templates.

The wording is the peers', word for word: a fixed opening, the list of inhabitants, one reported claim per
person in order, and the question "So who is a knight and who is a knave?".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.statements import phrase, with_article
from tailor_core.environments.knights_knaves.words import TEMPLATES, plural


def _pieces(template: str) -> tuple[bool, str, str, str]:
    """A template as (name comes first?, text before, between and after)."""
    name, claim = template.index("{name}"), template.index("{claim}")
    first, second = ("{name}", "{claim}") if name < claim else ("{claim}", "{name}")
    before, rest = template.split(first)
    between, after = rest.split(second)
    return name < claim, before, between, after


_TEMPLATES = tuple(_pieces(template) for template in TEMPLATES)


def render(puzzle: Puzzle, templates: Sequence[int] = ()) -> str:
    """The question text; claim i is reported with `TEMPLATES[templates[i]]`, or with the first."""
    parts = [_opening(puzzle.knight, puzzle.knave), inhabitants(puzzle.names)]
    for person, name in enumerate(puzzle.names):
        claim = phrase(puzzle.statements[person], puzzle.names, puzzle.knight, puzzle.knave)
        parts.append(_report(templates[person] if templates else 0, name, claim))
    parts.append(_closing(puzzle.knight, puzzle.knave))
    return " ".join(parts)


def _report(template: int, name: str, claim: str) -> str:
    name_first, before, between, after = _TEMPLATES[template]
    claim = claim[0].upper() + claim[1:]
    if name_first:
        return f"{before}{name}{between}{claim}{after}"
    return f"{before}{claim}{between}{name}{after}"


@lru_cache(maxsize=64)
def _opening(knight: str, knave: str) -> str:
    truthful, lying = plural(knight), plural(knave)
    return (
        f"A very special island is inhabited only by {truthful} and {lying}. "
        f"{truthful.capitalize()} always tell the truth, and {lying} always lie."
    )


@lru_cache(maxsize=64)
def _closing(knight: str, knave: str) -> str:
    return f"So who is {with_article(knight)} and who is {with_article(knave)}?"


def inhabitants(names: Sequence[str]) -> str:
    """The sentence that lists the people."""
    if len(names) == 1:
        return f"You meet 1 inhabitant: {names[0]}."
    return f"You meet {len(names)} inhabitants: {', '.join(names[:-1])}, and {names[-1]}."


def answer_lines(
    names: Sequence[str], solution: Sequence[bool], knight: str = "knight", knave: str = "knave"
) -> str:
    """The answer as numbered lines, "(1) Zoey is a knight"."""
    clauses = _clauses(names, solution, knight, knave)
    return "\n".join([f"({number}) {clause}" for number, clause in enumerate(clauses, 1)])


def answer_sentence(
    names: Sequence[str], solution: Sequence[bool], knight: str = "knight", knave: str = "knave"
) -> str:
    """The answer as one sentence, "Zoey is a knight, and Ella is a knave."."""
    clauses = _clauses(names, solution, knight, knave)
    if len(clauses) == 1:
        return f"{clauses[0]}."
    return f"{', '.join(clauses[:-1])}, and {clauses[-1]}."


def _clauses(names: Sequence[str], solution: Sequence[bool], knight: str, knave: str) -> list[str]:
    truthful, lying = with_article(knight), with_article(knave)
    return [f"{name} is {truthful if role else lying}" for name, role in zip(names, solution, strict=True)]


def find_templates(puzzle: Puzzle, text: str) -> list[int] | None:
    """The templates with which `render` gives exactly `text`; None when the text is worded otherwise."""
    opening = f"{_opening(puzzle.knight, puzzle.knave)} {inhabitants(puzzle.names)} "
    if not text.startswith(opening):
        return None
    at, found = len(opening), []
    for name, statement in zip(puzzle.names, puzzle.statements, strict=True):
        claim = phrase(statement, puzzle.names, puzzle.knight, puzzle.knave)
        for template in range(len(TEMPLATES)):
            report = _report(template, name, claim) + " "
            if text.startswith(report, at):
                found.append(template)
                at += len(report)
                break
        else:
            return None
    return found if text[at:] == _closing(puzzle.knight, puzzle.knave) else None

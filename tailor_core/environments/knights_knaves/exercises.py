"""Single-step exercises about Knights & Knaves puzzles: what the `tiny` backbone is pretrained on.

They teach reading (who says what), judging one claim in a given (part of a) world, and drawing what one claim
gives at once. They contain no search: which roles are supposed, and given up again, is told; no reply opens
or closes a case, no puzzle is solved. The sentences are those of the trace language, so that fine-tuning has
only the strategy to teach.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

from tailor_core.environments.curriculum import Exercise
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.rendering import answer_lines, answer_sentence
from tailor_core.environments.knights_knaves.wording import Wording, listing

Facts = dict[int, bool]
"""Person -> is a knight, in the order in which they were learned."""

DETOURS = 0.25
"""The share of given roles that were first supposed to be otherwise."""


def exercises(puzzle: Puzzle, voices: Sequence[int], rng: random.Random) -> Iterator[Exercise]:
    """Exercises about one puzzle without end, each in one of `voices` (indices of `step_language.VOICES`)."""
    kinds, weights = list(_MAKERS), [weight for _, weight in _MAKERS.values()]
    while True:
        kind = rng.choices(kinds, weights)[0]
        question, reply = _MAKERS[kind][0](puzzle, Wording(puzzle, rng.choice(voices), rng), rng)
        yield Exercise(kind, question, reply)


def _restate(puzzle: Puzzle, wording: Wording, rng: random.Random) -> tuple[str, str]:
    people = _some_people(puzzle, rng)
    return f"What did {_names(puzzle, people)} say?", _sentences([wording.restate(p) for p in people])


def _judge(puzzle: Puzzle, wording: Wording, rng: random.Random) -> tuple[str, str]:
    """Judge some people's claims, each by itself, under the given facts."""
    given, facts = _past(wording, rng, _some_roles(puzzle, rng))
    people = _some_people(puzzle, rng)
    question = f"{given} Judge what {_names(puzzle, people)} said."
    return question, _sentences([_verdict(puzzle, wording, facts, p) for p in people])


def _consequences(puzzle: Puzzle, wording: Wording, rng: random.Random) -> tuple[str, str]:
    """What the claim of one person, who has a role, settles about the others."""
    given, facts = _past(wording, rng, _some_roles(puzzle, rng))
    speaker = rng.choice(list(facts))
    lines = [wording.claim(speaker, facts[speaker], facts)]
    worlds = _told(puzzle, facts, speaker)
    if not worlds:
        lines.append(wording.contradiction())
    else:
        derived = [wording.derive(p, role) for p, role in _derived(puzzle, facts, worlds)]
        lines += derived or ["That leaves the others open."]
    return f"{given} What follows from what {puzzle.names[speaker]} said?", _sentences(lines)


def _check(puzzle: Puzzle, wording: Wording, rng: random.Random) -> tuple[str, str]:
    """Go through the claims of those who have a role, up to the first that does not fit."""
    roles = _world(puzzle, rng) if rng.random() < 0.5 else _some_roles(puzzle, rng)
    given, facts = _past(wording, rng, roles)
    lines = []
    for person in sorted(facts):
        lines.append(_verdict(puzzle, wording, facts, person))
        if _settled(puzzle.claims[person], _worlds(puzzle, facts)) not in (None, facts[person]):
            break
    else:
        if len(facts) == puzzle.people:
            lines.append(wording.fits())
    return f"{given} Check the claims.", _sentences(lines)


def _write_down(puzzle: Puzzle, wording: Wording, rng: random.Random) -> tuple[str, str]:
    """Copy the roles of everybody into the form of an answer."""
    given, facts = _past(wording, rng, _world(puzzle, rng))
    roles = [facts[person] for person in range(puzzle.people)]
    form, write = rng.choice((("in lines", answer_lines), ("in a sentence", answer_sentence)))
    answer = write(puzzle.names, roles, puzzle.knight, puzzle.knave)
    return f"{given} Write the roles down {form}.", f"<answer>{answer}</answer>"


Maker = Callable[[Puzzle, Wording, random.Random], tuple[str, str]]

_MAKERS: dict[str, tuple[Maker, float]] = {
    "restate": (_restate, 2),
    "judge": (_judge, 4),
    "consequences": (_consequences, 2),
    "check": (_check, 4),
    "write down": (_write_down, 0.5),
}
"""Kind -> its maker, and how often it comes relative to the others."""


def _sentences(lines: Sequence[str]) -> str:
    return "- " + " ".join(lines)


def _names(puzzle: Puzzle, people: Sequence[int]) -> str:
    return listing([puzzle.names[p] for p in people])


def _some_people(puzzle: Puzzle, rng: random.Random) -> list[int]:
    """One or two people, in any order."""
    return rng.sample(range(puzzle.people), rng.randint(1, 2))


def _some_roles(puzzle: Puzzle, rng: random.Random) -> Facts:
    """Roles of one person at least, possible together or not."""
    people = rng.sample(range(puzzle.people), rng.randint(1, puzzle.people))
    return {p: rng.random() < 0.5 for p in people}


def _world(puzzle: Puzzle, rng: random.Random) -> Facts:
    """Roles of everybody, the solution every other time."""
    people = rng.sample(range(puzzle.people), puzzle.people)
    if puzzle.solution is not None and rng.random() < 0.5:
        return {p: puzzle.solution[p] for p in people}
    return {p: rng.random() < 0.5 for p in people}


def _past(wording: Wording, rng: random.Random, facts: Facts) -> tuple[str, Facts]:
    """Sentences after which just `facts` hold, and the facts in order: some were first supposed to be otherwise.

    A role that is given up takes with it what was supposed after it, which is then said anew.
    """
    if rng.random() < 0.5:
        facts = dict(sorted(facts.items()))
    people, lines = list(facts), list[str]()
    for place, (person, role) in enumerate(facts.items(), 1):
        if rng.random() < DETOURS:
            lines.append(wording.assume(person, not role))
            later = people[place : place + rng.randint(0, len(people) - place)]
            lines += [wording.assume(p, rng.random() < 0.5) for p in later]
            lines.append(wording.reject(person, role))
        elif rng.random() < 0.5 or not lines:
            lines.append(wording.assume(person, role))
        else:
            lines.append(wording.derive(person, role))
    return " ".join(lines), facts


def _verdict(puzzle: Puzzle, wording: Wording, facts: Facts, person: int) -> str:
    truth = _settled(puzzle.claims[person], _worlds(puzzle, facts))
    if truth is None:
        return wording.undecided(person, facts)
    if person not in facts:
        return wording.judge(person, truth, facts)
    return (
        wording.check(person, truth, facts) if facts[person] == truth else wording.clash(person, truth, facts)
    )


def _worlds(puzzle: Puzzle, facts: Facts) -> int:
    """The worlds with these roles, whatever was claimed, as a truth table."""
    table = puzzle.every_world
    for person, is_knight in facts.items():
        table &= puzzle.knights[person] if is_knight else puzzle.every_world ^ puzzle.knights[person]
    return table


def _told(puzzle: Puzzle, facts: Facts, speaker: int) -> int:
    """The worlds with these roles in which the speaker, who is among them, could say what they say."""
    claim = puzzle.claims[speaker] if facts[speaker] else puzzle.every_world ^ puzzle.claims[speaker]
    return _worlds(puzzle, facts) & claim


def _derived(puzzle: Puzzle, facts: Facts, worlds: int) -> list[tuple[int, bool]]:
    """Who is settled in `worlds` and was not before; nobody where there is no world."""
    roles = {p: _settled(puzzle.knights[p], worlds) for p in range(puzzle.people) if p not in facts}
    return [(p, role) for p, role in roles.items() if role is not None] if worlds else []


def _settled(table: int, worlds: int) -> bool | None:
    """Is `table` true in all of `worlds`, in none (False), or open (None)?"""
    inside = table & worlds
    return True if inside == worlds else None if inside else False

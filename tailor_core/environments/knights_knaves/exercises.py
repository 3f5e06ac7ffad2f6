"""Single-step exercises about Knights & Knaves puzzles: what the `tiny` backbone is pretrained on.

They teach reading (who says what), judging one claim in a given (part of a) world, and drawing what one claim
gives at once. They contain no search: nobody is assumed anything, no case is opened or closed, no puzzle is
solved. The sentences are those of the trace language, so that fine-tuning has only the strategy to teach.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.wording import VOICES, Wording, listing

Messages = list[dict[str, str]]
Facts = Mapping[int, bool]
"""Person -> is a knight."""


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    reply: str


def exercise_conversation(puzzle: Puzzle, question: str, rng: random.Random, turns: int) -> Messages:
    """A chat about one puzzle: its text, then `turns` exercises, each asked and answered."""
    makers = (_restate, _restate, _consequences, _consequences, _judge, _judge, _check_world)
    messages: Messages = []
    for turn in range(turns):
        wording = Wording(puzzle, rng.randrange(len(VOICES)), rng)
        asked = rng.choice(makers)(puzzle, wording, rng)
        text = f"{question}\n{asked.question}" if turn == 0 else asked.question
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": asked.reply}]
    return messages


def _restate(puzzle: Puzzle, wording: Wording, rng: random.Random) -> _Asked:
    people = rng.sample(range(puzzle.people), puzzle.people)
    names = listing([puzzle.names[p] for p in people])
    return _Asked(f"What do {names} say?", " ".join(wording.restate(p) for p in people))


def _given(puzzle: Puzzle, wording: Wording, facts: Facts) -> str:
    return f"Given: {listing([f'{puzzle.names[p]} is {wording.a(k)}' for p, k in facts.items()])}."


def _some_facts(puzzle: Puzzle, rng: random.Random, at_least: int) -> dict[int, bool]:
    count = rng.randint(at_least, puzzle.people)
    return {p: rng.random() < 0.5 for p in rng.sample(range(puzzle.people), count)}


def _worlds(puzzle: Puzzle, facts: Facts) -> int:
    table = puzzle.every_world
    for person, is_knight in facts.items():
        table &= puzzle.knights[person] if is_knight else puzzle.every_world ^ puzzle.knights[person]
    return table


def _settled(table: int, worlds: int) -> bool | None:
    """Is `table` true in all of `worlds`, in none (False), or open (None)?"""
    inside = table & worlds
    return True if inside == worlds else None if inside else False


def _judge(puzzle: Puzzle, wording: Wording, rng: random.Random) -> _Asked:
    """Judge some people's claims, each by itself, under the given facts."""
    facts = _some_facts(puzzle, rng, 1)
    worlds = _worlds(puzzle, facts)
    people = rng.sample(range(puzzle.people), rng.randint(1, puzzle.people))
    lines = [_verdict(puzzle, wording, facts, worlds, p) for p in people]
    names = listing([puzzle.names[p] for p in people])
    return _Asked(f"{_given(puzzle, wording, facts)} Judge the claims of {names}.", " ".join(lines))


def _verdict(puzzle: Puzzle, wording: Wording, facts: Facts, worlds: int, person: int) -> str:
    truth = _settled(puzzle.claims[person], worlds)
    if truth is None:
        return f"{wording.restate(person)} That is open."
    if person not in facts:
        return wording.judge(person, truth)
    return wording.check(person, truth) if facts[person] == truth else wording.clash(person, truth)


def _consequences(puzzle: Puzzle, wording: Wording, rng: random.Random) -> _Asked:
    """What one person's claim, with the given facts, settles about the others."""
    facts = _some_facts(puzzle, rng, 1)
    speaker = rng.choice(list(facts))
    claim = puzzle.claims[speaker] if facts[speaker] else puzzle.every_world ^ puzzle.claims[speaker]
    worlds = _worlds(puzzle, facts) & claim
    lines = [wording.claim(speaker, facts[speaker])]
    if not worlds:
        lines.append(wording.contradiction())
    else:
        roles = {p: _settled(puzzle.knights[p], worlds) for p in range(puzzle.people) if p not in facts}
        derived = [wording.derive(p, k) for p, k in roles.items() if k is not None]
        lines += derived or ["That leaves the others open."]
    question = f"{_given(puzzle, wording, facts)} What follows from the claim of {puzzle.names[speaker]}?"
    return _Asked(question, " ".join(lines))


def _check_world(puzzle: Puzzle, wording: Wording, rng: random.Random) -> _Asked:
    """Go through a whole world, up to the first claim that does not fit; write the world down if all do."""
    solved = puzzle.solution is not None and rng.random() < 0.5
    roles = puzzle.solution if solved else tuple(rng.random() < 0.5 for _ in range(puzzle.people))
    assert roles is not None
    facts = dict(enumerate(roles))
    worlds = _worlds(puzzle, facts)
    lines = []
    for person in rng.sample(range(puzzle.people), puzzle.people):
        lines.append(_verdict(puzzle, wording, facts, worlds, person))
        if _settled(puzzle.claims[person], worlds) != facts[person]:
            break
    else:
        lines.append(wording.fits())
    stated = [f"{n} is {wording.a(k)}" for n, k in zip(puzzle.names, roles, strict=True)]
    answer = "\n".join(f"({i}) {s}" for i, s in enumerate(stated, 1))
    if wording.voice in (1, 2):
        answer = f"{', '.join(stated[:-1])}, and {stated[-1]}."
    reply = f"<think>{' '.join(lines)}</think>\n<answer>{answer}</answer>"
    return _Asked(f"{_given(puzzle, wording, facts)} Check every claim and write the roles down.", reply)

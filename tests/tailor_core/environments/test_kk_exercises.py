"""Exercises are right: each reply is read sentence by sentence and judged by looping over worlds."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tailor_core.environments.knights_knaves.answers import check_answer
from tailor_core.environments.knights_knaves.exercises import Exercise, exercises
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import sampler
from tailor_core.environments.knights_knaves.statements import phrase
from tailor_core.environments.knights_knaves.step_language import readings, sentences
from tailor_core.environments.knights_knaves.words import COMMON_NAMES

World = dict[str, bool]

WEIGHING = ("judge", "check", "clash", "restate")
"""Kinds of steps that weigh each clause of a claim in an exercise that judges."""

OPEN = ", which is open."
MARKED = re.compile(r"(\w+) is (not )?a (knight|knave) \((true|false|open)\)")
ASKED = {
    "restate": r"What did (?P<who>.+) say\?",
    "judge": r"(?P<given>.+) Judge what (?P<who>.+) said\.",
    "consequences": r"(?P<given>.+) What follows from what (?P<who>.+) said\?",
    "go on": r"(?P<given>.+) What can you tell now\?",
    "check": r"(?P<given>.+) Check every claim\.",
    "write down": r"(?P<given>.+) Write the roles down in (?:lines|a sentence)\.",
}


def is_true(statement: Any, world: tuple[bool, ...]) -> bool:
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return world[parts[0]] == (kind == "telling-truth")
    values = [is_true(part, world) for part in parts]
    match kind:
        case "not":
            return not values[0]
        case "and":
            return all(values)
        case "or":
            return any(values)
        case "->":
            return not values[0] or values[1]
    assert kind == "<=>"
    return values[0] == values[1]


class Oracle:
    """What is so in the worlds that have the given roles."""

    def __init__(self, puzzle: Puzzle, facts: World) -> None:
        self.facts, self.names = facts, puzzle.names
        everything = itertools.product((False, True), repeat=len(puzzle.names))
        self.worlds = [w for w in everything if all(w[puzzle.names.index(n)] == k for n, k in facts.items())]
        self.said = dict(zip(puzzle.names, puzzle.statements, strict=True))

    def truth(self, name: str) -> bool | None:
        """Is the claim of `name` true, false, or open?"""
        values = {is_true(self.said[name], world) for world in self.worlds}
        return values.pop() if len(values) == 1 else None

    def follows(self, speaker: str) -> World | None:
        """Who else is settled once `speaker` could say what they said; None where they could not."""
        worlds = [w for w in self.worlds if is_true(self.said[speaker], w) == self.facts[speaker]]
        roles = {n: {w[i] for w in worlds} for i, n in enumerate(self.names) if n not in self.facts}
        return {n: values.pop() for n, values in roles.items() if len(values) == 1} if worlds else None

    def clashes(self) -> set[str]:
        return {name for name, role in self.facts.items() if self.truth(name) == (not role)}


def drawn(seed: int, voices: tuple[int, ...], count: int = 40) -> Iterator[tuple[Puzzle, Exercise]]:
    rng = random.Random(seed)
    for _ in range(count):
        people = rng.randint(2, 4)
        made = sampler(people, 2, 2, False).puzzle(rng)
        if made is not None:
            puzzle = Puzzle(tuple(rng.sample(COMMON_NAMES, people)), tuple(made[0]))
            for exercise in islice(exercises(puzzle, voices, rng), 25):
                yield puzzle, exercise


def asked(puzzle: Puzzle, exercise: Exercise) -> tuple[Oracle, list[str]]:
    """What is given in the question, and whom it asks about."""
    match = re.fullmatch(ASKED[exercise.kind], exercise.question)
    assert match, exercise
    groups = match.groupdict()
    steps = [readings(text)[0] for text in sentences(groups.get("given") or "")]
    assert [step.kind for step in steps] == ["assume", "derive"][: len(steps)] + ["derive"] * (len(steps) - 2)
    facts = {step.gaps["N"]: "knight" in (step.gaps.get("A") or step.gaps["a"]) for step in steps}
    assert len(facts) == len(steps)
    who = re.split(", | and ", groups["who"]) if groups.get("who") else []
    assert set(who) <= set(puzzle.names)
    return Oracle(puzzle, facts), who


Step = tuple[str, str, bool | None]
"""Kind, person, and the role that is told, or whether the claim is called true."""


def told(puzzle: Puzzle, exercise: Exercise, facts: World) -> list[Step]:
    """The steps of a reply; claims must be quoted word for word, and clauses weighed by the facts."""
    assert exercise.reply.startswith("- ")
    claims = {
        n: phrase(s, puzzle.names, puzzle.knight, puzzle.knave)
        for n, s in zip(puzzle.names, puzzle.statements, strict=True)
    }
    steps: list[Step] = []
    for text in sentences(exercise.reply.removeprefix("- ")):
        if text in ("That leaves the others open.", "Nothing follows at once."):
            steps.append(("open", "", None))
            continue
        is_open = text.endswith(OPEN)
        text = text.replace(OPEN, ".")
        if exercise.kind in ("judge", "check", "go on") and readings(text)[0].kind in WEIGHING:
            text = unmarked(text, facts)
        step = readings(text)[0]
        name, role = step.gaps.get("N", ""), step.gaps.get("A") or step.gaps.get("a")
        if "S" in step.gaps:
            assert step.gaps["S"] == claims[name], text
        if role is not None and step.value is not None:  # the role must go with the word on the claim
            assert ("knight" in role) == (step.value != (step.kind == "clash")), text
        value = step.value if step.value is not None else None if role is None else "knight" in role
        steps.append((step.kind, name, value))
        if is_open:
            assert step.kind == "restate"
            steps.append(("open", "", None))
    return steps


def unmarked(text: str, facts: World) -> str:
    """The sentence without what it says of each clause of its claim, which must be what the facts make of it."""
    marked = MARKED.findall(text)
    assert len(marked) == len(re.findall(" is (?:not )?a ", readings(text)[0].gaps["S"])), text
    for name, negated, role, truth in marked:
        is_so = None if name not in facts else (facts[name] == (role == "knight")) != bool(negated)
        assert truth == {True: "true", False: "false", None: "open"}[is_so], text
    return MARKED.sub(r"\1 is \2a \3", text)


def verdicts(oracle: Oracle, people: list[str]) -> list[Step]:
    """What must be said of these people's claims, each by itself."""
    steps: list[Step] = []
    for name in people:
        truth = oracle.truth(name)
        if truth is None:
            steps += [("restate", name, None), ("open", "", None)]
        elif name not in oracle.facts:
            steps.append(("judge", name, truth))
        else:
            steps.append(("check" if oracle.facts[name] == truth else "clash", name, truth))
    return steps


def derivations(roles: World) -> set[Step]:
    return {("derive", name, role) for name, role in roles.items()}


def assert_right(puzzle: Puzzle, exercise: Exercise) -> None:
    oracle, who = asked(puzzle, exercise)
    if exercise.kind == "write down":
        answer = re.fullmatch(r"<answer>(.+)</answer>", exercise.reply, re.DOTALL)
        world = tuple(oracle.facts[name] for name in puzzle.names)
        assert answer
        assert check_answer(answer[1], puzzle.names, world, puzzle.knight, puzzle.knave).correct
        return
    steps = told(puzzle, exercise, oracle.facts)
    match exercise.kind:
        case "restate":
            assert steps == [("restate", name, None) for name in who]
        case "judge":
            assert steps == verdicts(oracle, who)
        case "consequences":
            roles = oracle.follows(who[0])
            assert steps[0] == ("claim", who[0], oracle.facts[who[0]])
            if roles is None:
                assert steps[1:] == [("contradiction", "", None)]
            else:
                assert set(steps[1:]) == (derivations(roles) or {("open", "", None)})
                assert len(steps[1:]) == max(1, len(roles))
        case "check":
            people = [name for _, name, _ in steps if name]
            assert len(set(people)) == len(people)
            expected = verdicts(oracle, people)
            fits = not oracle.clashes()
            assert steps == expected + [("fits", "", None)] * fits
            assert len(people) == len(puzzle.names) if fits else expected[-1][0] == "clash"
            assert "clash" not in [kind for kind, _, _ in steps[:-1]]
        case "go on":
            assert_next(oracle, steps)


def assert_next(oracle: Oracle, steps: list[Step]) -> None:
    """One step that the facts allow, and a clash where there is one."""
    kind, name, value = steps[0]
    if clashes := oracle.clashes():
        assert len(steps) == 1
        assert (kind, name in clashes, value) == ("clash", True, oracle.truth(name))
    elif kind == "judge":
        assert name not in oracle.facts
        assert (len(steps), value) == (1, oracle.truth(name))
        assert value is not None
    elif kind == "claim":
        assert value == oracle.facts[name]
        assert set(steps[1:]) == derivations(oracle.follows(name) or {}) != set()
    else:
        assert steps == [("open", "", None)]
        assert all(oracle.truth(n) is None for n in oracle.names if n not in oracle.facts)
        assert not any(oracle.follows(n) for n in oracle.facts)


@pytest.mark.parametrize("voice", range(4))
def test_every_reply_is_what_looping_over_worlds_gives(voice: int) -> None:
    seen: Counter[str] = Counter()
    for puzzle, exercise in drawn(voice, (voice,)):
        assert_right(puzzle, exercise)
        seen[exercise.kind] += 1
    assert set(seen) == set(ASKED)
    assert min(seen.values()) >= 10


def test_a_wrong_reply_would_be_noticed() -> None:
    turned = 0
    for puzzle, exercise in drawn(9, (0,)):
        if exercise.kind in ("judge", "consequences", "go on", "check", "write down"):
            swapped = re.sub(
                "knight|knave", lambda m: {"knight": "knave", "knave": "knight"}[m[0]], exercise.reply
            )
            if swapped != exercise.reply:
                turned += 1
                with pytest.raises(AssertionError):
                    assert_right(puzzle, Exercise(exercise.kind, exercise.question, swapped))
    assert turned > 300


def test_no_exercise_opens_or_closes_a_case_or_goes_back() -> None:
    searching = {"assume", "switch", "reject", "merge", "retract", "self", "ask"}
    for puzzle, exercise in drawn(10, (0, 1, 2, 3)):
        if exercise.kind != "write down":
            assert not searching & {
                kind for kind, _, _ in told(puzzle, exercise, asked(puzzle, exercise)[0].facts)
            }


def test_the_same_seed_gives_the_same_exercises_in_the_voices_asked_for() -> None:
    assert list(drawn(3, (0, 3), 5)) == list(drawn(3, (0, 3), 5))
    voices = Counter(
        readings(text)[0].voice
        for _, exercise in drawn(3, (0, 3), 20)
        if exercise.kind == "restate"
        for text in sentences(exercise.reply.removeprefix("- "))
    )
    assert set(voices) == {0, 3}

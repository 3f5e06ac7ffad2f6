"""Exercises are right: each reply is read sentence by sentence and judged by looping over worlds."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tailor_core.environments.curriculum import Exercise
from tailor_core.environments.knights_knaves.answers import check_answer
from tailor_core.environments.knights_knaves.exercises import DETOURS, exercises
from tailor_core.environments.knights_knaves.puzzle import Puzzle
from tailor_core.environments.knights_knaves.sampler import sampler
from tailor_core.environments.knights_knaves.statements import phrase
from tailor_core.environments.knights_knaves.step_language import readings, sentences
from tailor_core.environments.knights_knaves.words import COMMON_NAMES

World = dict[str, bool]

LEFT_OPEN = "That leaves the others open."
MARKED = re.compile(r"(\w+) is (not )?a (knight|knave) \((true|false|open)\)")
ASKED = {
    "restate": r"What did (?P<who>.+) say\?",
    "judge": r"(?P<given>.+) Judge what (?P<who>.+) said\.",
    "consequences": r"(?P<given>.+) What follows from what (?P<who>.+) said\?",
    "check": r"(?P<given>.+) Check the claims\.",
    "write down": r"(?P<given>.+) Write the roles down in (?:lines|a sentence)\.",
}

SUPPOSES = re.compile(r"Suppose |Let us say |What if |Assume for the moment |Try ")
GIVES_UP = re.compile(r" cannot be |Therefore | after all\.|the assumption fails|Thus ")


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


def drawn(seed: int, voices: tuple[int, ...], count: int = 40) -> Iterator[tuple[Puzzle, Exercise]]:
    rng = random.Random(seed)
    for _ in range(count):
        people = rng.randint(2, 4)
        made = sampler(people, 2, 2, False).puzzle(rng)
        if made is not None:
            puzzle = Puzzle(tuple(rng.sample(COMMON_NAMES, people)), tuple(made[0]))
            for exercise in islice(exercises(puzzle, voices, rng), 25):
                yield puzzle, exercise


Said = list[tuple[str, str, bool]]
"""What is said of whom: it is supposed, follows, or is what remains once a supposition is given up."""


def given(puzzle: Puzzle, text: str) -> Said:
    """What each sentence of a question gives, read by a few words that every voice has."""
    said: Said = []
    for sentence in re.split(r"(?<=[.?]) ", text):
        (name,) = set(puzzle.names) & set(re.findall(r"\w+", sentence))
        kind = "suppose" if SUPPOSES.match(sentence) else "give up" if GIVES_UP.search(sentence) else "follow"
        said.append((kind, name, re.findall("knight|knave", sentence)[-1] == "knight"))
    return said


def standing(said: Said) -> World:
    """Who has which role in the end: what was supposed is taken back together with all that came after it."""
    held: Said = []
    for kind, name, role in said:
        if kind == "give up":
            while held[-1] != ("suppose", name, not role):
                held.pop()
            held.pop()
        assert name not in {other for _, other, _ in held}
        held.append((kind, name, role))
    return {name: role for _, name, role in held}


def taken_apart(puzzle: Puzzle, exercise: Exercise) -> tuple[Said, list[str]]:
    """What the question gives, and whom it asks about."""
    match = re.fullmatch(ASKED[exercise.kind], exercise.question)
    assert match, exercise
    groups = match.groupdict()
    who = re.split(", | and ", groups["who"]) if groups.get("who") else []
    assert set(who) <= set(puzzle.names)
    return given(puzzle, groups["given"]) if "given" in groups else [], who


def asked(puzzle: Puzzle, exercise: Exercise) -> tuple[Oracle, list[str]]:
    said, who = taken_apart(puzzle, exercise)
    return Oracle(puzzle, standing(said)), who


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
        if text == LEFT_OPEN:
            steps.append(("open", "", None))
            continue
        step = readings(text)[0]
        if "S" in step.gaps and exercise.kind != "restate":
            step = readings(unmarked(text, facts))[0]
        name, role = step.gaps.get("N", ""), step.gaps.get("A") or step.gaps.get("a")
        if "S" in step.gaps:
            assert step.gaps["S"] == claims[name], text
        if role is not None and step.value is not None:  # the role must go with the word on the claim
            assert ("knight" in role) == (step.value != (step.kind == "clash")), text
        value = step.value if step.value is not None else None if role is None else "knight" in role
        steps.append((step.kind, name, value))
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
            steps.append(("undecided", name, None))
        elif name not in oracle.facts:
            steps.append(("judge", name, truth))
        else:
            steps.append(("check" if oracle.facts[name] == truth else "clash", name, truth))
    return steps


def checks(oracle: Oracle) -> list[Step]:
    """What must be said of the claims of all who have a role, in the puzzle's order, up to the first clash."""
    steps: list[Step] = []
    for name in oracle.names:
        if name in oracle.facts:
            steps += verdicts(oracle, [name])
            if steps[-1][0] == "clash":
                return steps
    return [*steps, ("fits", "", None)] if len(oracle.facts) == len(oracle.names) else steps


def derivations(roles: World) -> set[Step]:
    return {("derive", name, role) for name, role in roles.items()}


def assert_right(puzzle: Puzzle, exercise: Exercise) -> None:
    assert_fits(puzzle, exercise, *asked(puzzle, exercise))


def assert_fits(puzzle: Puzzle, exercise: Exercise, oracle: Oracle, who: list[str]) -> None:
    """The reply is the right one where the facts are those of `oracle`."""
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
        case "check":
            assert steps == checks(oracle)
        case "consequences":
            roles = oracle.follows(who[0])
            assert steps[0] == ("claim", who[0], oracle.facts[who[0]])
            if roles is None:
                assert steps[1:] == [("contradiction", "", None)]
            else:
                assert set(steps[1:]) == (derivations(roles) or {("open", "", None)})
                assert len(steps[1:]) == max(1, len(roles))


@pytest.mark.parametrize("voice", range(4))
def test_every_reply_is_what_looping_over_worlds_gives(voice: int) -> None:
    seen: Counter[str] = Counter()
    said: Counter[tuple[str, str]] = Counter()
    for puzzle, exercise in drawn(voice, (voice,)):
        assert_right(puzzle, exercise)
        seen[exercise.kind] += 1
        if exercise.kind in ("judge", "check"):
            steps = told(puzzle, exercise, asked(puzzle, exercise)[0].facts)
            said.update({(exercise.kind, kind) for kind, _, _ in steps})
    assert set(seen) == set(ASKED)
    assert min(seen.values()) >= 10
    assert {kind for asks, kind in said if asks == "judge"} == {"judge", "check", "clash", "undecided"}
    assert {kind for asks, kind in said if asks == "check"} == {"check", "clash", "undecided", "fits"}
    assert min(said.values()) >= 10


@pytest.mark.parametrize("voice", range(4))
def test_some_roles_are_first_supposed_otherwise_and_what_stands_in_the_end_counts(voice: int) -> None:
    roles = given_up = taken_along = misread = 0
    for puzzle, exercise in drawn(voice, (voice,)):
        said, who = taken_apart(puzzle, exercise)
        facts = standing(said)
        assert facts == {name: role for _, name, role in said}, "the last sentence on a person wins"
        roles += len(facts)
        rejected = [name for kind, name, _ in said if kind == "give up"]
        given_up += len(rejected)
        taken_along += len(said) - len(facts) - len(rejected)
        first: World = {}
        for _, name, role in said:
            first.setdefault(name, role)
        if facts != first:
            with contextlib.suppress(AssertionError):
                assert_fits(puzzle, exercise, Oracle(puzzle, first), who)
                continue
            misread += 1
    assert 0.8 * DETOURS < given_up / roles < 1.2 * DETOURS
    assert taken_along > 50
    assert misread > 100, "who does not see that a role was given up answers wrongly"


def test_people_are_given_in_order_or_shuffled_and_their_roles_supposed_or_derived() -> None:
    orders: Counter[bool] = Counter()
    kinds: Counter[str] = Counter()
    for puzzle, exercise in drawn(4, (0,)):
        said, _ = taken_apart(puzzle, exercise)
        kinds.update(kind for kind, _, _ in said)
        assert not said or said[0][0] == "suppose"
        if len(facts := standing(said)) > 2:
            orders[list(facts) == [name for name in puzzle.names if name in facts]] += 1
    assert min(orders.values()) > 100
    assert min(kinds[kind] for kind in ("suppose", "follow", "give up")) > 100


def test_a_wrong_reply_would_be_noticed() -> None:
    turned = 0
    for puzzle, exercise in drawn(9, (0,)):
        if exercise.kind != "restate":
            swapped = re.sub(
                "knight|knave", lambda m: {"knight": "knave", "knave": "knight"}[m[0]], exercise.reply
            )
            if swapped != exercise.reply:
                turned += 1
                with pytest.raises(AssertionError):
                    assert_right(puzzle, Exercise(exercise.kind, exercise.question, swapped))
    assert turned > 300


def test_a_wrong_word_on_a_clause_would_be_noticed() -> None:
    turned: Counter[str] = Counter()
    for puzzle, exercise in drawn(8, (0, 1, 2, 3), 10):
        for mark in re.finditer(r"\((true|false|open)\)", exercise.reply):
            for other in {"true", "false", "open"} - {mark[1]}:
                wrong = f"{exercise.reply[: mark.start()]}({other}){exercise.reply[mark.end() :]}"
                turned[exercise.kind] += 1
                with pytest.raises(AssertionError):
                    assert_right(puzzle, Exercise(exercise.kind, exercise.question, wrong))
    assert set(turned) == {"judge", "check", "consequences"}
    assert min(turned.values()) > 50


def test_a_sentence_too_few_or_too_many_would_be_noticed() -> None:
    cut = 0
    for puzzle, exercise in drawn(7, (0, 1, 2, 3), 10):
        lines = sentences(exercise.reply.removeprefix("- "))
        for wrong in (lines[:-1], lines[1:], [*lines, lines[-1]], [*lines, "All claims fit."]):
            if exercise.kind != "write down" and wrong:
                cut += 1
                with pytest.raises(AssertionError):
                    assert_right(puzzle, Exercise(exercise.kind, exercise.question, "- " + " ".join(wrong)))
    assert cut > 500


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

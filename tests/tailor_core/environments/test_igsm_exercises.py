"""Exercises about iGSM are right: each reply is read anew and judged by a second reading of the text."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest
from igsm_oracle import Oracle

from tailor_core.demonstrations.igsm.exercises import exercises
from tailor_core.environments import get_environment, read_options
from tailor_core.environments.curriculum import Exercise
from tailor_core.environments.igsm.environment import named_of
from tailor_core.environments.igsm.step_language import LANGUAGE
from tailor_core.environments.sentence_forms import sentences
from tailor_core.records import Problem

IGSM = get_environment("igsm")

BEGUN = r"Tell me: (?P<begun>.+ what\?)"
ASKED = {
    "restate": rf"(?:What does it say of (?P<names>.+)\?|{BEGUN})",
    "need": rf"(?:What is needed for (?P<names>.+)\?|{BEGUN})",
    "compute": r"(?:Known: (?P<given>.+?\.) )?"
    rf"(?:What is the value of (?P<names>.+?)\?|{BEGUN})(?P<quote> Quote first\.)?",
    "calculate": r"What is (?P<sums>.+)\?",
    "answer": r"Known: (?P<given>.+) Write the answer down\.",
}
UNFINISHED = re.compile(
    r"It says that each (.+?) equals what\?|To find (.+?) I need what\?|The value of (.+?) is what\?"
)


def drawn(setting: str, voices: tuple[int, ...], count: int = 40) -> Iterator[tuple[Problem, Exercise]]:
    options = read_options("igsm", {"setting": setting})
    rng = random.Random(setting)
    for problem in IGSM.generate(options, count=count, split="train", seed=3):
        for exercise in islice(exercises(named_of(problem), voices, rng), 25):
            yield problem, exercise


def split_names(text: str) -> list[str]:
    return re.split(", | and ", text)


def value_of(computation: str) -> int:
    return int(computation.rpartition(" ")[2])


def assert_computed(oracle: Oracle, text: str) -> str:
    """A sentence that computes a parameter from those it needs, at each sign of equality alike; its name."""
    step = next(LANGUAGE.readings(text))
    assert step.kind == "compute"
    name, computation = step.gaps["name"], step.gaps["computation"]
    formula = computation.split(" = ")[0]
    assert re.findall(r"[A-Z][A-Za-z ]*'s [A-Z][A-Za-z ]*[a-z]", formula) == oracle.needs(name)
    for need in sorted(oracle.needs(name), key=len, reverse=True):
        formula = formula.replace(need, str(oracle.value(need)))
    for stage in [formula, *computation.split(" = ")[1:]]:
        assert re.fullmatch(r"[-+*() \d]+", stage)
        assert (eval(stage) - oracle.value(name)) % oracle.modulus == 0  # digits and signs only
    assert value_of(computation) == oracle.value(name)
    return name


def assert_right(problem: Problem, exercise: Exercise) -> None:
    oracle = Oracle(problem.question)
    asked = re.fullmatch(ASKED[exercise.kind], exercise.question)
    assert asked, exercise
    said = asked.groupdict()
    names = split_names(said["names"]) if said.get("names") else []
    if said.get("begun"):
        names = ["".join(found) for found in UNFINISHED.findall(said["begun"])]
    given = [assert_computed(oracle, text) for text in sentences(said.get("given") or "")]
    assert len(set(given)) == len(given)
    head, _, answer = exercise.reply.removeprefix("- ").partition("\n")
    texts = sentences(head)
    match exercise.kind:
        case "calculate":
            assert said["sums"].split(", ") == [text.split(" = ")[0] for text in texts]
            for text in texts:
                left, _, right = text.removesuffix(".").partition(" = ")
                assert 0 <= int(right) < oracle.modulus
                assert (eval(left) - int(right)) % oracle.modulus == 0
        case "need":
            steps = [next(LANGUAGE.readings(text)) for text in texts]
            assert [step.gaps["name"] for step in steps] == names
            for step in steps:
                listed = split_names(step.gaps["names"]) if step.kind == "need" else []
                assert listed == oracle.needs(step.gaps["name"])
        case "restate" | "compute":
            kinds = ["restate"] * (exercise.kind == "restate" or bool(said["quote"]))
            kinds += ["compute"] * (exercise.kind == "compute")
            steps = [next(LANGUAGE.readings(text)) for text in texts]
            assert [step.kind for step in steps] == kinds * len(names)
            for step, text in zip(steps, texts, strict=True):
                if step.kind == "restate":
                    assert step.gaps["said"] == oracle.stated.get(step.gaps["name"])
                else:
                    assert set(oracle.needs(assert_computed(oracle, text))) <= set(given)
            assert [step.gaps["name"] for step in steps] == [name for name in names for _ in kinds]
        case "answer":
            assert oracle.asked in given
            (step,) = [next(LANGUAGE.readings(text)) for text in texts]
            assert (step.kind, step.gaps["number"]) == ("done", str(oracle.answer))
            assert answer == f"<answer>{oracle.answer}</answer>"


@pytest.mark.parametrize("setting", ["tiny", "med"])
def test_every_reply_is_what_a_second_reading_of_the_text_gives(setting: str) -> None:
    seen: Counter[str] = Counter()
    for problem, exercise in drawn(setting, (0,)):
        assert_right(problem, exercise)
        seen[exercise.kind] += 1
    assert set(seen) == set(ASKED)
    assert min(seen.values()) >= 30


def test_another_number_in_a_reply_would_be_noticed() -> None:
    changed: Counter[str] = Counter()
    for problem, exercise in drawn("tiny", (0,), 10):
        for number in re.finditer(r"\d+(?=\.| more| times|<)", exercise.reply):
            other = str((int(number[0]) + 1) % 7)
            reply = f"{exercise.reply[: number.start()]}{other}{exercise.reply[number.end() :]}"
            with pytest.raises(AssertionError):
                assert_right(problem, Exercise(exercise.kind, exercise.question, reply))
            changed[exercise.kind] += 1
    assert set(changed) == set(ASKED) - {"need"}


def test_another_name_in_a_reply_would_be_noticed() -> None:
    changed: Counter[str] = Counter()
    for problem, exercise in drawn("tiny", (0,), 10):
        names = list(Oracle(problem.question).values)
        for found in re.finditer(
            "|".join(map(re.escape, sorted(names, key=len, reverse=True))), exercise.reply
        ):
            other = next(name for name in names if name != found[0])
            reply = f"{exercise.reply[: found.start()]}{other}{exercise.reply[found.end() :]}"
            with pytest.raises(AssertionError):
                assert_right(problem, Exercise(exercise.kind, exercise.question, reply))
            changed[exercise.kind] += 1
    assert set(changed) == {"restate", "need", "compute"}


def test_no_reply_computes_more_than_the_one_parameter_that_was_asked_for() -> None:
    for _, exercise in drawn("tiny", (0, 1, 2, 3)):
        steps = [
            next(LANGUAGE.readings(text)).kind
            for text in sentences(exercise.reply.removeprefix("- ").partition("\n")[0])
            if exercise.kind != "calculate"
        ]
        assert steps.count("compute") == (exercise.kind == "compute")


def test_the_same_seed_gives_the_same_exercises_in_the_voices_asked_for() -> None:
    assert list(drawn("tiny", (0, 3), 5)) == list(drawn("tiny", (0, 3), 5))
    voices = Counter(
        next(LANGUAGE.readings(text)).voice
        for _, exercise in drawn("tiny", (0, 3), 20)
        if exercise.kind == "restate"
        for text in sentences(exercise.reply.removeprefix("- "))
    )
    assert set(voices) == {0, 3}

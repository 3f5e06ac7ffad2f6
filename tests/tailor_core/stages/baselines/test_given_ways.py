"""Rule-based traces, 4-STaR and behavior injection: the moves that their traces show and lack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from baseline_data import FAMILIES, HABITS, Make, recipe

from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.demonstrations.misreading import misread
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment
from tailor_core.errors import StageError
from tailor_core.primitives.given import given_primitive, ways_of
from tailor_core.records import Primitive, Problem
from tailor_core.stages.baselines import four_star, rule_based
from tailor_core.stages.context import StageContext
from tailor_core.stages.methods import definition_of
from tailor_core.stages.registry import STAGES, load_target
from tailor_core.verification.scoring import score

pytestmark = pytest.mark.integration

LIARS = {
    "names": ["Zoey", "Oliver"],
    "statements": [["lying", 1], ["and", ["lying", 0], ["lying", 1]]],
    "solution": [True, False],
    "roles": {"knight": "knight", "knave": "knave"},
}
"""Zoey: "Oliver is a knave." Oliver: "We both are." As a knight he would lie: he is a knave, and she is none."""

CHESTS = {
    "categories": ["Cabin", "Chest"],
    "items": [["Blue Cabin", "Broad Cabin"], ["Autumn Chest", "Brass Chest"]],
    "statements": [
        [["Broad Cabin", "Autumn Chest"], 2],
        [["Blue Cabin", "Brass Chest"], ["times", 3, ["Broad Cabin", "Autumn Chest"]]],
    ],
    "question": ["Blue Cabin", "Brass Chest"],
    "modulus": 7,
    "answer": 6,
}
"""2, and three times that: 6."""

TWELVE = {"numbers": [3, 5, 20], "target": 12, "solution": "20 - 5 - 3"}

BY_HAND = {
    "kk": (
        LIARS,
        "Suppose Zoey were a knight. Suppose Oliver were a knight. Zoey said that Oliver is a knave, which is false: "
        "Zoey is a knight, a contradiction. (Therefore|So) Oliver (cannot be a knight and )?must be a knave[.]",
        "Left to place: Zoey and Oliver. Oliver says something about Zoey. Suppose Oliver were a knight. .* "
        "a contradiction. .* Zoey said that Oliver is a knave, which is true: Zoey is a knight. "
        "Oliver said that Zoey is a knave and Oliver is a knave, which is false: Oliver is a knave[.]",
    ),
    "igsm": (
        CHESTS,
        r"Define Broad Cabin's Autumn Chest as (\w); so \1 = 2. "
        r"Define Blue Cabin's Brass Chest as (\w); so \2 = 3 [*] \1 = 3 [*] 2 = 6[.]",
        "What I need: Broad Cabin's Autumn Chest and Blue Cabin's Brass Chest. To find Blue Cabin's Brass Chest I need "
        "Broad Cabin's Autumn Chest. .* Check: Broad Cabin's Autumn Chest is 2. "
        r"Check: Blue Cabin's Brass Chest is 3 [*] \w = 3 [*] 2 = 6[.]",
    ),
    "countdown": (
        TWELVE,
        "I take 3 [+] 5 = 8. I take 20 - 8 = 12. That is 12, as needed[.]",
        r"If I keep \d+, then .* = 12, so I need \d+ from .* First I want .* But \d+ is not \d+. I go back to .* "
        "Check: .* = 12[.]",
    ),
}
"""Family -> a problem worked out by hand, what the rule makes of it, and what shows of the four habits."""


@pytest.mark.parametrize("family", FAMILIES)
def test_a_problem_worked_out_by_hand_is_told_as_the_rule_and_the_habits_say(family: str) -> None:
    spec, rule, habits = BY_HAND[family]
    metadata = {"spec": spec, "split": "train", "canonical_hash": "h", "difficulty": {}}
    problem = Problem(id="p", environment=family, question="", answer="", metadata=metadata)
    for module, told in ((rule_based, rule), (four_star, habits)):
        way = given_primitive(module.METHOD, module.WAYS[family][0], family, {}, "procedural")
        written = ProceduralTeacher(family).demonstrate(problem, way, 0)
        assert re.fullmatch(told, written.think), written.think
        assert score(problem, written.completion).reward == 1
        wrong = ProceduralTeacher(family).demonstrate(misread(problem, 0), way, 0)
        if misread(problem, 0) != problem:
            assert score(problem, wrong.completion).reward == 0


def test_where_a_recipe_allows_some_moves_only_a_way_keeps_what_it_is_and_takes_the_rest_from_there() -> None:
    allowed = {"direction": ["forward"], "inspection": ["sweep"], "depth": ["none"], "order": ["given"]}
    [habits], [rule] = four_star.WAYS["kk"], rule_based.WAYS["kk"]
    program = given_primitive("4-star", habits, "kk", allowed, "procedural").program
    assert (program["direction"], program["inspection"]) == ("backward", "sweep")
    assert given_primitive("rule-based", rule, "kk", allowed, "procedural").program["order"] == "given"
    assert given_primitive("rule-based", rule, "kk", {}, "procedural").program["order"] == "connected"


def test_a_family_without_wording_for_the_four_habits_is_told_in_one_sentence() -> None:
    with pytest.raises(
        StageError, match=r"'4-star' is worded for kk, igsm, countdown, and not for .* = 'gcd'"
    ):
        ways_of("4-star", four_star.WAYS, "gcd")


@pytest.mark.parametrize("family", FAMILIES)
def test_rule_based_data_are_one_strategy_without_any_habit_that_others_inject(
    make: Make, family: str
) -> None:
    made = make(family, "rule-based")
    assert len(made.primitives) == 1
    shares = made.shares()
    habits = HABITS[family]
    lacks = {habits["verification"], habits["subgoals"], habits["backward"], "retract", "focus"}
    if family != "kk":  # whose solver is a search that goes back
        lacks.add(habits["backtracking"])
    assert not lacks & shares.keys()
    assert "other" not in shares
    assert shares[{"kk": "assume", "igsm": "define", "countdown": "join"}[family]] == 1
    if family == "kk":
        assert {"derive", "claim", "judge", "merge"}.isdisjoint(shares), "it searches, and derives nothing"
        assert shares["reject"] > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_each_trace_of_4_star_shows_the_four_habits_wherever_the_problem_lets_it(
    make: Make, family: str
) -> None:
    made = make(family, "4-star")
    shares = made.shares()
    for habit, move in HABITS[family].items():
        # A first guess may be right, a first pair of numbers lead there; with iGSM one chance in nine is let go.
        enough = {"igsm": 0.85}.get(family, 0.6) if habit == "backtracking" else 1.0
        assert shares.get(move, 0) >= enough, (habit, shares)
    assert all(made.verdicts[one.id].reward == 1 for one in made.kept)
    [primitive] = made.primitives
    assert primitive.screening["verdict"] == "accepted"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chat_teacher_is_told_the_four_habits_in_the_words_of_the_family(
    make: Make, family: str, tmp_path: Path
) -> None:
    chat = recipe(family, "4-star", teacher={"kind": "chat", "model": "m"})
    definition = definition_of(STAGES["primitives"], "4-star")
    problems = tmp_path / "problems"
    problems.mkdir()
    write_records(problems / "problems.parquet", list(make(family, "4-star").problems.values()))
    context = StageContext(inputs={"problems": problems}, output=tmp_path, workdir=tmp_path, seed=0)
    load_target(definition.function)(definition.config_in(chat), context)
    [told] = read_records(tmp_path / "primitives.parquet", Primitive)
    assert told.kind == "chat"
    assert not told.program
    assert all(
        word in told.instruction for word in ("Subgoals", "Backward chaining", "Backtracking", "Verification")
    )
    word = {"kk": "claim", "igsm": "quantities", "countdown": "target"}[family]
    assert word in told.instruction


@pytest.mark.parametrize("family", FAMILIES)
def test_behavior_injection_adds_exploration_to_all_rule_traces_and_reflection_to_some(
    make: Make, family: str
) -> None:
    made = make(family, "behavior-injection")
    names = {primitive.id: primitive.name for primitive in made.primitives}
    assert len(names) == {"kk": 2, "igsm": 3, "countdown": 3}[family]
    environment = get_environment(family)
    explores = {"kk": "focus", "igsm": "need", "countdown": "aim"}[family]
    reflects = {"kk": {"retract"}, "igsm": {"blocked", "retract"}, "countdown": {"retract", "gone"}}[family]
    assert made.shares()[explores] > 0.9
    shown: dict[bool, list[bool]] = {True: [], False: []}
    for one in made.demonstrations:
        moves = environment.count_moves(one.think)
        shown["reflection" in names[one.primitive_id]].append(bool(reflects & moves.keys()))
    assert not any(shown[False])
    assert sum(shown[True]) > 0.6 * len(shown[True])
    ways = [primitive.program for primitive in made.primitives]
    [rule] = make(family, "rule-based").primitives
    changed = {name for way in ways for name in way if way[name] != rule.program[name]}
    assert changed <= {"subgoals", "weighing", "slip", "asking", "arithmetic", "aiming", "wandering"}

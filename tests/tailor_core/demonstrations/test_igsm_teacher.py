"""The iGSM teacher and the step checker, which share no code: what the one writes, the other follows."""

import json
import os
import random
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.demonstrations.igsm.narration import narrate, write_demonstration
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment, read_options
from tailor_core.environments.igsm.environment import named_of
from tailor_core.environments.igsm.moves import DIMENSIONS, Program
from tailor_core.environments.igsm.solution import write_solution
from tailor_core.environments.igsm.step_language import LANGUAGE, VOICES
from tailor_core.errors import InputError
from tailor_core.primitives.language import language_of
from tailor_core.verification import score

pytestmark = pytest.mark.integration

SHARED = Path(os.environ.get("TAILOR_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLE = SHARED / "data" / "igsm_mod23_sample.jsonl"
IGSM = get_environment("igsm")


@cache
def problems():
    return [
        problem
        for setting, op in (("med", ()), ("med", (2, 3)), ("hard", (9, 16, 21)), ("plain", ()))
        for problem in IGSM.generate(
            read_options("igsm", {"setting": setting, "op": op}), count=30, split="train", seed=4
        )
    ]


chosen = st.builds(lambda place: problems()[place], st.integers(0, 119))
sources = st.builds(random.Random, st.integers(0, 2**32))
programs = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in DIMENSIONS.items()})


@given(chosen, programs, sources)
@settings(max_examples=600, deadline=None)
def test_what_any_program_writes_is_sound_and_right(problem, values, rng):
    program = Program(**values)
    think, answer = narrate(named_of(problem), program, rng)
    report = IGSM.check_steps(problem, think)
    assert report.sound, report.reason
    assert IGSM.check_answer(problem, answer).correct
    assert "other" not in report.moves
    assert (
        report.moves[f"voice:{program.voice}"]
        == report.steps
        == sum(report.moves.get(m, 0) for m in LANGUAGE.moves)
    )
    assert report.errors_found == report.recovered == report.moves.get("retract", 0)
    if program.slip == "arithmetic":
        assert report.recovered == 1


def a_wrong_number(think, rng, problem):
    """Another number at the end of a computation."""
    found = rng.choice(list(re.finditer(r"(?<= )\d+(?=\.(?: |$))", think)))
    return f"{think[: found.start()]}{int(found[0]) + rng.choice((1, 2, 5, 23))}{think[found.end() :]}"


def a_lost_computation(think, rng, problem):
    """Without the sentence that finds some parameter: something that uses it must fail, or the end is missing."""
    sentences = think.split(". ")
    finding = [
        i
        for i, s in enumerate(sentences)
        if re.match(r"Define|The value of|I write|Let .* denote|.* := |Hence", s)
    ]
    if not finding:
        return None
    del sentences[rng.choice(finding)]
    return ". ".join(sentences)


def another_name(think, rng, problem):
    """One mention of a parameter becomes that of another."""
    named = named_of(problem)
    names = sorted({named.name(p) for p in (*named.scenario.statements, *named.scenario.products)})
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = rng.choice(list(re.finditer(pattern, think)))
    other = rng.choice([name for name in names if name != found[0]])
    return think[: found.start()] + other + think[found.end() :]


def a_foreign_sentence(think, rng, problem):
    sentences = think.split(". ")
    sentences.insert(rng.randrange(len(sentences)), "This is easy")
    return ". ".join(sentences)


def a_mistake_without_correction(think, rng, problem):
    return re.sub(r"(?:Wait, that is wrong|Hmm, no, that was too quick|Undo)\. ", "", think, count=1)


def a_correction_of_nothing(think, rng, problem):
    return f"{think} Wait, that is wrong."


ERRORS = (
    a_wrong_number,
    a_lost_computation,
    another_name,
    a_foreign_sentence,
    a_mistake_without_correction,
    a_correction_of_nothing,
)


@pytest.mark.parametrize("inject", ERRORS, ids=lambda inject: inject.__name__)
@given(chosen, programs, sources)
@settings(max_examples=150, deadline=None)
def test_injected_errors_are_found(inject, problem, values, rng):
    # `skip` may name any parameter that is not needed, `focus` any place and a bound any larger number: a change
    # there can leave the trace true.
    values = {**values, "slip": "none", "listing": "none", "focus": "none", "bounds": "none"}
    if inject is a_mistake_without_correction:
        values["slip"] = "arithmetic"
    if inject is another_name:
        # Two parameters can be stated alike: what is quoted, asked or checked of one is then as true of the other.
        values |= {"restating": "none", "asking": "none", "direction": "forward", "verification": "none"}
    think, _ = narrate(named_of(problem), Program(**values), rng)
    changed = inject(think, rng, problem)
    if changed is not None and changed != think:
        report = IGSM.check_steps(problem, changed)
        assert not report.sound, changed
        assert report.reason


def test_the_same_seed_writes_the_same_and_others_differ():
    problem = problems()[5]
    primitive = language_of("igsm").primitive(Program().to_dict(), {})
    teacher = ProceduralTeacher("igsm")
    assert teacher.demonstrate(problem, primitive, 3) == teacher.demonstrate(problem, primitive, 3)
    assert (
        teacher.demonstrate(problem, primitive, 3).think != teacher.demonstrate(problem, primitive, 4).think
    )
    assert score(problem, teacher.demonstrate(problem, primitive, 3).completion).reward == 1.0


def test_the_plainest_program_writes_the_template_solution():
    for problem in problems()[:20]:
        named = named_of(problem)
        think, _ = narrate(named, Program(), random.Random(1))
        assert IGSM.check_solution(problem, think).correct
        assert IGSM.check_steps(problem, write_solution(named, random.Random(0))).sound


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_shows_in_what_is_written(dimension):
    """Each value makes some trace, or its answer, different from those of all other values."""
    base = Program().to_dict() | ({"naming": "names"} if dimension == "answer" else {})
    written = {}
    for value in DIMENSIONS[dimension]:
        program = Program.from_dict({**base, dimension: value})
        written[value] = [narrate(named_of(problem), program, random.Random(2)) for problem in problems()]
    texts = [str(text) for text in written.values()]
    assert len(set(texts)) == len(texts)


def test_programs_are_named_and_described_and_have_ids_of_their_own():
    plain, other = Program(), Program(direction="backward", slip="premature", voice="formal")
    assert plain.id != other.id == Program.from_dict(other.to_dict()).id
    assert other.name == "backward, letters, begin too early and notice, formal"
    assert "Work backward from the question" in other.instruction
    for name, values in DIMENSIONS.items():
        for value in values:
            changed = Program.from_dict({**plain.to_dict(), name: value})
            assert (changed.id == plain.id) == (changed == plain)
    with pytest.raises(InputError, match=r"program\.voice = 'loud', but must be one of plain"):
        Program.from_dict({"voice": "loud"})
    with pytest.raises(InputError, match=r"program\.volume = 'low' is no dimension"):
        Program.from_dict({"volume": "low"})


def test_a_problem_without_an_answer_gets_none():
    spec = {
        "categories": ["Farm", "Barn"],
        "items": [["Red Farm"], ["Old Barn", "New Barn"]],
        "statements": [
            [["Red Farm", "Old Barn"], ["Red Farm", "New Barn"]],
            [["Red Farm", "New Barn"], ["Red Farm", "Old Barn"]],
        ],
        "question": ["Red Farm", "New Barn"],
        "modulus": 23,
    }
    assert IGSM.solve(spec).count == 0
    problem = problems()[0]
    problem = type(problem)(
        **{**{f: getattr(problem, f) for f in ("id", "environment", "question", "answer")},
           "metadata": {**problem.metadata, "spec": spec}}
    )  # fmt: skip
    primitive = language_of("igsm").primitive(Program().to_dict(), {})
    think, answer = write_demonstration(problem, primitive, random.Random(0))
    assert think == answer == "I cannot tell."


def steps_problem():
    spec = {
        "categories": ["Farm", "Barn"],
        "items": [["Red Farm"], ["Old Barn", "New Barn", "Big Barn"]],
        "statements": [
            [["Red Farm", "Old Barn"], 20],
            [
                ["Red Farm", "New Barn"],
                ["times", 7, ["sum", ["Red Farm", "Old Barn"], ["Red Farm", "Big Barn"]]],
            ],
            [["Red Farm", "Big Barn"], 5],
        ],
        "question": ["Red Farm", "New Barn"],
        "modulus": 23,
    }
    return IGSM.from_record({"metadata": {"spec": spec}})


START = "Define Red Farm's Old Barn as a; so a = 20. Define Red Farm's Big Barn as b; so b = 5."


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (" So Red Farm's New Barn comes to 7 * (a + b) = 14.", "is not known"),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 7 * 25 = 175 = 14.", ""),
        (" I write c for Red Farm's New Barn; so c = 7 * (b + a) = 7 * 2 = 14.", ""),
        (" I write c for Red Farm's New Barn; so c = 7 * a + 7 * b = 140 + 35 = 14.", ""),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 7 * 24 = 14.", "the arithmetic is wrong"),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 7 * (19 + 6) = 14.", "that the symbols stand for"),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 7 * (5 + 20) = 14.", "that the symbols stand for"),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 7 * 25 = 198 = 14.", "the arithmetic is wrong"),
        (" So the answer is None.", "this is not what was found"),
        (" I write c for Red Farm's New Barn; so c = 7 * a + b = 145 = 7.", "not the one that the problem states"),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 37.", "end with a number in range"),
        (" I write a for Red Farm's New Barn; so a = 7 * (a + b) = 14.", "a letter was used before"),
        (" I write c for Red Farm's New Barn; so d = 7 * (a + b) = 14.", "conclude with the letter"),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + z) = 14.", "is not known"),
        (" I write c for Red Farm's New Barn; so c = 7 * ((a + b)) = 14.", "is not known"),
        (" I write c for Red Farm's New Barn; r = a + b = 2; so c = 7 * r = 14. So the answer is 14.", ""),
        (" I write c for Red Farm's New Barn; so c = 7 * (a + b) = 14. That makes it 15.", "what was found"),
        (" I write c for Red Farm's New Barn; c = 7 * (a + b) = 14.", "conclude with so"),
        (" I write c for Red Farm's Old Barn; so c = 20.", "found before"),
        (" I write c for Red Farm's Barn; so c = 20.", "not needed, or does not exist"),
        (" To find Red Farm's New Barn I need Red Farm's Old Barn.", "not what the parameter depends on"),
        (" Red Farm's New Barn is stated outright.", "depends on other parameters"),
        (" Not Red Farm's New Barn yet, I still lack Red Farm's Old Barn.", "known already"),
        (" Skip Red Farm's New Barn.", "the parameter is needed"),
        (" Left: 2.", "not what is left"),
        (" All in 0..19.", "out of range"),
        (" Plan: Red Farm's New Barn and Red Farm's Old Barn.", "not the parameters that are needed"),
        (" It says that each Red Farm's Big Barn equals 6.", "does not say that"),
        (" Now to Blue Farm.", "no such item"),
        (" Undo.", "nothing wrong was said"),
        ("", "ends before the question is answered"),
    ],
)  # fmt: skip
def test_what_a_step_may_say(end, reason):
    report = IGSM.check_steps(steps_problem(), START + end)
    if reason:
        assert not report.sound
        assert reason in report.reason
    else:
        assert report.sound, report.reason


def test_an_error_counts_as_recovered_only_if_taken_back_at_once():
    wrong = " I write c for Red Farm's New Barn; so c = 7 * (a + b) = 15."
    right = wrong.replace("15", "14")
    at_once = IGSM.check_steps(steps_problem(), f"{START}{wrong} Undo.{right}")
    assert (at_once.sound, at_once.errors_found, at_once.recovered) == (True, 1, 1)
    late = IGSM.check_steps(steps_problem(), f"{START}{wrong} Now to Red Farm. Undo.{right}")
    assert (late.sound, late.errors_found, late.recovered) == (False, 1, 0)


@pytest.mark.parametrize("modulus", [2, 3, 5, 10, 11])
def test_what_is_taken_back_was_wrong_whatever_the_modulus(modulus):
    spec = {
        "categories": ["Farm", "Barn"],
        "items": [["Red Farm"], ["Old Barn", "New Barn"]],
        "statements": [
            [["Red Farm", "Old Barn"], 1],
            [["Red Farm", "New Barn"], ["times", 1, ["Red Farm", "Old Barn"]]],
        ],
        "question": ["Red Farm", "New Barn"],
        "modulus": modulus,
    }
    problem = IGSM.from_record({"metadata": {"spec": spec}})
    for naming in DIMENSIONS["naming"]:
        program = Program(slip="arithmetic", naming=naming)
        for seed in range(40):
            think, _ = narrate(named_of(problem), program, random.Random(seed))
            report = IGSM.check_steps(problem, think)
            assert (report.sound, report.recovered) == (True, 1), (think, report.reason)


@pytest.mark.skipif(not SAMPLE.is_file(), reason=f"no public sample at {SAMPLE}; set TAILOR_SHARED")
@pytest.mark.parametrize("voice", VOICES)
def test_names_that_hold_an_and_are_listed_and_read(voice):
    rows = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
    joined = [row for row in rows if "Zoo and Gardens" in row["question"]]
    assert joined
    program = Program(voice=voice, asking="needs", listing="needed", restating="all", focus="parameter")
    for row in joined:
        problem = IGSM.from_record(row)
        think, _ = narrate(named_of(problem), program, random.Random(0))
        assert "Zoo and Gardens" in think
        report = IGSM.check_steps(problem, think)
        assert report.sound, report.reason


def test_of_names_that_hold_an_and_each_is_listed_once():
    spec = {
        "categories": ["Park", "Place"],
        "items": [["Red Park"], ["Zoo and Gardens", "Zoo", "Gardens and Zoo"]],
        "statements": [
            [["Red Park", "Zoo and Gardens"], 3],
            [["Red Park", "Zoo"], 4],
            [
                ["Red Park", "Gardens and Zoo"],
                ["sum", ["Red Park", "Zoo and Gardens"], ["Red Park", "Zoo"]],
            ],
        ],
        "question": ["Red Park", "Gardens and Zoo"],
        "modulus": 23,
    }
    problem = IGSM.from_record({"metadata": {"spec": spec}})
    end = (
        " Red Park's Zoo and Gardens: 3. Red Park's Zoo: 4. Red Park's Gardens and Zoo:"
        " Red Park's Zoo and Gardens + Red Park's Zoo = 3 + 4 = 7."
    )
    for needs, sound in (
        ("Red Park's Zoo and Gardens and Red Park's Zoo", True),
        ("Red Park's Zoo and Red Park's Zoo and Gardens", True),
        ("Red Park's Zoo, Red Park's Zoo and Gardens", True),
        ("Red Park's Zoo and Gardens", False),
        ("Red Park's Zoo and Gardens and Red Park's Zoo and Gardens", False),
        ("Red Park's Zoo and Gardens and Red Park's Zoo and Red Park's Zoo", False),
        ("Red Park's Zoo and Red Park's Gardens and Red Park's Zoo", False),
    ):
        report = IGSM.check_steps(problem, f"Red Park's Gardens and Zoo <- {needs}.{end}")
        assert report.sound == sound, (needs, report.reason)


@pytest.mark.parametrize("voice", VOICES)
def test_moves_are_counted_by_wording_alone(voice):
    program = Program(voice=voice, slip="arithmetic", direction="backward", summary="done", bounds="all")
    think, _ = narrate(named_of(problems()[7]), program, random.Random(0))
    counts = IGSM.count_moves(f"{think} Who knows. Define")
    assert counts["other"] == 2
    assert {"retract": 1, "done": 1, "bounds": 1}.items() <= counts.items()
    assert counts["need"] + counts.get("given", 0) == counts["define"] - 1

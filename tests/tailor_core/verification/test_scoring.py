"""Rewards of every mode, with exact numbers."""

import random

import pytest

from flows import RECIPES
from tailor_core.config.load import load_recipe
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment
from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.environments.knights_knaves.formats import to_logic_rl
from tailor_core.environments.knights_knaves.moves import Program
from tailor_core.environments.teaching import get_teaching
from tailor_core.errors import InputError
from tailor_core.primitives.aim import Aim
from tailor_core.primitives.composition import Composer
from tailor_core.primitives.language import language_of
from tailor_core.verification import MODES, reward_function, score, score_batch

KK = KnightsKnaves()
PROBLEM = KK.from_record(
    {
        "names": ["Zoey", "Ella", "Liam", "Mia"],
        "statements": [
            ["or", ["lying", 0], ["lying", 1]],
            ["telling-truth", 1],
            ["lying", 1],
            ["and", ["lying", 0], ["telling-truth", 2]],
        ],
    }
)
RIGHT = "Zoey is a knight, Ella is a knave, Liam is a knight, and Mia is a knave."
THREE = "Zoey is a knight, Ella is a knave, Liam is a knight, and Mia is a knight."
NONE = "Zoey is a knave, Ella is a knight, Liam is a knave, and Mia is a knight."
UNREAD = "Zoey is a knight, Zoey is a knave, Ella is a knave, Liam is a knight, and Mia is a knave."


def response(answer, think="Because."):
    return f"<think>{think}</think>\n<answer>{answer}</answer>"


def boxed(answer):
    return f"So it is \\boxed{{{answer}}}"


@pytest.mark.parametrize(
    ("mode", "right", "three", "none", "unread", "broken"),
    [
        ("binary", 1.0, 0.0, 0.0, 0.0, 0.0),
        ("sound", 0.0, 0.0, 0.0, 0.0, 0.0),  # "Because." is no step
        ("logic-rl", 3.0, -0.5, -0.5, -1.0, -3.0),
        ("boxed", 1.0, 0.0, 0.0, 0.0, 0.0),
        ("partial", 1.0, 0.3 + 0.7 * 3 / 4, 0.0, 0.0, 0.0),
    ],
)
def test_each_mode_pays_what_its_table_says(mode, right, three, none, unread, broken):
    wrap = boxed if mode == "boxed" else response
    assert score(PROBLEM, wrap(RIGHT), mode).reward == right
    assert score(PROBLEM, wrap(THREE), mode).reward == pytest.approx(three)
    assert score(PROBLEM, wrap(NONE), mode).reward == none
    assert score(PROBLEM, wrap(UNREAD), mode).reward == unread
    assert score(PROBLEM, RIGHT, mode).reward == broken
    assert score(PROBLEM, response(RIGHT) + " and more", "logic-rl").reward == -3.0


def test_to_suppose_the_right_roles_is_a_guess_where_nothing_that_is_said_is_held_against_them():
    kk = get_environment("kk")
    for problem in kk.generate(kk.options_model(people=(3,)), count=20, split="train", seed=2):
        words = problem.spec["roles"]
        supposed = " ".join(
            f"Suppose {name} were a {words['knight' if knight else 'knave']}."
            for name, knight in zip(problem.spec["names"], problem.spec["solution"], strict=True)
        )
        guess = score(problem, response(problem.answer, supposed), "sound")
        assert (guess.reward, guess.checks["correct"], guess.checks["sound"]) == (0.0, True, False)
        first = problem.spec["names"][0]
        assert guess.reason == f"roles stand as assumed, and what {first} says is not held against them"
        assert kk.check_steps(problem, supposed).sound, "a teacher may leave that out"


def test_an_end_that_rests_on_an_assumption_is_a_guess_until_everybody_was_heard():
    """Whose claims a trace leaves out may contradict all that it supposed; who checks at the end leaves nobody out."""
    counts = {}
    for verification in ("none", "check"):
        teacher, found = ProceduralTeacher("kk"), 0
        primitive = language_of("kk").primitive(Program(verification=verification).to_dict(), {})
        for problem in KK.generate(KK.options_model(people=(3,)), count=60, split="train", seed=5):
            written = teacher.demonstrate(problem, primitive, 0)
            report = KK.check_steps(problem, written.think)
            earned = score(problem, written.completion, "sound")
            assert report.sound
            assert earned.reward == float(not report.guessed)
            if report.guessed:
                found += 1
                assert earned.reason == report.guessed
                assert any(f"what {name} says is not" in report.guessed for name in problem.spec["names"])
        counts[verification] = found
    assert counts["none"] > 10
    assert counts["check"] == 0


def test_no_way_of_reasoning_of_the_tiny_recipe_is_a_guess():
    language = language_of("kk").within(load_recipe("kk-tiny", RECIPES).primitives.dimensions)
    problems = KK.generate(KK.options_model(people=(2, 3)), count=10, split="train", seed=3)
    teacher, sound = ProceduralTeacher("kk"), 0
    for candidate in Composer(language, Aim(), random.Random(0)).compose(20):
        for problem in problems:
            written = teacher.demonstrate(problem, language.primitive(candidate.values, {}), 0)
            if KK.check_steps(problem, written.think).sound:
                sound += 1
                assert score(problem, written.completion, "sound").reward == 1.0, written.think
    assert sound > 100


@pytest.mark.parametrize("family", ["kk", "igsm", "countdown"])
def test_soundness_is_paid_for_where_the_answer_is_right_and_every_step_follows(family):
    environment, teaching = get_environment(family), get_teaching(family)
    problem, other = environment.generate(environment.options_model(), count=2, split="train", seed=4)
    program = teaching.program(verification="check") if family == "kk" else teaching.program()
    think, answer = teaching.write(problem, program, random.Random(1))
    elsewhere, _ = teaching.write(other, program, random.Random(1))
    earned = score(problem, response(answer, think), "sound")
    assert (earned.reward, earned.checks["sound"]) == (1.0, True)
    guessed = score(problem, response(answer, elsewhere), "sound")
    assert (guessed.reward, guessed.checks["correct"], guessed.checks["sound"]) == (0.0, True, False)
    assert guessed.reason.startswith("step ")
    assert score(problem, response("no answer", think), "sound").reward == 0.0
    assert "sound" not in score(problem, response(answer, think)).checks
    [reward] = reward_function("sound")(completions=[response(answer, elsewhere)], problem=[problem])
    assert reward == 0.0


LOGIC_RL = {
    "right": "(1) Zoey is a knight\n(2) Ella is a knave\n(3) Liam is a knight\n(4) Mia is a knave",
    "one role wrong": "(1) Zoey is a knight\n(2) Ella is a knave\n(3) Liam is a knight\n(4) Mia is a knight",
    "one person missing": "(1) Zoey is a knight\n(2) Ella is a knave\n(3) Liam is a knight",
    "a role too many": "(1) Zoey is a knight\n(2) Ella is a knave\n(3) Liam is a knight\n(4) Mia is a knave knave",
    "a role denied": "(1) Zoey is a knight\n(2) Ella is not a knight\n(3) Liam is a knight\n(4) Mia is a knave",
    "a name that nobody has": "(1) Zoe is a knight\n(2) Ella is a knave\n(3) Liam is a knight\n(4) Mia is a knave",
}
"""Answers as Logic-RL asks for them, one person a line."""


@pytest.mark.parametrize(
    ("kind", "answer_reward"),
    [
        ("right", 2),
        ("one role wrong", -1.5),
        ("one person missing", -2),
        ("a role too many", -2),
        ("a role denied", -2),
        ("a name that nobody has", -2),
    ],
)
def test_logic_rl_totals_are_its_format_and_answer_rewards_on_its_own_answers(kind, answer_reward):
    # Its compute_score: format +1 or -1; answer +2 right, -1.5 wrong, -2 unreadable or of a broken format.
    assert score(PROBLEM, response(LOGIC_RL[kind]), "logic-rl").reward == 1 + answer_reward


@pytest.mark.parametrize(
    "broken",
    [
        LOGIC_RL["right"],
        f"<answer>{LOGIC_RL['right']}</answer>",
        f"<think>Because.</think>{LOGIC_RL['right']}",
        f"<answer>{LOGIC_RL['right']}</answer><think>Because.</think>",
        f"<think>Because.</think></think><answer>{LOGIC_RL['right']}</answer>",
        f"<think>Because.</think><answer>{LOGIC_RL['right']}",
    ],
)
def test_logic_rl_pays_minus_three_for_tags_that_are_missing_doubled_or_in_another_order(broken):
    assert score(PROBLEM, broken, "logic-rl").reward == -1 - 2


def test_the_answer_that_logic_rls_rows_hold_earns_its_full_total():
    for problem in KK.generate(KK.options_model(people=(3, 5)), count=20, split="test", seed=1):
        truth = to_logic_rl(problem, 0)["reward_model"]["ground_truth"]["solution_text_format"]
        assert score(problem, response(truth), "logic-rl").reward == 3


def test_checks_tell_how_far_a_response_came():
    steps = ["well_formed", "parsed", "correct"]
    for answer, passed in ((RIGHT, 3), (THREE, 2), (UNREAD, 1)):
        result = score(PROBLEM, response(answer))
        assert [result.checks[step] for step in steps] == [True] * passed + [False] * (3 - passed)
        assert result.reason
    assert not any(score(PROBLEM, RIGHT).checks.values())


HOSTILE = [
    None,
    12,
    [],
    "",
    RIGHT,
    response(RIGHT, think=""),
    response(RIGHT, think=" \n"),
    response(RIGHT, think="\u200b"),
    response(RIGHT) * 2,
    response(RIGHT) + response(THREE),
    response(THREE) + f"<answer>{RIGHT}</answer>",
    response(RIGHT) + "!",
    "I am sure. " + response(RIGHT),
    response(f"{RIGHT} {NONE}"),
    response(f"{RIGHT}\n{RIGHT}"),
    response(f"{NONE[:-1]}, {RIGHT}"),
    response(RIGHT.replace("a knave", "not a knight")),
    response(RIGHT.replace("Zoey", "Z\u043eey")),
    response(RIGHT.replace("knight", "\uff4bnight")),
    response(RIGHT.replace("knight", "kni\u00adght")),
    response(RIGHT.replace("knight", "knight knave")),
    response("all of them are knights and all of them are knaves"),
    response(RIGHT + " " * 1000 + "x"),
    response("x" * 100_000),
    "<think>" * 20_000,
    "\ud800" * 1000,
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_responses_never_earn_and_never_raise(text, mode):
    assert score(PROBLEM, text, mode).reward <= 0


def test_boxed_takes_the_last_box_only():
    assert score(PROBLEM, boxed(THREE) + boxed(RIGHT), "boxed").reward == 1.0
    assert score(PROBLEM, boxed(RIGHT) + boxed(THREE), "boxed").reward == 0.0
    assert score(PROBLEM, response(RIGHT), "boxed").reward == 0.0


def test_guessing_all_knights_earns_nothing_in_binary():
    problems = KK.generate(KK.options_model(people=(5,)), count=300, split="train", seed=0)
    answers = [", ".join(f"{name} is a knight" for name in problem.spec["names"]) for problem in problems]
    scores = score_batch(problems, [response(answer) for answer in answers])
    assert sum(result.reward for result in scores) / 300 < 0.08


def test_every_generated_problems_own_answer_earns_the_full_reward():
    options = KK.options_model(people=(2, 4, 7), role_words="varied", names="uncommon")
    for problem in KK.generate(options, count=60, split="validation", seed=0):
        assert score(problem, response(problem.answer)).reward == 1.0
        assert score(problem, response(KK.to_record(problem)["solution_text"])).reward == 1.0


def test_a_batch_is_scored_in_order():
    scores = score_batch([PROBLEM] * 3, [response(RIGHT), "no", response(THREE)], "logic-rl")
    assert [result.reward for result in scores] == [3.0, -3.0, -0.5]


def test_a_batch_of_unequal_lengths_is_refused():
    with pytest.raises(InputError, match="responses holds 1 entries and problems 2"):
        score_batch([PROBLEM] * 2, ["x"])


def test_an_unknown_mode_is_refused():
    with pytest.raises(
        InputError, match="mode = 'fair', but must be one of binary, sound, logic-rl, boxed, partial"
    ):
        score(PROBLEM, "x", "fair")

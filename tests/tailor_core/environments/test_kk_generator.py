"""What `generate` promises: unique solutions, balance, distinct problems, splits that never meet."""

import os
import subprocess
import sys
from collections import Counter
from random import Random

import pytest
from reasoning_gym.logic.knights_knaves import KnightsKnavesDataset

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.knights_knaves import sampler
from tailor_core.environments.knights_knaves.sampler import Sampler
from tailor_core.environments.knights_knaves.words import COMMON_NAMES, UNCOMMON_NAMES
from tailor_core.errors import InputError, RecipeError

KK = get_environment("kk")


def generate(count, split="train", seed=0, **options):
    return KK.generate(read_options("kk", options), count=count, split=split, seed=seed)


def as_tuples(statement):
    return tuple(as_tuples(part) if isinstance(part, list) else part for part in statement)


def test_reasoning_gym_finds_the_recorded_solution_and_no_other():
    for problem in generate(60, people=[2, 3, 4, 5], depth=3):
        statements = tuple(as_tuples(statement) for statement in problem.spec["statements"])
        assert KnightsKnavesDataset.find_solution(statements) == [tuple(problem.spec["solution"])]


def test_half_of_the_people_are_knights_at_every_number_of_people():
    for people in (3, 5, 8):
        problems = generate(1500, people=[people])
        share = sum(sum(problem.spec["solution"]) for problem in problems) / (1500 * people)
        assert share == pytest.approx(0.5, abs=0.03)


def test_numbers_of_people_take_turns():
    counts = Counter(problem.difficulty["people"] for problem in generate(100, people=[3, 4, 6]))
    assert counts == {3: 34, 4: 33, 6: 33}


def test_difficulty_overrides_the_numbers_of_people():
    problems = KK.generate(read_options("kk", {"people": [3]}), count=5, split="test", seed=0, difficulty=7)
    assert {len(problem.spec["names"]) for problem in problems} == {7}


@pytest.mark.parametrize("difficulty", [-1, 0, 1, 21, 400])
def test_a_difficulty_that_is_no_number_of_people_is_one_sentence(difficulty):
    with pytest.raises(
        RecipeError, match=f"^difficulty = {difficulty}, but a puzzle has 2 to 20 people; choose from these$"
    ):
        KK.generate(read_options("kk", {}), count=1, split="train", seed=0, difficulty=difficulty)


def test_a_puzzle_of_twenty_people_is_drawn_in_a_gigabyte():
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from tailor_core.environments.knights_knaves import generator, options;"
        "o = options.KnightsKnavesOptions(people=(20,));"
        "[problem] = generator.stream(o, count=1, split='train', seed=0);"
        "print(len(problem.spec['names']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr[-200:]) == ("20\n", "")


@pytest.mark.parametrize("allow_constant", [False, True])
def test_statements_laid_out_without_tables_make_the_same_puzzles(monkeypatch, allow_constant):
    with_tables = Sampler(4, 2, 2, allow_constant)
    monkeypatch.setattr(sampler, "_TABLED_PEOPLE", 3)
    without = Sampler(4, 2, 2, allow_constant)
    for seed in range(20):
        assert without.puzzle(Random(seed)) == with_tables.puzzle(Random(seed))


def test_splits_never_share_a_hash_across_seeds_people_options_and_calls():
    home: dict[str, str] = {}
    for split in ("train", "validation", "test", "ood_names", "ood_roles"):
        for seed in (0, 1):
            for options in ({"people": [3]}, {"people": [3, 4], "allow_constant": True}):
                for problem in generate(16, split, seed, **options):
                    assert home.setdefault(problem.canonical_hash, split) == split
    assert len(set(home.values())) == 5


def test_hashes_are_distinct_and_excluded_ones_do_not_come_back():
    first = generate(200, people=[3])
    hashes = {problem.canonical_hash for problem in first}
    assert len(hashes) == 200
    options = read_options("kk", {"people": [3]})
    again = KK.generate(options, count=200, split="train", seed=0, exclude=hashes)
    assert not hashes & {problem.canonical_hash for problem in again}


def test_a_larger_count_only_adds():
    assert generate(40, people=[3, 4])[:17] == generate(17, people=[3, 4])


def test_neighbouring_seeds_share_nothing():
    questions = [{problem.question for problem in generate(50, seed=seed)} for seed in (100, 101)]
    assert not questions[0] & questions[1]


def test_the_same_problems_come_out_under_another_hash_seed():
    program = (
        "from tailor_core.environments import *; from tailor_core.records import content_id;"
        "o = read_options('kk', {'people': [2, 3, 5], 'depth': 3, 'width': 3, 'role_words': 'varied'});"
        "p = get_environment('kk').generate(o, count=40, split='validation', seed=5);"
        "print(content_id([row.to_row() for row in p]))"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1


def test_when_two_people_run_out_of_puzzles_three_go_on():
    counts = Counter(problem.difficulty["people"] for problem in generate(150, people=[2, 3]))
    assert counts[3] > 75
    assert counts[2] + counts[3] == 150


def test_running_out_altogether_is_one_clear_sentence():
    with pytest.raises(
        RecipeError, match=r"'train' holds only 47 different .* \[2\].* 100 were asked for; ask for"
    ):
        generate(100, people=[2])


def test_an_unknown_split_is_refused():
    with pytest.raises(InputError, match="split = 'dev' does not exist; use train, validation, test"):
        generate(1, "dev")


def test_ood_levels_leave_the_distribution_as_they_say():
    options = read_options(
        "kk",
        {"people": [3], "ood": {"people": [6], "depth": [3], "uncommon_names": True, "flipped_roles": True}},
    )
    levels = KK.ood_levels(options)
    assert list(levels) == ["ood_people_6", "ood_depth_3", "ood_names", "ood_roles"]
    found = {name: KK.generate(level, count=8, split=name, seed=0) for name, level in levels.items()}
    assert all(problem.difficulty["people"] == 6 for problem in found["ood_people_6"])
    assert all(problem.difficulty["depth"] == 3 for problem in found["ood_depth_3"])
    assert all(set(problem.spec["names"]) <= set(UNCOMMON_NAMES) for problem in found["ood_names"])
    assert all("Knaves always tell the truth" in problem.question for problem in found["ood_roles"])
    assert not set(UNCOMMON_NAMES) & set(COMMON_NAMES)
    hashes = [problem.canonical_hash for problems in found.values() for problem in problems]
    assert len(set(hashes)) == len(hashes)


def test_questions_end_with_the_question_in_the_puzzles_own_words():
    for problem in generate(20, role_words="varied"):
        roles = problem.spec["roles"]
        assert roles["knight"] != "knight"
        assert problem.question.startswith("A very special island is inhabited only by ")
        assert problem.question.endswith("?")
        assert f" {roles['knight']} and who is a" in problem.question


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"people": [1]}, "people holds 1, but a puzzle has 2 to 20 people"),
        ({"people": [21]}, "people holds 21"),
        ({"people": [3, 3]}, "names a number twice"),
        ({"people": [3], "ood": {"people": [3]}}, "ood.people holds 3, which people holds too"),
        ({"ood": {"depth": [2]}}, "ood.depth holds 2, but must exceed depth = 2"),
        (
            {"names": "uncommon", "ood": {"uncommon_names": True}},
            "ood.uncommon_names = true, but names = 'uncommon' gives training the same names; change one of them",
        ),
        (
            {"role_words": "flipped", "ood": {"flipped_roles": True}},
            "ood.flipped_roles = true, but role_words = 'flipped' exchanges the words of training as well; change",
        ),
        ({"depth": 1}, "environment.options.depth = 1"),
        ({"depth": 99}, "lower depth or width"),
        ({"pepole": [3]}, "environment.options.pepole .*; the keys are people, depth"),
        ({"names": "odd"}, "environment.options.names = 'odd'"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(options, message):
    with pytest.raises(RecipeError, match=message) as caught:
        read_options("kk", options)
    assert "\n" not in str(caught.value)

"""What `generate` promises for iGSM: right answers, exact operation counts, splits that never meet."""

import logging
import subprocess
import sys
from collections import Counter

import pytest
from igsm_oracle import Oracle
from scipy.stats import chi2_contingency, chisquare

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.igsm.bins import TEST_BINS, TRAIN_BINS, bin_of
from tailor_core.environments.igsm.spec import read_spec
from tailor_core.errors import InputError, RecipeError

IGSM = get_environment("igsm")
SETTINGS = ("med", "hard", "plain", "tiny")


def generate(count, split="train", seed=0, **options):
    return IGSM.generate(read_options("igsm", options), count=count, split=split, seed=seed)


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_evaluator_of_its_own_reads_the_same_answer_and_count_from_the_text(setting):
    for problem in generate(100, setting=setting):
        oracle = Oracle(problem.question)
        assert oracle.answer == int(problem.answer)
        assert oracle.op == problem.difficulty["op"]
        assert IGSM.solve(problem.spec).first == int(problem.answer)


@pytest.mark.parametrize(("setting", "links"), [("med", 20), ("hard", 28), ("plain", 20)])
def test_every_number_of_operations_comes_out_exactly_within_the_links(setting, links):
    options = read_options("igsm", {"setting": setting})
    for op in (*range(1, 26), *([32] if setting == "hard" else [])):
        split = "test" if op == 1 and not _has(options, 1, "train") else "train"
        for problem in IGSM.generate(options, count=5, split=split, seed=0, difficulty=op):
            assert Oracle(problem.question).op == op
            assert problem.difficulty["links"] == problem.question.count("The number of") <= links


def _has(options, op, split):
    try:
        return IGSM.generate(options, count=1, split=split, seed=0, difficulty=op)
    except RecipeError:
        return []


def test_the_tiny_setting_has_few_links_between_two_layers_few_names_and_a_small_modulus():
    problems = generate(200, setting="tiny") + generate(50, setting="tiny", op=[5, 6])
    assert {problem.difficulty["depth"] for problem in problems} == {2}
    assert max(problem.difficulty["links"] for problem in problems) == 6
    assert all(problem.question.endswith(" Calculate modulo 7.") for problem in problems)
    names = {name for p in problems for layer in p.spec["items"] for name in layer}
    assert len(names) == 20
    assert {p.difficulty["op"] for p in generate(20, "test", setting="tiny")} == {3, 4}


def test_the_parts_of_a_sum_come_in_the_order_of_the_text():
    for problem in generate(100):
        scenario = read_spec(problem.spec).scenario
        stated = list(scenario.statements)
        for products in scenario.products.values():
            places = [stated.index(product[0]) for product in products]
            assert places == sorted(places)


def test_statements_depend_on_four_things_at_most_and_some_are_not_needed():
    needless = 0
    for problem in generate(100):
        oracle = Oracle(problem.question)
        needless += any(name not in oracle.needed for name in oracle.stated)
        for name in oracle.stated:
            number = oracle.stated[name][0].isdigit()
            assert 1 <= len(oracle.needs(name)) + number <= 4
    assert needless > 60


def test_the_plain_setting_counts_things():
    for problem in generate(150, setting="plain"):
        oracle = Oracle(problem.question)
        assert "modulo" not in problem.question
        assert all(0 <= oracle.values[name] < 1000 for name in oracle.needed)


def test_the_same_skeleton_is_in_one_kind_of_split_only():
    home = {}
    for split, kind in (("train", "t"), ("validation", "v"), ("test", "e"), ("ood_op_15", "e")):
        op = [15] if split == "ood_op_15" else [4, 5, 6, 9]
        for seed in (0, 1):
            for problem in generate(40, split, seed, op=op):
                template = problem.metadata["template_hash"]
                assert home.setdefault(template, kind) == kind
                assert (bin_of(template) in TEST_BINS) == (kind == "e")
    assert set(TRAIN_BINS) | set(TEST_BINS) == set(range(23))
    assert set(home.values()) == {"t", "v", "e"}


def test_hashes_are_distinct_and_excluded_ones_do_not_come_back():
    first = generate(200)
    hashes = {problem.canonical_hash for problem in first}
    assert len(hashes) == 200
    options = read_options("igsm", {})
    again = IGSM.generate(options, count=200, split="train", seed=0, exclude=hashes)
    assert not hashes & {problem.canonical_hash for problem in again}


def test_a_larger_count_only_adds_and_each_problem_stands_alone():
    assert generate(60)[:25] == generate(25)
    assert generate(1) != generate(1, seed=1)
    alone = IGSM.generate(read_options("igsm", {}), count=2, split="train", seed=0, difficulty=9)
    among = [problem for problem in generate(30) if problem.difficulty["op"] == 9]
    assert alone == among[:2]


def test_operations_take_turns_or_come_as_in_the_published_data():
    assert Counter(p.difficulty["op"] for p in generate(60, op=[4, 7, 9])) == {4: 20, 7: 20, 9: 20}
    light = Counter(p.difficulty["op"] for p in generate(400, op=[4, 6, 8, 10], op_share="light"))
    assert light[4] > light[6] > light[8] > light[10] > 0  # 7, 5, 3 and 1 of 16


@pytest.mark.parametrize("setting", SETTINGS)
def test_zero_is_no_better_a_guess_than_any_other_residue(setting):
    answers = Counter(problem.answer for problem in generate(800, setting=setting))
    assert answers["0"] / 800 < (1 / 7 if setting == "tiny" else 1 / 23 + 0.02)
    if setting not in ("plain", "tiny"):
        assert len(answers) == 23
        assert max(answers.values()) / 800 < 0.085
        del answers["0"]
        assert chisquare(list(answers.values())).pvalue > 1e-6


def test_names_do_not_tell_the_answer():
    problems = generate(1000, op=[4, 5])
    for word in (lambda p: p.spec["categories"][0], lambda p: p.spec["question"][0][0]):
        table = Counter((word(problem), int(problem.answer) % 5) for problem in problems)
        rows = sorted({name for name, _ in table})
        counts = [[table[name, rest] for rest in range(5)] for name in rows]
        assert chi2_contingency([row for row in counts if sum(row) > 25]).pvalue > 1e-4
    words = {item.split()[0] for p in problems for layer in p.spec["items"] for item in layer}
    assert len(words) > 140


def test_no_name_is_part_of_another():
    for problem in generate(100, setting="hard"):
        items = [item for layer in problem.spec["items"] for item in layer]
        assert len({item.split()[0] for item in items}) == len(items)
        for layer, names in enumerate(problem.spec["items"]):
            assert all(name.endswith(f" {problem.spec['categories'][layer]}") for name in names)


def test_the_process_and_the_hash_seed_do_not_matter(python_environment):
    program = (
        "from tailor_core.environments import get_environment, read_options\n"
        "found = get_environment('igsm').generate(\n"
        "    read_options('igsm', {'setting': 'hard'}), count=12, split='test', seed=3)\n"
        "print([(one.id, one.canonical_hash, one.metadata['template_hash'], one.answer) for one in found])\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**python_environment, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(printed) == 1
    here = generate(12, "test", 3, setting="hard")
    shown = [(one.id, one.canonical_hash, one.metadata["template_hash"], one.answer) for one in here]
    assert printed == {f"{shown}\n"}


def test_one_operation_has_one_skeleton_and_the_others_go_on_without_it(caplog):
    splits = [split for split in ("train", "test") if _has(read_options("igsm", {"op": [1]}), 1, split)]
    assert len(splits) == 1
    other = {"train": "test", "test": "train"}[splits[0]]
    with pytest.raises(RecipeError, match=r"holds only 0 different problems .* op = \[1\]"):
        generate(1, other, op=[1])
    with caplog.at_level(logging.WARNING):
        found = generate(4, other, op=[1, 6])
    assert {problem.difficulty["op"] for problem in found} == {6}
    assert "no more problems of 1 operations" in caplog.text


def test_ood_levels_are_numbers_of_operations_in_the_test_bins():
    options = read_options("igsm", {"setting": "plain", "ood": {"op": [21, 25]}})
    levels = IGSM.ood_levels(options)
    assert list(levels) == ["ood_op_21", "ood_op_25"]
    for split, level in levels.items():
        for problem in IGSM.generate(level, count=4, split=split, seed=0):
            assert problem.split == split == f"ood_op_{problem.difficulty['op']}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"op": [0]}, "op holds 0, but a problem of the setting med takes 1 to 34 operations"),
        ({"op": [35]}, "op holds 35"),
        ({"op": [4, 4]}, "names a number twice"),
        ({"ood": {"op": [15]}}, "ood.op holds 15, which op holds too"),
        ({"setting": "easy"}, "environment.options.setting = 'easy'"),
        ({"ops": [3]}, "environment.options.ops .*; the keys are setting, op"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(options, message):
    with pytest.raises(RecipeError, match=message) as caught:
        read_options("igsm", options)
    assert "\n" not in str(caught.value)


def test_a_difficulty_that_cannot_be_is_refused_and_the_largest_can():
    options = read_options("igsm", {})
    with pytest.raises(RecipeError, match="difficulty = 35, but a problem of the setting med takes 1 to 34"):
        IGSM.generate(options, count=1, split="train", seed=0, difficulty=35)
    [largest] = IGSM.generate(options, count=1, split="train", seed=0, difficulty=34)
    assert Oracle(largest.question).op == 34


def test_an_unknown_split_is_refused():
    with pytest.raises(
        InputError, match="split = 'dev' does not exist; use train, validation, test, or one of"
    ):
        generate(1, "dev")
    with pytest.raises(InputError, match="split = 'ood_depth_3' does not exist"):
        generate(1, "ood_depth_3")

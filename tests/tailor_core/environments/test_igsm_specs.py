"""Specs, rows and questions from outside: read back, or refused in one sentence that names the field."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.igsm.reading import read_question
from tailor_core.environments.igsm.spec import read_spec, spec_of
from tailor_core.errors import InputError

IGSM = get_environment("igsm")
OWN = {"setting": "med", "op": [4, 9, 14]}


def made(count=20, **options):
    return IGSM.generate(read_options("igsm", {**OWN, **options}), count=count, split="train", seed=9)


def spec():
    return {
        "categories": ["Farm", "Barn"],
        "items": [["Red Farm"], ["Old Barn", "New Barn"]],
        "statements": [
            [["Red Farm", "Old Barn"], 20],
            [["Red Farm", "New Barn"], ["times", 7, ["Red Farm", "Old Barn"]]],
        ],
        "question": ["Red Farm", "Barn"],
        "modulus": 23,
    }


@pytest.mark.parametrize("setting", ["med", "hard", "plain"])
def test_questions_and_specs_and_rows_say_the_same(setting):
    for problem in made(setting=setting, op=[]):
        named = read_spec(problem.spec)
        assert spec_of(named.scenario, named.categories, named.items) == {
            key: value for key, value in problem.spec.items() if key != "answer"
        }
        assert IGSM.render(problem.spec) == problem.question
        read = read_question(problem.question)
        assert read.scenario.answer == int(problem.answer)
        assert IGSM.canonical_hash(problem.spec) == problem.canonical_hash
        row = json.loads(
            json.dumps({"id": problem.id, "question": problem.question, "metadata": problem.metadata})
        )
        assert IGSM.from_record(row) == problem
        again = IGSM.from_record(IGSM.to_record(problem))
        assert (again.answer, again.canonical_hash) == (problem.answer, problem.canonical_hash)


def test_a_row_says_the_smallest_setting_that_it_fits():
    said = {op: IGSM.to_record(made(1, setting="hard", op=[op])[0])["setting"] for op in (4, 16)}
    assert said == {4: "med", 16: "hard"}
    assert IGSM.to_record(made(1, setting="plain", op=[4])[0])["setting"] == "plain"


def test_a_bare_spec_is_enough():
    problem = IGSM.from_record({"metadata": {"spec": spec()}})
    assert problem.answer == str((20 + 140) % 23)
    assert problem.difficulty == {"op": 3, "links": 2, "depth": 2}
    assert problem.split == "unassigned"
    assert problem.question.endswith("How many Barn does Red Farm have? Calculate modulo 23.")


def changed(path, value):
    found = spec()
    target = found
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["categories"], None, "categories = None, but must be a list"),
        (["categories"], ["Farm", "Farm"], "categories .* different names"),
        (["categories"], [], "categories"),
        (["items"], [["Red Farm"]], "items = .*, but must be a list of 2 lists"),
        (
            ["items", 1],
            ["Old Barn", "Old Barn"],
            "items.1. = 'Old Barn', but must be a name that nothing else has",
        ),
        (["items", 1], [f"{n} Barn" for n in range(60)], "at most 48 names"),
        (["items", 0, 0], "", r"items.0. = '', but must be a name of 1 to 60"),
        (["items", 0, 0], "Red  Farm", "single spaces"),
        (["items", 0, 0], 7, "items.0. = 7"),
        (["items", 1], [], "at least one item in the last layer"),
        (["statements"], "none", "statements = 'none'"),
        (["statements", 0], [1], r"statements\[0\] = \[1\], but must be a pair"),
        (["statements", 0, 0], ["Red Farm", "Barn"], "a parameter of an item, not of a category"),
        (["statements", 0, 0], ["Red Farm", "Cow"], "'Cow' is none"),
        (["statements", 0, 0], ["Old Barn", "New Barn"], "an item of the next layer"),
        (["statements", 1, 0], ["Red Farm", "Old Barn"], "statements of different parameters"),
        (["statements", 0, 1], -1, r"statements\[0\]\[1\] = -1, but must be a whole number from 0"),
        (["statements", 0, 1], True, "True, but must be a whole number"),
        (["statements", 0, 1], 10**7, "a whole number from 0 to 1000000"),
        (["statements", 0, 1], 1.5, "1.5, but must be a whole number"),
        (["statements", 0, 1], [], "a number, a parameter, a sum or a difference"),
        (["statements", 0, 1], ["times", 2], '"times", number, parameters'),
        (["statements", 0, 1], ["sum", ["Red Farm", "New Barn"]], "a sum of 2 to 16 different parameters"),
        (
            ["statements", 0, 1],
            ["difference", *[["Red Farm", "New Barn"]] * 2],
            "a difference of 2 to 2 different",
        ),
        (["statements", 0, 1], [[[[]]]], "a pair of names"),
        (["question"], ["Red Farm"], "question = "),
        (["modulus"], 1, "modulus = 1, but must be a whole number from 2"),
        (["modulus"], "23", "modulus = '23'"),
        (["answer"], 4, "answer = 4, but the statements give 22"),
    ],
)
def test_a_wrong_spec_is_one_clear_sentence(path, value, message):
    with pytest.raises(InputError, match=message) as caught:
        IGSM.from_record({"metadata": {"spec": changed(path, value)}})
    assert "\n" not in str(caught.value)


def test_a_reference_to_nothing_is_refused():
    found = spec()
    found["statements"] = found["statements"][1:]
    with pytest.raises(InputError, match=r"Old Barn.*stated, because something refers to it"):
        IGSM.from_record({"metadata": {"spec": found}})


def test_parameters_that_need_each_other_have_no_answer():
    found = changed(["statements", 0, 1], ["more", 1, ["Red Farm", "Barn"]])
    assert IGSM.solve(found).count == 0
    with pytest.raises(InputError, match="give the question no answer"):
        IGSM.from_record({"metadata": {"spec": found}})


def test_values_without_end_are_no_answer():
    """Each layer squares what the one below comes to."""
    depth = 8
    items = [[f"A{n} C{n}", f"B{n} C{n}"] for n in range(depth)]
    big = {
        "categories": [f"C{n}" for n in range(depth)],
        "items": items,
        "statements": [[[items[0][0], items[1][0]], 10**6]]
        + [
            [[items[n][0], items[n + 1][0]], ["times", 10**6, [items[n - 1][0], items[n][0]]]]
            for n in range(1, depth - 1)
        ],
        "question": [items[0][0], f"C{depth - 1}"],
        "modulus": None,
    }
    assert IGSM.solve(big).count == 0
    assert IGSM.solve({**big, "modulus": 23}).count == 1


def test_an_item_without_things_has_none_of_them():
    found = spec()
    found["items"][0].append("Blue Farm")
    found["question"] = ["Blue Farm", "Barn"]
    assert IGSM.solve(found).first == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_a_field_holds_the_worst_is_an_input_error(data):
    found = copy.deepcopy(spec())
    target, key = found, data.draw(st.sampled_from(sorted(found)))
    while isinstance(target[key], (list, dict)) and target[key] and data.draw(st.booleans()):
        target = target[key]
        key = data.draw(st.sampled_from(sorted(target) if isinstance(target, dict) else range(len(target))))
    target[key] = data.draw(JSON)
    try:
        problem = IGSM.from_record({"metadata": {"spec": found}})
    except InputError:
        return
    assert IGSM.check_answer(problem, problem.answer).correct


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the last sentence"),
        ("How many Barn does Red Farm have?", "the beginning"),
        ("The number of each A's B equals 1.", "the last sentence"),
        ("The number of each A's B equals. How many B does A have?", "OWNER"),
        ("The number of each A B equals 1. How many B does A have?", "OWNER's THING"),
        (
            "The number of each A's B equals 1. The number of each A's B equals 2. How many B does A have?",
            "twice",
        ),
        (
            "The number of each A's B equals 1. The number of each B's A equals 2. How many B does A have?",
            "two layers",
        ),
        (
            "The number of each A's B equals the sum of each A's B. How many B does A have?",
            "does not read as a sum",
        ),
        ("The number of each A's B equals each C's B. How many B does A have?", "does not state"),
        ("The number of each A's B equals 9999999. How many B does A have?", "at most 1000000"),
        ("The number of each A's B equals each A's B. How many B does A have?", "no answer|no reading"),
        ("x" * 200_000, "has 200000 characters"),
    ],
)
def test_a_question_that_cannot_be_read_is_one_clear_sentence(question, message):
    with pytest.raises(InputError, match=message) as caught:
        IGSM.from_record({"question": question})
    assert "\n" not in str(caught.value)


@given(st.text())
def test_no_question_text_is_another_exception(text):
    for question in (text, f"The number of each {text} equals {text}. How many {text} does {text} have?"):
        with pytest.raises(InputError):
            IGSM.from_record({"question": question})


def test_long_questions_of_one_kind_are_refused_soon():
    for piece in ("each A's B and ", "the sum of ", "The number of each A's B equals 1. ", "A's "):
        text = f"The number of each A's B equals {piece * 4000}. How many B does A have?"
        with pytest.raises(InputError):
            IGSM.from_record({"question": text})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "metadata = None"),
        ({"metadata": {"spec": 3}}, "metadata.spec = 3"),
        ({"question": 3}, "question = 3"),
        ({"question": "?", "setting": []}, r"setting = \[\], but must be one of med, hard, plain"),
        (
            {"question": "?", "setting": {"med": 1}},
            "setting = {'med': 1}, but must be one of med, hard, plain",
        ),
        ({"question": "?", "setting": "easy"}, "setting = 'easy', but must be one of med, hard, plain"),
    ],
)
def test_a_row_that_is_none_is_refused(row, message):
    with pytest.raises(InputError, match=message):
        IGSM.from_record(row)

"""Whatever a spec or line holds, the worst is one clear sentence that names the field."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.environments.rows import json_object, problem_from_json, solve_json
from tailor_core.errors import InputError, TailorError

KK = KnightsKnaves()
NAMES = ["Zoey", "Liam"]
GOOD = [["or", ["lying", 0], ["telling-truth", 1]], ["telling-truth", 0]]


def nested(levels):
    statement = ["lying", 0]
    for _ in range(levels):
        statement = ["not", statement]
    return statement


def line(**changes):
    return {"environment": "kk", "metadata": {"spec": {"names": NAMES, "statements": GOOD, **changes}}}


def test_names_and_statements_are_enough_to_score_and_solve():
    problem = problem_from_json(line())
    solution = problem.spec["solution"]
    assert KK.solve(problem.spec).first == solution
    assert solve_json(line()) == {"id": None, "solution": solution, "n_solutions": 1}
    assert problem.answer.startswith("(1) Zoey is a kn")
    assert "So who is a knight and who is a knave?" in problem.question


def test_a_default_environment_serves_lines_that_name_none():
    bare = {"id": "p7", "metadata": {"spec": {"names": NAMES, "statements": GOOD}}}
    assert solve_json(bare, "kk")["id"] == "p7"
    with pytest.raises(InputError, match="environment = None, but must be the name"):
        solve_json(bare)


@pytest.mark.parametrize(
    ("statements", "count"),
    [([["lying", 1], ["lying", 0]], 2), ([["lying", 0], ["lying", 0]], 0), ([["telling-truth", 0]] * 2, 2)],
)
def test_solve_counts_where_there_is_not_exactly_one(statements, count):
    assert solve_json(line(statements=statements)) == {"id": None, "solution": None, "n_solutions": count}
    with pytest.raises(InputError, match=f"statements have {count} solutions"):
        problem_from_json(line(statements=statements))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": None}, r"metadata\.spec\.names = None"),
        ({"names": "Zoey"}, r"names = 'Zoey', but must be a list"),
        ({"names": []}, r"names = \[\]"),
        ({"names": ["Zoey", 3]}, r"names\[1\] = 3"),
        ({"names": ["Zoey", ""]}, r"names\[1\] = ''"),
        ({"names": ["Zoey", "zoey"]}, "names a person twice"),
        ({"names": ["Zoey", "Ann and Bob"]}, r"names\[1\] = 'Ann and Bob'"),
        (
            {"names": ["Zoey", "Ann Bea Cat Dot Eve"]},
            r"names\[1\] = 'Ann Bea Cat Dot Eve', but must be a name of at most 4 words",
        ),
        ({"names": ["Zoey", "Ann, Bob"]}, r"names\[1\]"),
        ({"names": ["Zoey", "<answer>"]}, r"names\[1\]"),
        ({"names": [f"P{i}" for i in range(21)]}, "holds 21 people, but at most 20"),
        ({"names": ["P" * 10_000, "Q"]}, r"names\[0\] = 'PPP"),
        ({"statements": None}, r"metadata\.spec\.statements = None"),
        ({"statements": {}}, r"statements = \{\}"),
        ({"statements": GOOD[:1]}, "must be a list of 2 statements"),
        ({"statements": [["lying", 2], GOOD[1]]}, r"statements\[0\] .* person i from 0 to 1"),
        ({"statements": [["lying", -1], GOOD[1]]}, r"statements\[0\]"),
        ({"statements": [["lying", True], GOOD[1]]}, r"statements\[0\] holds \['lying', True\]"),
        ({"statements": [["lying", 1.0], GOOD[1]]}, r"statements\[0\]"),
        ({"statements": [["lying", "1"], GOOD[1]]}, r"statements\[0\]"),
        ({"statements": [["lying", 10**5000], GOOD[1]]}, r"statements\[0\]"),
        ({"statements": [["lying"], GOOD[1]]}, r"statements\[0\]"),
        ({"statements": [["lying", 0, 1], GOOD[1]]}, r"statements\[0\]"),
        ({"statements": [GOOD[0], ["not"]]}, r'statements\[1\]: "not" has 0 operands, but takes 1'),
        ({"statements": [GOOD[0], ["and", GOOD[0]]]}, '"and" has 1 operands, but takes 2 or more'),
        ({"statements": [GOOD[0], ["->", *GOOD, GOOD[0]]]}, '"->" has 3 operands, but takes 2'),
        ({"statements": [GOOD[0], ["xor", *GOOD]]}, "operator 'xor', but must be one of telling-truth"),
        ({"statements": [GOOD[0], "lying"]}, r"statements\[1\] holds 'lying'"),
        ({"statements": [GOOD[0], []]}, r"statements\[1\] holds \[\]"),
        ({"statements": [GOOD[0], [[], 1]]}, r"statements\[1\]"),
        ({"statements": [GOOD[0], nested(10_000)]}, r"statements\[1\] is too large"),
        ({"statements": [["or", *[GOOD[0]] * 30_000], GOOD[1]]}, "at most 20000 parts"),
        ({"statements": "__import__('os').system('true')"}, "is not the text of nested tuples"),
        ({"statements": "(" * 10_000}, "is not the text of nested tuples"),
        ({"statements": "-" * 100_000 + "1"}, "is not the text of nested tuples"),
        ({"statements": "1"}, "must be a list of 2 statements"),
        ({"solution": [1, 0]}, r"solution = \[1, 0\]"),
        ({"solution": [True]}, "solution"),
        ({"solution": "knight"}, "solution"),
        ({"solution": [True, False]}, "does not fit the statements, whose solution is"),
        ({"roles": {"knight": "sage"}}, r"metadata\.spec\.roles"),
        ({"roles": {"knight": "sage", "knave": "Sage"}}, "two different words"),
        ({"roles": ["sage", "fool"]}, "roles"),
        ({"roles": {"knight": "a sage", "knave": "fool"}}, "roles"),
        ({"templates": [0]}, "templates"),
        ({"templates": [0, 99]}, "templates"),
        ({"templates": [True, 0]}, "templates"),
    ],
)
def test_a_wrong_spec_is_one_sentence_that_names_the_field(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        problem_from_json(line(**changes))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "metadata = None, but must be an object"),
        ({"metadata": []}, r"metadata = \[\]"),
        ({"metadata": {"spec": 3}}, r"metadata\.spec = 3"),
        ({"metadata": "{"}, "metadata is not JSON"),
        ({**line(), "question": 3}, "question = 3"),
        ({**line(), "id": [1]}, r"id = \[1\]"),
        ({**line(), "metadata": {**line()["metadata"], "split": 7}}, r"metadata\.split = 7"),
    ],
)
def test_a_wrong_line_is_one_sentence_too(row, message):
    with pytest.raises(InputError, match=message):
        problem_from_json({"environment": "kk", **row})


def test_an_unknown_environment_lists_the_known():
    with pytest.raises(TailorError, match=r"'sudoku' is not known; use one of .*kk"):
        problem_from_json({**line(), "environment": "sudoku"})


@pytest.mark.parametrize(
    "text", ["", "nonsense", "[1]", "3", "[" * 100_000, '{"a":' * 100_000, '{"a": 1' + "0" * 9999]
)
def test_a_text_that_is_no_json_object_is_an_input_error(text):
    with pytest.raises(InputError, match="line 3"):
        json_object(text, "line 3")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["lying", "telling-truth", "and", "not"]),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(max_size=4), values, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(JSON, JSON, JSON, JSON)
def test_random_json_never_raises_anything_but_an_input_error(names, statements, solution, roles):
    for row in (
        line(names=names, statements=statements, solution=solution, roles=roles),
        line(statements=[statements, statements], solution=solution),
        {"environment": "kk", "metadata": statements, "question": names},
    ):
        for read in (problem_from_json, solve_json):
            with contextlib.suppress(InputError):
                read(row)


@pytest.mark.usefixtures("cpu_minute")
def test_sixty_levels_and_twenty_people_are_fine():
    names = [f"P{number}" for number in range(20)]
    statements = [nested(60) for _ in names]
    assert solve_json(line(names=names, statements=statements))["n_solutions"] in (0, 1, 2)
    problem_text = json.dumps(line(names=names, statements=statements))
    assert json_object(problem_text)["environment"] == "kk"

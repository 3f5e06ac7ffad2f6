"""`rg:NAME`: every data set of reasoning-gym generates, scores and reads back as an environment."""

import json
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.environments import get_environment, read_options
from tailor_core.environments.reasoning_gym.entries import from_json, to_json
from tailor_core.environments.rows import problem_from_json, solve_json
from tailor_core.environments.splits import belongs
from tailor_core.errors import InputError, MissingExtraError, RecipeError, TailorError
from tailor_core.verification import score

pytestmark = pytest.mark.integration

reasoning_gym = pytest.importorskip("reasoning_gym")

DATASETS = sorted(name for name in reasoning_gym.factory.DATASETS if not name.startswith("tailor_"))
NOT_ALONE = {"composite": "mixes others, which its options must name"}
NO_ANSWER = {
    "boxnet": "records no plan, only judges one",
    "graph_color": "records no colouring, only judges one",
    "propositional_logic": "records no conclusion, only judges one",
    "rubiks_cube": "records no moves, only judges them",
    "rush_hour": "records no moves, only judges them",
}
LOSES_TUPLES = {"arc_agi": "compares boards as tuples", "rearc": "compares boards as tuples"}

GARBAGE = [
    "",
    " ",
    "garbage $$$",
    "0x",
    "\x00\ud800",
    "(" * 3000,
    "True" * 3,
    "[[[",
    "nan",
    "inf",
    "1e999",
    "nan+nanj",
    "x" * 50_000,
]


def think(answer):
    return f"<think>Suppose so.</think><answer>{answer}</answer>"


def made(name, count=2, split="train", seed=0, difficulty=None, **options):
    environment = get_environment(f"rg:{name}")
    chosen = read_options(environment.name, options)
    return environment.generate(chosen, count=count, split=split, seed=seed, difficulty=difficulty)


def as_line(problem):
    return {
        "id": problem.id,
        "environment": problem.environment,
        "question": problem.question,
        "answer": problem.answer,
        "metadata": problem.metadata,
    }


@pytest.mark.parametrize("name", [name for name in DATASETS if name not in NOT_ALONE])
def test_every_dataset_generates_and_scores_its_own_answers_right_and_garbage_as_nothing(name):
    problems = made(name)
    assert len({problem.question for problem in problems}) == 2
    for problem in problems:
        assert belongs(problem.canonical_hash, "train", ())
        line = json.loads(json.dumps(as_line(problem), allow_nan=False))
        assert problem_from_json(line) == problem
        for text in GARBAGE:
            assert score(problem, think(text)).reward == 0.0, text
        if name in NO_ANSWER:
            assert problem.answer == ""
            with pytest.raises(InputError, match=f"rg:{name} records no answer"):
                solve_json(line)
        else:
            assert score(problem_from_json(line), think(problem.answer)).reward == 1.0
            assert solve_json(line) == {"id": problem.id, "solution": problem.answer, "n_solutions": 1}


FOOLED = [
    "advanced_geometry", "coin_flip", "fraction_simplification", "gsm_symbolic", "kakurasu", "knights_knaves",
    "letter_jumble", "polynomial_equations", "pool_matrix", "puzzle24", "quantum_lock", "survo",
    "time_intervals", "word_sorting",
]  # fmt: skip
"""Data sets whose own scorer pays in full for some text that is no answer, or no single one."""

ADDED = {
    "intermediate_integration": "sympy takes minutes for formulas that go on",
    "simple_integration": "what is added may be the constant, where the variable is another",
}
TRIED = [name for name in DATASETS if name not in {*NOT_ALONE, *NO_ANSWER, *ADDED}]


def negated(answer):
    """The number with the other sign; none where the answer is no number, or zero."""
    try:
        value = Fraction(answer)
    except (ValueError, ZeroDivisionError):
        return []
    return [answer[1:] if answer[0] == "-" else f"-{answer}"] if value else []


@pytest.mark.parametrize("name", TRIED)
def test_no_scorer_is_fooled_by_a_denial_or_by_an_answer_besides(name):
    problems = made(name, count=12 if name in FOOLED else 2, seed=4)
    for problem, before in zip(problems, [problems[-1], *problems], strict=False):
        right, wrong = problem.answer, before.answer
        assert score(problem, think(right)).reward == 1.0
        texts = [
            f"not {right}",
            f"It is false that {right}",
            f"{right} is wrong",
            f"{right} No, the other way round.",
            f"{right}, but that is wrong",
            f"It is not true that x is, {right}",
            f"{right} # is wrong",
            *negated(right),
        ]
        texts += [
            f"{one}{between}{other}"
            for between in (" ", "\n", ", ")
            for one, other in ((right, wrong), (wrong, right))
        ]
        for text in texts:
            assert score(problem, think(text)).reward == 0.0, text


def test_what_is_right_somewhere_is_not_right_everywhere():
    for problem in made("puzzle24", count=12, seed=4):
        numbers = problem.spec["metadata"]["numbers"]
        expected = float(sorted(numbers) == [1, 1, 4, 6])
        assert score(problem, think("6*4*1*1")).reward == expected
        assert score(problem, think("97/4 + 0*1")).reward == 0.0
    for problem in made("coin_flip", count=12, seed=4):
        assert score(problem, think("0")).reward == 0.0
        assert score(problem, think("0.0"), "partial").reward == 0.0
        assert score(problem, think(f"{float(problem.answer):.6f}")).reward == 1.0
    for problem in made("time_intervals", count=30, seed=4):
        if problem.spec["metadata"]["task_type"] == "date":
            assert score(problem, think(f"{problem.answer}, 09:23:09")).reward == 0.0


def test_a_grid_of_zeros_and_ones_has_no_other_digit_and_no_sign():
    for problem in made("kakurasu", count=3, seed=4):
        for text in (f"-{problem.answer}", f"2 {problem.answer}"):
            assert score(problem, think(text)).reward == 0.0


def test_a_number_is_right_however_it_is_written_and_partial_pays_nothing_for_another():
    for problem in made("gsm_symbolic", count=6, seed=4):
        number = Fraction(problem.answer)
        for text in (f" {problem.answer}\n", f"{float(number):.3f}"):
            assert score(problem, think(text)).reward == float(Fraction(text.strip()) == number)
        for text in (f"{problem.answer}0", f"{problem.answer}1", "9" * 5000):
            assert score(problem, think(text), "partial").reward == 0.0


def test_numbers_that_json_does_not_have_are_kept():
    assert len(made("gsm_symbolic", count=40, seed=4)) == 40
    half = Fraction(1, 2)
    assert from_json(json.loads(json.dumps(to_json({"x": (half,)})))) == {"x": (half,)}
    for damaged in ([1, 0], [1], [1, 2, 3], [1.0, 2], ["1", "2"]):
        with pytest.raises(InputError, match="it needs two whole numbers"):
            from_json({"fraction": damaged})


def test_entries_are_those_of_reasoning_gym_itself_from_seeds_that_are_no_neighbours():
    problems = made("chain_sum", count=50, split="test")
    for problem in problems:
        drawn = problem.spec["drawn"]
        theirs = reasoning_gym.create_dataset("chain_sum", seed=drawn["seed"], size=drawn["size"])
        entry = theirs[drawn["index"]]
        assert get_environment("rg:chain_sum").to_record(problem) == entry
        assert (problem.question, problem.answer) == (entry["question"], entry["answer"])
    others = made("chain_sum", count=50, split="test", seed=1)
    assert not {p.spec["drawn"]["seed"] for p in problems} & {p.spec["drawn"]["seed"] for p in others}


def test_splits_share_no_question_and_a_larger_count_only_adds():
    drawn = {split: made("gcd", count=60, split=split) for split in ("train", "validation", "test")}
    questions = {split: {p.question for p in problems} for split, problems in drawn.items()}
    assert all(len(found) == 60 for found in questions.values())
    assert not questions["train"] & (questions["test"] | questions["validation"])
    assert not questions["test"] & questions["validation"]
    assert made("gcd", count=30, split="test") == drawn["test"][:30]
    excluded = frozenset(p.canonical_hash for p in drawn["test"][:30])
    environment = get_environment("rg:gcd")
    chosen = read_options("rg:gcd", {})
    others = environment.generate(chosen, count=60, split="test", seed=0, exclude=excluded)
    assert not excluded & {p.canonical_hash for p in others}


def test_a_dataset_that_runs_out_of_problems_is_one_sentence():
    with pytest.raises(RecipeError, match=r"'test' of rg:ab holds only \d+ different problems .* 500 were"):
        made("ab", count=500, split="test", length=2)


def test_options_are_the_datasets_own_and_reach_it():
    for problem in made("leg_counting", count=5, min_animals=2, max_animals=2):
        assert problem.spec["metadata"]["num_animals"] == 2
        assert problem.spec["options"] == {"min_animals": 2, "max_animals": 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_animal": 2}, "environment.options.min_animal = 2: .*the keys are min_animals"),
        ({"min_animals": "few"}, "environment.options.min_animals = 'few': .* valid integer"),
        ({"min_animals": 30}, "reasoning-gym refuses these options .max_animals must be >= min_animals"),
        ({"seed": 3}, "environment.options.seed = 3"),
    ],
)
def test_wrong_options_are_one_sentence(options, message):
    with pytest.raises(RecipeError, match=message) as refused:
        read_options("rg:leg_counting", options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rg:leg_countin", "is no data set of reasoning-gym; did you mean 'rg:leg_counting'"),
        ("rg:#", "use rg: and one of ab, acre"),
        ("rg:", "is not known"),
        ("rg", "or rg: and the name of a data set"),
        ("kk:3", "is not known"),
    ],
)
def test_a_name_that_is_none_is_one_sentence(name, message):
    with pytest.raises(RecipeError, match=message):
        get_environment(name)


def test_without_reasoning_gym_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tailor\[reasoning-gym\]'"):
        get_environment("rg:basic_arithmetic_of_no_one")


def test_a_level_is_one_of_the_curriculum():
    easy, hard = made("spell_backward", 20, difficulty=1), made("spell_backward", 20, difficulty=5)
    assert {p.difficulty["level"] for p in easy} == {1}
    longest = [max(len(p.answer) for p in found) for found in (easy, hard)]
    curriculum = reasoning_gym.factory.create_curriculum("spell_backward")
    curriculum.set_global_level(0)
    assert longest[0] <= curriculum.generate_configuration().max_word_len < longest[1]
    for level in (-1, 99):
        with pytest.raises(
            RecipeError, match=f"difficulty = {level}, but the curriculum of rg:spell_backward"
        ):
            made("spell_backward", difficulty=level)
    with pytest.raises(RecipeError, match="has the levels 1 to 0"):
        made("composite", difficulty=1, datasets=[{"name": "gcd", "weight": 1, "config": {}}])


BROKEN_LEVELS = {
    "knight_swap": "its curriculum begins at 4 nodes, of which its configuration wants 6",
    "modulo_grid": "its second level has no target above 0",
}


def test_the_levels_of_every_curriculum_are_options_but_where_reasoning_gym_refuses_its_own():
    refused = set()
    for name in DATASETS:
        if name in NOT_ALONE or not reasoning_gym.factory.has_curriculum(name):
            continue
        environment, options = get_environment(f"rg:{name}"), read_options(f"rg:{name}", {})
        for level in (1, 2):
            try:
                environment.at_level(options, level)
            except RecipeError:
                refused.add(name)
    assert refused == set(BROKEN_LEVELS)


def test_a_composite_scores_each_problem_with_the_scorer_of_its_dataset():
    parts = [{"name": name, "weight": 1.0, "config": {}} for name in ("gcd", "countdown")]
    problems = made("composite", count=12, datasets=parts)
    sources = {problem.spec["metadata"]["source_dataset"] for problem in problems}
    assert sources == {"gcd", "countdown"}
    again = [problem_from_json(json.loads(json.dumps(as_line(problem)))) for problem in problems]
    assert [score(problem, think(problem.answer)).reward for problem in again] == [1.0] * 12
    assert [score(problem, think("0 - 0")).reward for problem in again] == [0.0] * 12


def test_partial_pays_reasoning_gyms_own_score_and_the_other_modes_pay_for_right_alone():
    [problem] = made("knights_knaves", count=1, n_people=4)
    entry = get_environment("rg:knights_knaves").to_record(problem)
    names, terms = entry["metadata"]["names"], entry["metadata"]["knight_knave_terms"]
    flipped = [not role for role in entry["metadata"]["solution"][:1]] + list(
        entry["metadata"]["solution"][1:]
    )
    nearly = ", ".join(
        f"{name} is {terms['a_knight' if role else 'a_knave']}"
        for name, role in zip(names, flipped, strict=True)
    )
    theirs = reasoning_gym.get_score_answer_fn("knights_knaves")(nearly, entry)
    assert 0.5 < theirs < 1
    assert score(problem, think(nearly), "partial").reward == theirs
    assert score(problem, think(nearly), "binary").reward == 0.0
    assert score(problem, think(nearly), "logic-rl").reward == -0.5


def test_entries_of_reasoning_gym_are_read_and_damaged_ones_refused():
    entry = reasoning_gym.create_dataset("gcd", seed=3, size=1)[0]
    problem = problem_from_json(json.loads(json.dumps(entry)), "rg:gcd")
    assert (problem.question, problem.answer) == (entry["question"], entry["answer"])
    with pytest.raises(InputError, match=r"source_dataset = 'gcd', but the environment is rg:lcm"):
        problem_from_json(entry, "rg:lcm")
    for name in LOSES_TUPLES:
        board = json.loads(json.dumps(reasoning_gym.create_dataset(name, seed=3, size=1)[0]))
        with pytest.raises(InputError, match="as JSON does with tuples"):
            problem_from_json(board, f"rg:{name}")


def deep(levels):
    value = []
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": 3}, "question = 3"),
        ({"question": None}, "has no question"),
        ({"metadata": 3}, r"metadata.spec.metadata = 3"),
        ({"metadata": {"a": {"pairs": [[[1], 2]]}}}, "a key that cannot be one"),
        ({"metadata": {"tuple": []}}, "must stand for an object"),
        ({"metadata": {"a": deep(400)}}, "nested too deeply"),
        ({"metadata": {"source_dataset": ["gcd"]}}, "source_dataset = "),
        ({"options": []}, "options = "),
        ({"options": {"min_value": float("nan")}}, "is no JSON"),
        ({"options": {"min_valu": 2}}, "environment.options.min_valu = 2"),
        ({"drawn": {"level": "x"}}, "drawn = "),
        ({"answer": ["x"]}, "answer = "),
    ],
)
def test_a_wrong_spec_is_one_sentence(change, message):
    [problem] = made("gcd", count=1)
    spec = {**problem.spec, **change}
    with pytest.raises(TailorError, match=message):
        problem_from_json({"environment": "rg:gcd", "metadata": {"spec": spec}})


ATTACKS = [
    "open({path!r}, 'w')",
    "__import__('pathlib').Path({path!r}).touch()",
    "[open({path!r}, 'w')]",
    "[].__class__.__base__.__subclasses__()",
    "exec(chr(111))",
    "9**9**9**9**9",
    "[0 for _ in iter(int, 1)]",
    "lambda: 0",
]


@pytest.mark.parametrize(
    "name",
    [
        "binary_matrix",
        "countdown",
        "intermediate_integration",
        "n_queens",
        "polynomial_multiplication",
        "puzzle24",
        "simple_integration",
        "spiral_matrix",
        "string_insertion",
    ],
)
def test_no_answer_is_run_as_code_where_reasoning_gym_evaluates_it(name, tmp_path, cpu_minute):
    [problem] = made(name, count=1)
    canary = tmp_path / "canary"
    for attack in ATTACKS[: 5 if "integration" in name or "polynomial" in name else None]:
        assert score(problem, think(attack.format(path=str(canary)))).reward == 0.0
    assert not canary.exists()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("bitwise_arithmetic", "problem"),
        ("simple_integration", "integrand"),
        ("intermediate_integration", "integrand"),
        ("number_sorting", "answer"),
        ("polynomial_multiplication", "answer"),
    ],
)
def test_no_part_of_a_row_is_run_as_code(name, part, tmp_path):
    [problem] = made(name, count=1)
    canary = tmp_path / "canary"
    spec = json.loads(json.dumps(problem.spec))
    holder = spec if part == "answer" else spec["metadata"]
    answer = holder[part]
    holder[part] = f"[open({str(canary)!r}, 'w'), {answer}][1]"
    row = problem_from_json({"environment": problem.environment, "metadata": {"spec": spec}})
    for text in (problem.answer, holder[part]):
        assert score(row, think(text)).reward == 0.0
    assert not canary.exists()


def test_a_composite_guards_its_parts():
    [problem] = made("composite", count=1, datasets=[{"name": "puzzle24", "weight": 1.0, "config": {}}])
    check = score(problem, think("int('24')"))
    assert (check.reward, check.reason) == (0.0, "the answer holds what no answer of this data set needs")


def test_the_question_written_down_again_is_no_integral_and_recorded_answers_that_do_so_are_left_out():
    theirs = reasoning_gym.create_dataset("intermediate_integration", seed=5, size=15)
    restated = [entry for entry in theirs if "Integral" in entry["answer"]]
    assert restated
    problems = made("intermediate_integration", count=10)
    assert not [problem for problem in problems if "Integral" in problem.answer]
    assert [score(problem, think(problem.answer)).reward for problem in problems] == [1.0] * 10
    problem = problems[0]
    integrand, variable = problem.spec["metadata"]["integrand"], problem.spec["metadata"]["variable"]
    again = f"Integral({integrand}, {variable}) + C"
    entry = get_environment(problem.environment).to_record(problem)
    assert reasoning_gym.get_score_answer_fn("intermediate_integration")(again, entry) == 1.0
    assert score(problem, think(again)).reward == 0.0


def test_options_that_reasoning_gym_accepts_and_cannot_draw_are_one_sentence():
    with pytest.raises(
        RecipeError, match=r"fails to draw rg:knights_knaves with these options .ValueError"
    ) as it:
        made("knights_knaves", width_constraint=1)
    assert "\n" not in str(it.value)
    with pytest.raises(
        RecipeError, match=r"fails to draw rg:spell_backward with these options .FileNotFound"
    ):
        made("spell_backward", data_file="none.txt")


def test_the_scorer_of_game_of_life_halting_takes_anything_and_is_not_asked():
    entry = reasoning_gym.create_dataset("game_of_life_halting", seed=0, size=1)[0]
    assert reasoning_gym.get_score_answer_fn("game_of_life_halting")("garbage", entry) == 1.0
    for problem in made("game_of_life_halting", count=6):
        other = {"True": "False", "False": "True"}[problem.answer]
        assert score(problem, think(problem.answer)).reward == 1.0
        assert score(problem, think(other)).reward == 0.0


def test_reasoning_that_nobody_checks_is_not_called_sound():
    environment = get_environment("rg:gcd")
    [problem] = made("gcd", count=1)
    report = environment.check_steps(problem, "The greatest common divisor is plain to see.")
    assert not report.sound
    assert "no step checker" in report.reason
    assert environment.count_moves("So be it.") == {}


def test_datasets_that_follow_the_order_of_sets_say_so(caplog):
    made("ransom_note", count=1)
    assert "PYTHONHASHSEED" in caplog.text
    caplog.clear()
    made("gcd", count=1)
    assert not caplog.text


keys = st.one_of(
    st.text(max_size=5), st.integers(), st.just("tuple"), st.just("fraction"), st.just("pairs"), st.booleans()
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=5),
        st.fractions(),
    ),
    lambda part: st.one_of(
        st.lists(part, max_size=3),
        st.lists(part, max_size=3).map(tuple),
        st.dictionaries(keys, part, max_size=3),
    ),
    max_leaves=12,
)


@given(values)
def test_any_value_comes_back_from_json_with_its_tuples_and_keys(value):
    back = from_json(json.loads(json.dumps(to_json(value))))
    assert back == value
    assert repr(back) == repr(value)

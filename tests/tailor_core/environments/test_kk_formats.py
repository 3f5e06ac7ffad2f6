"""Rows of mem-kk-logic and Logic-RL, among them 180 puzzles of the peers' own generator."""

import json
import os
from pathlib import Path

import pytest
import reasoning_gym

from tailor_core.environments.knights_knaves import KnightsKnaves
from tailor_core.environments.knights_knaves.formats import to_logic_rl
from tailor_core.errors import InputError
from tailor_core.records import Problem
from tailor_core.verification import score

KK = KnightsKnaves()
SHARED = Path(os.environ.get("TAILOR_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLE = SHARED / "data" / "kk_sample.jsonl"


def a_row():
    """A mem-kk row as its authors publish it."""
    return {
        "quiz": (
            "A very special island is inhabited only by knights and knaves. Knights always tell the truth, "
            "and knaves always lie. You meet 2 inhabitants: Zoey, and Oliver. "
            'Zoey remarked, "Oliver is not a knight". '
            'Oliver stated, "Oliver is a knight if and only if Zoey is a knave". '
            "So who is a knight and who is a knave?"
        ),
        "names": ["Zoey", "Oliver"],
        "knight_knave": {
            "knight": "knight",
            "knave": "knave",
            "a_knight": "a knight",
            "a_knave": "a knave",
            "Knight": "Knight",
            "Knave": "Knave",
        },
        "solution": [False, True],
        "solution_text": "Zoey is a knave, and Oliver is a knight.",
        "solution_text_format": "(1) Zoey is a knave\n(2) Oliver is a knight",
        "statements": "(('not', ('telling-truth', 1)), ('<=>', ('telling-truth', 1), ('lying', 0)))",
    }


def test_a_mem_kk_row_round_trips_field_by_field():
    assert KK.to_record(KK.from_record(a_row())) == a_row()


def test_its_question_renders_from_the_spec_alone():
    problem = KK.from_record(a_row())
    assert KK.render(problem.spec) == a_row()["quiz"]


def test_a_logic_rl_row_round_trips():
    problem = KK.generate(KK.options_model(), count=1, split="train", seed=0)[0]
    row = to_logic_rl(problem, index=7)
    assert row["extra_info"] == {"split": "train", "index": 7}
    assert row["prompt"] == [{"role": "user", "content": problem.question}]
    assert row["reward_model"]["ground_truth"]["solution_text_format"] == problem.answer
    assert KK.from_record(row) == problem


def test_own_rows_come_back_equal_through_json_and_through_tables():
    for problem in KK.generate(KK.options_model(people=(3, 6)), count=20, split="test", seed=0):
        line = {
            "environment": "kk",
            "id": problem.id,
            "question": problem.question,
            "metadata": problem.metadata,
        }
        assert KK.from_record(json.loads(json.dumps(line))) == problem
        assert KK.from_record(problem.to_row()) == problem
        assert Problem.from_row(problem.to_row()) == problem


def test_a_question_in_other_words_is_kept():
    row = {**a_row(), "quiz": "Zoey and Oliver. Who is who?"}
    problem = KK.from_record(row)
    assert problem.question == "Zoey and Oliver. Who is who?"
    assert problem.spec["templates"] == []


def test_a_wrong_row_is_told_of_the_field_that_it_has():
    with pytest.raises(InputError, match=r"^row\.knight_knave = 'sage', but must be"):
        KK.from_record({**a_row(), "knight_knave": "sage"})
    spec = {**KK.from_record(a_row()).spec, "roles": "sage"}
    with pytest.raises(InputError, match=r"^metadata\.spec\.roles = 'sage', but must be"):
        KK.from_record({"metadata": {"spec": spec}})


def test_reasoning_gym_items_keep_their_answer():
    dataset = reasoning_gym.create_dataset("knights_knaves", n_people=4, size=40, seed=3, depth_constraint=3)
    for entry in dataset:
        words = entry["metadata"]["knight_knave_terms"]
        spec = {
            "names": [str(name) for name in entry["metadata"]["names"]],
            "statements": entry["metadata"]["statements"],
            "roles": {"knight": str(words["knight"]), "knave": str(words["knave"])},
        }
        problem = KK.from_record({"metadata": {"spec": spec}})
        assert tuple(problem.spec["solution"]) == entry["metadata"]["solution"]
        assert KK.check_answer(problem, entry["answer"]).correct
        assert dataset.score_answer(problem.answer, entry) == 1.0


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"{SAMPLE} is not here (set TAILOR_SHARED)")
def test_all_puzzles_of_the_peers_load_solve_render_and_round_trip():
    rows = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
    assert len(rows) == 180
    for row in rows:
        problem = KK.from_record(row)
        assert KK.solve(problem.spec).count == 1
        assert KK.solve(problem.spec).first == row["solution"]
        assert KK.render(problem.spec) == row["quiz"]
        back = KK.to_record(problem)
        assert {field: back[field] for field in row if field != "people"} == {
            field: value for field, value in row.items() if field != "people"
        }
        assert problem.difficulty["people"] == row["people"]
        response = f"<think>hm</think><answer>{row['solution_text_format']}</answer>"
        assert score(problem, response).reward == 1.0

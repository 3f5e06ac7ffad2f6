"""200 problems of the public generator: read, solved, and their solutions checked, as their makers would have it."""

import json
import os
from pathlib import Path

import pytest

from tailor_core.environments import get_environment
from tailor_core.environments.igsm.reading import read_question
from tailor_core.errors import InputError

SHARED = Path(os.environ.get("TAILOR_SHARED", Path(__file__).parents[4] / "shared"))
SAMPLE = SHARED / "data" / "igsm_mod23_sample.jsonl"
IGSM = get_environment("igsm")


@pytest.fixture(scope="module")
def rows():
    if not SAMPLE.is_file():
        pytest.skip(f"no public sample at {SAMPLE}; set TAILOR_SHARED")
    return [json.loads(line) for line in SAMPLE.read_text().splitlines()]


def test_their_questions_lead_to_their_answers(rows):
    """Told only how many operations it takes: that settles which items belong to a category."""
    for row in rows:
        named = read_question(row["question"], lambda named, op=row["n_op"]: named.scenario.op == op, 23)
        assert named.scenario.answer == row["answer"]
    assert len(rows) == 200


def test_their_solutions_are_accepted_and_ours_say_the_same(rows):
    for row in rows:
        problem = IGSM.from_record(row)
        assert IGSM.check_solution(problem, row["solution"]).correct
        assert problem.difficulty["op"] == row["n_op"]
        assert problem.answer == str(row["answer"])
        ours = IGSM.to_record(problem)
        assert IGSM.check_solution(problem, ours["solution"]).correct
        assert ours["solution"].count("Define") == row["solution"].count("Define")
        assert len(ours["solution"].split(" = ")) == len(row["solution"].split(" = "))


def test_the_text_is_theirs_word_for_word_but_for_the_modulus(rows):
    for row in rows:
        problem = IGSM.from_record(row)
        assert problem.question == row["question"]
        assert IGSM.render(problem.spec) == f"{row['question']} Calculate modulo 23."


def test_what_is_read_can_be_read_again(rows):
    for row in rows[::5]:
        problem = IGSM.from_record(row)
        for again in (json.loads(problem.to_row()["metadata"]), problem.metadata):
            found = IGSM.from_record({"question": problem.question, "metadata": again})
            assert found.canonical_hash == problem.canonical_hash
        assert IGSM.from_record(IGSM.to_record(problem)).canonical_hash == problem.canonical_hash


def test_a_corrupted_answer_or_solution_is_refused(rows):
    for row in rows[::7]:
        with pytest.raises(InputError, match="no reading that fits"):
            IGSM.from_record({**row, "answer": (row["answer"] + 1) % 23})
        value = row["solution"].rpartition(" = ")[2].rstrip(".")
        wrong = row["solution"].removesuffix(f"{value}.") + f"{(int(value) + 1) % 23}."
        with pytest.raises(InputError, match="no reading that fits"):
            IGSM.from_record({**row, "solution": wrong})

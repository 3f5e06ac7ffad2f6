"""Contamination: the same puzzle by hash, the same question by wording, or a problem of the wrong split."""

from __future__ import annotations

import pytest

from tailor_core.data.decontamination import find_contamination
from tailor_core.diversity.shingles import NearTextIndex
from tailor_core.records import Problem

QUESTION = (
    "A very special island is inhabited only by knights and knaves. Knights always tell the truth, and "
    "knaves always lie. You meet 2 inhabitants: Zoey, and Ella. Zoey said that Ella is a knave. Ella told "
    "you that if Zoey is a knight then Ella is a knave. So who is a knight and who is a knave?"
)


def make_problem(i: str, split: str, canonical_hash: str, question: str) -> Problem:
    metadata = {"split": split, "canonical_hash": canonical_hash, "difficulty": {"people": 2}, "spec": {}}
    return Problem(id=i, environment="kk", question=question, answer="", metadata=metadata)


def check(
    problems: list[Problem], evaluation: list[Problem], threshold: float = 0.95
) -> dict[str, tuple[str, str, float]]:
    index = NearTextIndex(threshold, [problem.question for problem in evaluation], numbers=True)
    found = find_contamination(problems, evaluation, index)
    return {i: (match.rule, match.evaluation_id, match.similarity) for i, match in found.items()}


@pytest.mark.parametrize("split", ["validation", "test", "ood_people_5"])
def test_the_hash_of_an_evaluation_problem_contaminates_whatever_the_wording(split: str) -> None:
    train = [make_problem("a", "train", "h1", "Who?"), make_problem("b", "train", "h2", "Who is it?")]
    assert check(train, [make_problem("t", split, "h1", QUESTION)]) == {"a": ("canonical_hash", "t", 1.0)}


def test_the_question_of_an_evaluation_problem_contaminates_under_other_names_and_spacing() -> None:
    renamed = QUESTION.replace("Zoey", "Bob").replace("Ella", "Ann").replace(". ", ".\n")
    other = QUESTION.replace(
        "Zoey said that Ella is a knave", "Zoey noted that Ella is a knight or Zoey is a knave"
    )
    train = [
        make_problem("renamed", "train", "h2", renamed),
        make_problem("other", "train", "h3", other),
    ]
    found = check(train, [make_problem("t", "test", "h1", QUESTION)])
    assert found["renamed"] == ("question_text", "t", 1.0)
    assert "other" not in found


def test_questions_that_differ_in_their_numbers_alone_are_different_questions() -> None:
    asked = "What is the greatest number that divides both {} and {}?"
    train = [
        make_problem("other", "train", "h2", asked.format(48, 35)),
        make_problem("same", "train", "h3", asked.format(48, 36)),
    ]
    found = check(train, [make_problem("t", "test", "h1", asked.format(48, 36))])
    assert found == {"same": ("question_text", "t", 1.0)}


def test_a_problem_of_an_evaluation_split_is_contaminated_itself() -> None:
    problem = make_problem("t", "test", "h1", QUESTION)
    assert check([problem], [problem]) == {"t": ("evaluation_split", "t", 1.0)}


def test_clean_training_problems_are_not_reported() -> None:
    train = [make_problem("a", "train", "h1", QUESTION)]
    assert check(train, []) == {}
    assert check(train, [make_problem("t", "test", "h2", "Three people stand at a fork in the road.")]) == {}


def test_the_nearest_of_several_evaluation_questions_is_named() -> None:
    near = QUESTION.replace("So who", "Now who")
    evaluation = [make_problem("n", "test", "h1", near), make_problem("t", "test", "h2", QUESTION)]
    assert check([make_problem("a", "train", "h3", QUESTION)], evaluation, 0.5) == {
        "a": ("question_text", "t", 1.0)
    }

from __future__ import annotations

from collections import Counter

import pytest

from tailor_core.errors import StageError
from tailor_core.evaluation.suites import choose_splits, spread_sample
from tailor_core.records import Problem

SPLITS = ["train", "test", "ood_people_7", "ood_people_6", "test"]


def problem(number: int) -> Problem:
    return Problem(id=f"p{number}", environment="kk", question="", answer="", metadata={"split": "test"})


def test_splits_are_chosen_by_name_and_pattern_each_once() -> None:
    assert choose_splits(SPLITS, ("test", "ood_*", "t*t")) == ["test", "ood_people_6", "ood_people_7"]
    assert choose_splits(["test"], ("test", "ood_*")) == ["test"]


@pytest.mark.parametrize("patterns", [("tset",), ("test", "validation"), ("zzz*",)])
def test_a_split_that_does_not_exist_is_named_with_those_that_do(patterns: tuple[str, ...]) -> None:
    with pytest.raises(StageError, match="ood_people_6, ood_people_7, test, train"):
        choose_splits(SPLITS, patterns)


def test_a_sample_is_spread_over_difficulties_and_grows_without_changing() -> None:
    problems = [problem(i) for i in range(60)]
    difficulty = {p.id: 2 + (i >= 50) + (i >= 56) for i, p in enumerate(problems)}
    small = spread_sample(problems, difficulty, 12, seed=3)
    assert Counter(difficulty[p.id] for p in small) == {2: 4, 3: 4, 4: 4}
    large = spread_sample(list(reversed(problems)), difficulty, 30, seed=3)
    assert Counter(difficulty[p.id] for p in large) == {2: 20, 3: 6, 4: 4}
    assert {p.id for p in small} <= {p.id for p in large}
    assert small != spread_sample(problems, difficulty, 12, seed=4)
    assert len(spread_sample(problems, difficulty, 1000, seed=3)) == 60
    assert [difficulty[p.id] for p in small] == sorted(difficulty[p.id] for p in small)

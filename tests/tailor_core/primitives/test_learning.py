"""Who stays after a pilot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from tailor_core.primitives.discovery import Discovery, Round
from tailor_core.primitives.learning import keep_learned
from tailor_core.records import Primitive

NO_LENGTHS: Mapping[int, float] = {}
SHARES = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=8)
KEEP = st.integers(0, 10).map(lambda n: n / 10)


class Student:
    """Right in a share of problems that it is told for each primitive; of several, in `loss` less for each but one."""

    def __init__(self, shares: Sequence[float], loss: float = 0) -> None:
        self.alone = {f"p{i}": share for i, share in enumerate(shares)}
        self._loss = loss
        self.tried: list[list[str]] = []

    def __call__(self, primitives: Sequence[Primitive]) -> float:
        ids = [one.id for one in primitives]
        self.tried.append(ids)
        return max(0.0, min(self.alone[one] for one in ids) - self._loss * (len(ids) - 1))


def found(count: int, lengths: Mapping[int, float] = NO_LENGTHS) -> Discovery:
    """A discovery that accepted so many, of 100 tokens where it is not said otherwise, and refused one."""
    accepted = [
        Primitive(
            id=f"p{i}",
            name=f"way {i}",
            instruction="",
            kind="procedural",
            screening={
                "verdict": "accepted",
                "reason": "is new",
                "novelty": 0.3,
                "mean_tokens": lengths.get(i, 100),
            },
        )
        for i in range(count)
    ]
    refused = Primitive(
        id="other", name="other", instruction="", kind="procedural", screening={"verdict": "rejected"}
    )
    return Discovery([refused, *accepted], [Round(count + 1, count, 0.3)], "over")


@given(SHARES, KEEP)
def test_all_that_are_near_the_best_stay_where_they_do_not_disturb_each_other(
    shares: list[float], keep: float
) -> None:
    student, before = Student(shares), found(len(shares))
    after = keep_learned(before, student, keep)
    best = max(shares)
    assert {one.id for one in after.accepted} == {
        name for name, share in student.alone.items() if share >= keep * best
    }
    assert any(student.alone[one.id] == best for one in after.accepted)
    assert [one.id for one in after.primitives] == [one.id for one in before.primitives]
    assert after.primitives[0] == before.primitives[0]
    for one in after.primitives[1:]:
        assert one.screening["learned"] == student.alone[one.id]
        assert one.screening["novelty"] == 0.3
        if one.screening["verdict"] == "rejected":
            assert one.screening["rule"] == "learned"
            assert (
                f"on it alone the student is right in {student.alone[one.id]:.1%}" in one.screening["reason"]
            )
            assert f"{best:.1%}" in one.screening["reason"]


@given(SHARES, KEEP, st.integers(0, 5).map(lambda n: n / 20))
def test_what_stays_is_learned_together(shares: list[float], keep: float, loss: float) -> None:
    student = Student(shares, loss)
    after = keep_learned(found(len(shares)), student, keep)
    assert student(after.accepted) >= keep * max(shares) or len(after.accepted) == 1
    assert len(student.tried) <= 2 * len(shares)


def test_each_is_tried_with_those_that_stay_and_the_best_first() -> None:
    student = Student([0.5, 0.8, 0.75, 0.78], loss=0.03)
    after = keep_learned(found(4), student, 0.9)
    assert student.tried == [["p0"], ["p1"], ["p2"], ["p3"], ["p1", "p3"], ["p1", "p3", "p2"]]
    assert [one.id for one in after.accepted] == ["p1", "p3"]
    left = next(one for one in after.primitives if one.id == "p2").screening
    assert (left["learned"], round(left["together"], 9), left["rule"]) == (0.75, 0.69, "learned")
    assert "together with 2 that are learned better the student is right in 69.0%" in left["reason"]


def test_of_equal_ones_the_shorter_is_the_best() -> None:
    after = keep_learned(found(3, {0: 90, 1: 80}), Student([0.5, 0.5, 0.5], loss=0.1), 1)
    assert [one.id for one in after.accepted] == ["p1"]


def test_where_the_student_learns_nothing_no_primitive_is_to_blame() -> None:
    student = Student([0.0, 0.0])
    assert len(keep_learned(found(2), student, 0.8).accepted) == 2
    assert student.tried == [["p0"], ["p1"]]

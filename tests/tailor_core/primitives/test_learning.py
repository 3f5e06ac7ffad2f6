"""Who stays after a pilot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailor_core.primitives.discovery import Discovery, Round
from tailor_core.primitives.learning import keep_learned
from tailor_core.records import Primitive

SHARES = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=8)


def found(shares: list[float]) -> tuple[Discovery, dict[str, float]]:
    """A discovery that accepted a primitive for each share, and refused one more."""
    accepted = [
        Primitive(
            id=f"p{i}",
            name=f"way {i}",
            instruction="",
            kind="procedural",
            screening={"verdict": "accepted", "rule": "", "reason": "is new", "novelty": 0.3},
        )
        for i in range(len(shares))
    ]
    refused = Primitive(
        id="other", name="other", instruction="", kind="procedural", screening={"verdict": "rejected"}
    )
    learned = {one.id: share for one, share in zip(accepted, shares, strict=True)}
    return Discovery([refused, *accepted], [Round(len(shares) + 1, len(shares), 0.3)], "over"), learned


@given(SHARES, st.integers(0, 10).map(lambda n: n / 10))
def test_those_that_are_near_the_best_stay_and_others_are_told_why(shares: list[float], keep: float) -> None:
    before, learned = found(shares)
    after = keep_learned(before, learned, keep)
    best = max(shares)
    assert {one.id for one in after.accepted} == {
        name for name, share in learned.items() if share >= keep * best
    }
    assert any(learned[one.id] == best for one in after.accepted)
    assert [one.id for one in after.primitives] == [one.id for one in before.primitives]
    assert after.primitives[0] == before.primitives[0]
    for one in after.primitives[1:]:
        assert one.screening["learned"] == learned[one.id]
        assert one.screening["novelty"] == 0.3
        if one.screening["verdict"] == "rejected":
            assert one.screening["rule"] == "learned"
            assert f"{learned[one.id]:.1%}" in one.screening["reason"]
            assert f"{best:.1%}" in one.screening["reason"]


def test_where_the_student_learns_nothing_no_primitive_is_to_blame() -> None:
    before, learned = found([0.0, 0.0])
    assert len(keep_learned(before, learned, 0.8).accepted) == 2

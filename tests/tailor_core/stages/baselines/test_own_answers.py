"""Self-stitch and re-distillation: what a model answered itself, and which answers are kept."""

from __future__ import annotations

import re

import pytest
from baseline_data import FAMILIES, SAMPLED, Make, Model, plainly

from tailor_core.config.baselines import Method
from tailor_core.demonstrations.misreading import misread
from tailor_core.errors import StageError
from tailor_core.inference.engine import Completion, Usage
from tailor_core.records import Problem, completion_text
from tailor_core.verification.scoring import score

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stitched_trace_goes_from_wrong_attempts_over_their_verdicts_to_a_right_one(
    make: Make, family: str
) -> None:
    made = make(family, "self-stitch")
    with_wrong = [one for one in made.demonstrations if len(re.findall("Verdict:", one.think)) > 1]
    assert with_wrong
    assert len(with_wrong) < len(made.demonstrations), "where nothing was wrong, nothing is made up"
    assert {d.rule for d in made.decisions if not d.kept} <= {
        "over_token_budget",
        "exact_duplicate",
        "contaminated",
    }
    assert made.kept
    for one in made.demonstrations:
        problem = made.problems[one.problem_id]
        *attempts, rest = re.split(r"(?<=\.) ?Verdict: [^.]+\.(?: I [^.]+\.| Let [^.]+\.)?", one.think)
        assert not rest.strip()
        claims = [attempt.split("My answer: ")[1].strip().removesuffix(".") for attempt in attempts]
        right = [score(problem, completion_text("x", claim)).reward for claim in claims]
        assert right == [0.0] * (len(claims) - 1) + [1.0]
        assert score(problem, one.completion).reward == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_redistilled_outputs_are_the_policys_verified_answers_one_of_each_problem(
    make: Make, family: str
) -> None:
    for method in ("re-distillation-a", "re-distillation-b"):
        made = make(family, method)
        assert len({one.problem_id for one in made.kept}) == len(made.kept)
        assert all(made.verdicts[one.id].reward == 1 for one in made.kept)
        for one in made.kept:
            assert one.think == plainly(made.problems[one.problem_id])[0], "it is what the policy wrote"
    greedy, drawn = (make(family, method) for method in ("re-distillation-a", "re-distillation-b"))
    assert {one.seed for one in greedy.demonstrations} == {0}, "there is one greedy answer"
    assert {one.seed for one in drawn.demonstrations} == {0, 1}, "the second where the first is wrong"
    assert len(greedy.demonstrations) < len(drawn.demonstrations)


@pytest.mark.parametrize("method", ["re-distillation-a", "re-distillation-b"])
def test_what_a_policy_wrote_is_kept_for_its_answer_also_where_a_step_does_not_hold(
    make: Make, monkeypatch: pytest.MonkeyPatch, method: Method
) -> None:
    def guess(_: Model, problem: Problem, sample: int) -> Completion:
        think, _ = plainly(misread(problem, sample))
        text = completion_text(think, plainly(problem)[1])
        return Completion(text=text, finish="stop", usage=Usage())

    monkeypatch.setattr(Model, "_answer", guess)
    made = make("kk", method, again=3)
    assert made.kept
    unsound = [one for one in made.kept if not made.verdicts[one.id].checks["sound"]]
    assert len(unsound) > 0.5 * len(made.kept)
    assert all(made.verdicts[one.id].checks["correct"] for one in made.kept)
    assert "not_wanted" not in {decision.rule for decision in made.decisions}


def test_one_distillation_is_greedy_and_the_other_samples(make: Make) -> None:
    asked = {method: make("kk", method).sampled[0] for method in SAMPLED}
    assert (asked["re-distillation-a"].temperature, asked["re-distillation-a"].n) == (0.0, 1)
    assert (asked["re-distillation-b"].temperature, asked["re-distillation-b"].n) == (1.0, 6)
    assert (asked["self-stitch"].temperature, asked["self-stitch"].n) == (1.0, 6)


def test_a_model_that_solves_nothing_gives_no_data_and_one_sentence(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Model, "_answer", lambda *_: Completion(text="I do not know", finish="stop", usage=Usage())
    )
    with pytest.raises(
        StageError, match=r"of 96 answers of the model 0 are right, too few .* baselines.samples"
    ):
        make("kk", "self-stitch", again=1)

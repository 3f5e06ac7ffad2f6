"""Discovery on real puzzles: what is accepted deserves it, every refusal has its reason, and it ends."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest

from tailor_core.config.primitives import PrimitivesConfig
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.diversity.embedding import HashedEmbedder
from tailor_core.environments.base import get_environment, read_options
from tailor_core.errors import RecipeError
from tailor_core.primitives.aim import Aim, read_aim
from tailor_core.primitives.composition import Candidate, Composer
from tailor_core.primitives.discovery import Discovery, _Search, discover
from tailor_core.primitives.language import MoveLanguage, language_of
from tailor_core.primitives.proposing import ProgramProposer, program_proposal
from tailor_core.primitives.screening import step_fault
from tailor_core.records import Problem

pytestmark = pytest.mark.integration

SMALL = {"probe_problems": 8, "candidates_per_round": 12, "max_primitives": 8, "rounds": 3}
KK = language_of("kk")


@cache
def problems() -> tuple[Problem, ...]:
    options = read_options("kk", {"people": [3, 4]})
    return tuple(get_environment("kk").generate(options, count=8, split="train", seed=2))


@cache
def run(seed: int = 0, **settings: Any) -> Discovery:
    config = PrimitivesConfig(**{**SMALL, **settings})
    return search(KK, config, seed)


def search(language: MoveLanguage, config: PrimitivesConfig, seed: int = 0) -> Discovery:
    proposer = ProgramProposer(language, Aim(), config.candidates_per_round, seed)
    teacher, embedder = ProceduralTeacher("kk"), HashedEmbedder(128)
    return discover(proposer, problems(), teacher.demonstrate_all, embedder.embed, config, seed)


def mean_direction(primitive: Any, seed: int) -> np.ndarray[Any, Any]:
    texts = [ProceduralTeacher("kk").demonstrate(p, primitive, seed).think for p in problems()]
    mean = HashedEmbedder(128).embed(texts).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_the_library_solves_its_puzzles_and_is_spread_out() -> None:
    found = run(tau_novelty=0.2)
    assert 3 <= len(found.accepted) <= 8
    directions = [mean_direction(primitive, 0) for primitive in found.accepted]
    for i, one in enumerate(directions):
        assert all(1 - float(one @ other) >= 0.2 - 1e-4 for other in directions[:i])
    for primitive in found.accepted:
        assert primitive.screening["pass_rate"] == 1.0
        assert primitive.screening["mean_tokens"] <= 300


def test_every_candidate_has_a_verdict_and_a_reason_and_comes_once() -> None:
    found = run()
    assert len({p.id for p in found.primitives}) == len(found.primitives)
    assert sum(r.tried for r in found.rounds) == len(found.primitives)
    assert sum(r.accepted for r in found.rounds) == len(found.accepted)
    for primitive in found.primitives:
        assert primitive.screening["verdict"] in ("accepted", "rejected")
        assert len(primitive.screening["reason"]) > 20
        assert (primitive.screening["rule"] == "") == (primitive.screening["verdict"] == "accepted")


def test_no_place_stays_empty_while_a_candidate_that_lost_its_own_is_new() -> None:
    """Of so few programs the first round tries most, and has three places; the others find nothing more to try."""
    dimensions = {name: values[:1] for name, values in KK.dimensions.items()}
    dimensions |= {
        name: KK.dimensions[name][:2] for name in ("direction", "subgoals", "restating", "branching")
    }
    config = PrimitivesConfig(**{**SMALL, "rounds": 4, "max_primitives": 12, "tau_novelty": 0.1})
    found = search(KK.within(dimensions), config)
    assert sum(r.accepted for r in found.rounds) < len(found.accepted) < 12
    directions = [mean_direction(primitive, 0) for primitive in found.accepted]
    for i, one in enumerate(directions):
        assert all(1 - float(one @ other) >= 0.1 - 1e-4 for other in directions[:i])
    assert {p.screening["rule"] for p in found.primitives} == {"", "novelty", "pass_rate"}
    assert all(p.screening["novelty"] < 0.1 for p in found.primitives if p.screening["rule"] == "novelty")


def test_programs_that_never_assume_anything_are_turned_away_for_their_pass_rate() -> None:
    stuck = [p for p in run().primitives if p.program["branching"] == "never"]
    assert stuck
    assert {p.screening["rule"] for p in stuck} == {"pass_rate"}


def test_long_winded_programs_are_turned_away_for_their_tokens() -> None:
    rules = Counter(p.screening["rule"] for p in run(max_tokens=130).primitives)
    assert rules["mean_tokens"] > 3
    assert all(p.screening["mean_tokens"] <= 130 for p in run(max_tokens=130).accepted)


def told(**values: str) -> Candidate:
    return Candidate({name: options[0] for name, options in KK.dimensions.items()} | values)


def screen(*candidates: Candidate) -> list[Any]:
    """The candidates, screened in one round with room for all."""
    config = PrimitivesConfig(**{**SMALL, "rounds": 1})
    teacher, embedder = ProceduralTeacher("kk"), HashedEmbedder(128)
    search = _Search(problems(), teacher.demonstrate_all, embedder.embed, config, 0, step_fault)
    search.round(0, [program_proposal(KK, candidate, 0) for candidate in candidates])
    return search.screened


def test_the_same_reasoning_in_other_words_is_nothing_new() -> None:
    screened = screen(
        *(told(voice=v, answer=a) for v in KK.dimensions["voice"] for a in ("lines", "sentence"))
    )
    accepted = [p for p in screened if p.screening["verdict"] == "accepted"]
    assert len(accepted) == 1
    for primitive in screened:
        if primitive not in accepted:
            assert primitive.screening["rule"] == "novelty"
            assert primitive.screening["novelty"] == 0.0
            assert accepted[0].id in primitive.screening["reason"]


def test_another_way_of_reasoning_is_new_in_whatever_words_and_keeps_its_own() -> None:
    formal = screen(told(), told(direction="backward", subgoals="focus", voice="formal"))
    short = screen(told(), told(direction="backward", subgoals="focus", voice="shorthand"))
    assert [p.screening["verdict"] for p in formal] == ["accepted", "accepted"]
    assert formal[1].program["voice"] == "formal"
    assert "formal" in formal[1].name
    # Which of two comes first is up to their ids; how far they are apart is not.
    assert min(p.screening["novelty"] for p in formal) == min(p.screening["novelty"] for p in short)
    assert short[1].screening["mean_tokens"] < formal[1].screening["mean_tokens"]


def test_a_long_search_with_room_enough_ends_by_itself_at_the_defaults() -> None:
    defaults = PrimitivesConfig()
    found = run(
        tau_novelty=defaults.tau_novelty,
        min_coverage_gain=defaults.min_coverage_gain,
        candidates_per_round=defaults.candidates_per_round,
        rounds=60,
        max_primitives=1000,
    )
    assert found.ended == "coverage no longer grows"
    assert 2 <= len(found.rounds) <= 20
    assert all(r.coverage_gain >= defaults.min_coverage_gain for r in found.rounds[:-1])
    assert found.rounds[-1].coverage_gain < defaults.min_coverage_gain
    assert len(found.accepted) > defaults.max_primitives


def test_dimensions_have_only_the_values_that_are_allowed() -> None:
    allowed = {"voice": ("plain",), "case": ("knave",), "order": ("given", "connected")}
    config = PrimitivesConfig(**SMALL, dimensions=allowed)
    found = search(KK.within(config.dimensions), config)
    assert len(found.rounds) > 1
    for name, values in allowed.items():
        assert {p.program[name] for p in found.primitives} == set(values), name
    for name in set(KK.dimensions) - set(allowed):
        assert len({p.program[name] for p in found.primitives}) > 1, name


def test_a_language_with_one_value_in_every_dimension_has_one_program() -> None:
    alone = {name: (value,) for name, value in told().values.items()}
    language = KK.within(alone)
    composer = Composer(language, Aim(), random.Random(0))
    only = composer.compose(5)
    assert [candidate.values for candidate in only] == [told().values]
    assert composer.vary(5, only) == []
    config = PrimitivesConfig(**SMALL, dimensions=alone)
    found = search(language, config)
    assert (len(found.primitives), found.ended) == (1, "coverage no longer grows")


@pytest.mark.parametrize(
    ("allowed", "parts"),
    [
        (
            {"voice": ("plain", "loud")},
            ["primitives.dimensions.voice holds 'loud'", "plain, conversational, formal, shorthand"],
        ),
        ({"tone": ("plain",)}, ["primitives.dimensions.tone is no", "order", "voice", "answer"]),
    ],
)
def test_a_wrong_dimension_or_value_is_one_sentence(
    allowed: dict[str, tuple[str, ...]], parts: list[str]
) -> None:
    with pytest.raises(RecipeError) as caught:
        KK.within(allowed)
    assert [part for part in parts if part not in str(caught.value)] == []


def test_the_search_ends_when_nothing_is_new() -> None:
    found = run(tau_novelty=0.9, rounds=9)
    assert found.ended == "coverage no longer grows"
    assert len(found.rounds) < 9
    assert found.rounds[-1].coverage_gain < 0.05


def test_the_search_ends_when_the_library_is_full() -> None:
    found = run(max_primitives=2, rounds=9)
    assert found.ended == "the library is full"
    assert len(found.accepted) == 2


def test_an_impossible_demand_leaves_the_library_empty() -> None:
    found = run(max_tokens=1)
    assert found.accepted == []
    assert found.ended == "all rounds are over"


def test_later_rounds_build_on_the_library() -> None:
    found = run()
    accepted = {p.id for p in found.accepted}
    later = [p for p in found.primitives if p.provenance["round"] > 0]
    assert later
    for primitive in later:
        assert 1 <= len(primitive.provenance["parents"]) <= 2
        assert set(primitive.provenance["parents"]) <= accepted


def test_the_same_seed_finds_the_same_and_another_seed_does_not() -> None:
    assert run(seed=1) == run.__wrapped__(seed=1)
    assert {p.id for p in run(seed=1).primitives} != {p.id for p in run(seed=2).primitives}


def test_composed_programs_give_every_move_its_turn() -> None:
    composer = Composer(KK, Aim(), random.Random(0))
    made = composer.compose(30)
    for name, values in KK.dimensions.items():
        counts = Counter(candidate.values[name] for candidate in made)
        assert set(counts) == set(values)
        assert max(counts.values()) - min(counts.values()) <= 1


def test_variations_are_new_and_close_to_a_parent() -> None:
    composer = Composer(KK, Aim(), random.Random(0))
    parent = composer.compose(1)[0]
    children = composer.vary(40, [Candidate(parent.values, ("p",))])
    assert len({KK.identify(child.values) for child in children}) == 40
    for child in children:
        changed = [name for name in KK.dimensions if child.values[name] != parent.values[name]]
        assert 1 <= len(changed) <= 4


def test_what_the_student_lacks_becomes_likelier() -> None:
    falls = read_aim(
        {
            "pass_rate_by_difficulty": {"3": 0.8, "4": 0.0},
            "failures": {"1 of 3 roles are right": 9},
            "wrong": 9,
        }
    )
    plain, aimed = Counter(_cases(Aim())), Counter(_cases(falls))
    assert 0.7 < plain["furthest"] / plain["knave"] < 1.4
    assert 1.6 < aimed["furthest"] / aimed["knave"] < 4


def _cases(aim: Aim) -> list[str]:
    composer = Composer(KK, aim, random.Random(0))
    start = Candidate({name: values[0] for name, values in KK.dimensions.items()}, ("p",))
    return [child.values["case"] for child in composer.vary(3000, [start])]


def test_the_aim_reads_what_a_probe_writes() -> None:
    aim = read_aim(
        {
            "pass_rate_by_difficulty": {"2": 0.8, "4": 0.2},
            "failures": {"2 of 4 roles are right": 3, "the four tags do not all come, in order": 1},
            "wrong": 3,
        }
    )
    assert aim.lacks == {"wrong": 0.75, "out_of_form": 0.25, "falls": 0.75}
    assert aim.emphasis(4) > aim.emphasis(2)
    assert read_aim({"pass_rate_by_difficulty": {}, "failures": {}, "wrong": 0}).lacks == {}


def test_an_environment_without_a_move_language_is_refused() -> None:
    with pytest.raises(RecipeError, match="chess"):
        language_of("chess")


def test_a_novelty_that_not_even_the_first_primitive_has_is_refused() -> None:
    """That has nothing near, and a novelty of 1."""
    PrimitivesConfig(tau_novelty=1)
    with pytest.raises(ValueError, match="less than or equal to 1"):
        PrimitivesConfig(tau_novelty=1.01)

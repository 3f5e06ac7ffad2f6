"""The data of each baseline are what its paper says: the moves that traces show and lack, and which rows are kept."""

from __future__ import annotations

import dataclasses
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.config.baselines import Method
from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe
from tailor_core.demonstrations.misreading import misread
from tailor_core.demonstrations.procedural import ProceduralTeacher
from tailor_core.environments import get_environment
from tailor_core.environments.teaching import get_teaching
from tailor_core.errors import InputError, StageError
from tailor_core.inference.engine import Completion, Messages, Sampling, Usage
from tailor_core.primitives.given import given_primitive, ways_of
from tailor_core.records import (
    Demonstration,
    Primitive,
    Problem,
    SelectionDecision,
    Verdict,
    completion_text,
)
from tailor_core.stages.baselines import four_star, own_answers, rule_based
from tailor_core.stages.context import StageContext
from tailor_core.stages.explain import plan_stages
from tailor_core.stages.methods import (
    FIRST_POLICY,
    check_method_stages,
    definition_of,
    first_of,
    has_stage,
    takes_teacher,
)
from tailor_core.stages.registry import STAGES, load_target
from tailor_core.stages.spec import make_spec
from tailor_core.verification.scoring import score

pytestmark = pytest.mark.integration

FAMILIES: dict[str, dict[str, Any]] = {
    "kk": {"people": [3]},
    "igsm": {"setting": "tiny"},
    "countdown": {},
}
PROGRAMS: tuple[Method, ...] = (
    "rule-based",
    "4-star",
    "empty-cot",
    "dots",
    "all-wrong",
    "behavior-injection",
)
SAMPLED: tuple[Method, ...] = ("self-stitch", "re-distillation-a", "re-distillation-b")
BASELINES = (*PROGRAMS, *SAMPLED)
TOKENS = 2500
DATA = ("primitives", "demonstrations", "verdicts", "selection", "sft_dataset")

HABITS = {
    "kk": {"verification": "check", "backtracking": "reject", "subgoals": "open", "backward": "ask"},
    "igsm": {"verification": "check", "backtracking": "blocked", "subgoals": "list", "backward": "need"},
    "countdown": {"verification": "check", "backtracking": "back", "subgoals": "aim", "backward": "keep"},
}
"""The move, as the environment's classifier counts it, that shows each of the four habits."""


def recipe(family: str = "kk", method: Method = "tailor", **sections: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "baseline",
        "seed": 3,
        "method": method,
        "environment": {"name": family, "options": FAMILIES[family]},
        "problems": {"train": 40, "validation": 4, "test": 6, "ood": 0},
        "primitives": {
            "probe_problems": 6,
            "candidates_per_round": 6,
            "rounds": 1,
            "max_primitives": 4,
            "max_tokens": 900,
        },
        "demonstrations": {"total": 40},
        "selection": {"budget": 20, "token_budget": TOKENS},
        "baselines": {"problems": 16, "samples": 6},
    }
    return make_recipe({**values, **sections}, "a test")


class Model:
    """A model in place of one: it solves as the plainest program does, or errs, by turns; alone it is right."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.sampled: list[Sampling] = []
        self._problems = {problem.question: problem for problem in problems}

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, on_done: Callable[[int], None] | None = None
    ) -> list[list[Completion]]:
        self.sampled.append(sampling)
        groups = []
        for messages in prompts:
            problem = self._problems[messages[-1]["content"]]
            groups.append([self._answer(problem, sample) for sample in range(sampling.n)])
            if on_done:
                on_done(sampling.n)
        return groups

    def _answer(self, problem: Problem, sample: int) -> Completion:
        other = misread(problem, sample) if sample % 3 == 0 and self._errs(problem) else problem
        think, answer = plainly(other)
        text = think if sample % 3 == 2 else completion_text(think, answer)  # the third is out of form
        return Completion(text=text, finish="stop", usage=Usage())

    def _errs(self, problem: Problem) -> bool:
        return int(problem.id[-1], 16) % 2 == 0


def plainly(problem: Problem) -> tuple[str, str]:
    """What the plainest program makes of a problem: thoughts and answer."""
    teaching = get_teaching(problem.environment)
    return teaching.write(problem, teaching.program(), random.Random(sum(problem.id.encode())))


@dataclasses.dataclass(frozen=True)
class Made:
    """The tables of the data stages of one method."""

    problems: dict[str, Problem]
    primitives: list[Primitive]
    demonstrations: list[Demonstration]
    verdicts: dict[str, Verdict]
    decisions: list[SelectionDecision]
    summaries: Mapping[str, Mapping[str, Any]]
    sampled: list[Sampling]
    root: Path

    @property
    def kept(self) -> list[Demonstration]:
        wanted = {decision.demonstration_id for decision in self.decisions if decision.kept}
        return [one for one in self.demonstrations if one.id in wanted]

    @property
    def tokens(self) -> int:
        return sum(one.tokens for one in self.kept)

    def shares(self) -> dict[str, float]:
        """The share of kept traces that show each move."""
        moves = [get_environment(self.family).count_moves(one.think) for one in self.kept]
        return {move: sum(move in one for one in moves) / len(moves) for move in set().union(*moves)}

    @property
    def family(self) -> str:
        return next(iter(self.problems.values())).environment


Make = Callable[..., Made]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes the data of a method in a family, once each; problems are those of all methods of a family."""

    def run(root: Path, product: str, made: Recipe, shared: Path | None = None) -> dict[str, Any]:
        inputs = {path.name: path for path in root.iterdir() if path.is_dir()}
        if shared:
            inputs |= {path.name: path for path in shared.iterdir()}
        definition = definition_of(STAGES[product], made.method)
        config = definition.config_in(made)
        read = {name: inputs[name] for name in definition.inputs_of(config)}
        output, workdir = root / product, root / "work" / product
        output.mkdir()
        workdir.mkdir(parents=True)
        context = StageContext(inputs=read, output=output, workdir=workdir, seed=made.seed)
        return dict(load_target(definition.function)(config, context))

    @cache
    def shared_of(family: str) -> Path:
        root = tmp_path_factory.mktemp(f"shared-{family}")
        run(root, "problems", recipe(family))
        for name in ("probe", "backbone", FIRST_POLICY):
            (root / name).mkdir()
        (root / "probe" / "summary.json").write_text(
            json.dumps({"pass_rate_by_difficulty": {}, "failures": {}, "wrong": 0})
        )
        return root

    @cache
    def data(family: str, method: Method, again: int = 0) -> Made:
        shared = shared_of(family)
        made = recipe(family, method)
        root = tmp_path_factory.mktemp(f"{family}-{method}-{again}")
        problems = read_records(shared / "problems" / "problems.parquet", Problem)
        model = Model(problems)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(own_answers, "load_engine", lambda *_, **__: nullcontext(model))
            summaries = {product: run(root, product, made, shared) for product in DATA}

        def table(product: str, record: type[Any]) -> list[Any]:
            return read_records(root / product / f"{product}.parquet", record)

        return Made(
            problems={problem.id: problem for problem in problems},
            primitives=table("primitives", Primitive),
            demonstrations=table("demonstrations", Demonstration),
            verdicts={one.demonstration_id: one for one in table("verdicts", Verdict)},
            decisions=table("selection", SelectionDecision),
            summaries=summaries,
            sampled=model.sampled,
            root=root,
        )

    return data


LIARS = {
    "names": ["Zoey", "Oliver"],
    "statements": [["lying", 1], ["and", ["lying", 0], ["lying", 1]]],
    "solution": [True, False],
    "roles": {"knight": "knight", "knave": "knave"},
}
"""Zoey: "Oliver is a knave." Oliver: "We both are." As a knight he would lie: he is a knave, and she is none."""

CHESTS = {
    "categories": ["Cabin", "Chest"],
    "items": [["Blue Cabin", "Broad Cabin"], ["Autumn Chest", "Brass Chest"]],
    "statements": [
        [["Broad Cabin", "Autumn Chest"], 2],
        [["Blue Cabin", "Brass Chest"], ["times", 3, ["Broad Cabin", "Autumn Chest"]]],
    ],
    "question": ["Blue Cabin", "Brass Chest"],
    "modulus": 7,
    "answer": 6,
}
"""2, and three times that: 6."""

TWELVE = {"numbers": [3, 5, 20], "target": 12, "solution": "20 - 5 - 3"}

BY_HAND = {
    "kk": (
        LIARS,
        "Suppose Zoey were a knight. Suppose Oliver were a knight. Zoey said that Oliver is a knave, which is false: "
        "Zoey is a knight, a contradiction. (Therefore|So) Oliver (cannot be a knight and )?must be a knave[.]",
        "Left to place: Zoey and Oliver. Oliver says something about Zoey. Suppose Oliver were a knight. .* "
        "a contradiction. .* Zoey said that Oliver is a knave, which is true: Zoey is a knight. "
        "Oliver said that Zoey is a knave and Oliver is a knave, which is false: Oliver is a knave[.]",
    ),
    "igsm": (
        CHESTS,
        r"Define Broad Cabin's Autumn Chest as (\w); so \1 = 2. "
        r"Define Blue Cabin's Brass Chest as (\w); so \2 = 3 [*] \1 = 3 [*] 2 = 6[.]",
        "What I need: Broad Cabin's Autumn Chest and Blue Cabin's Brass Chest. To find Blue Cabin's Brass Chest I need "
        "Broad Cabin's Autumn Chest. .* Check: Broad Cabin's Autumn Chest is 2. "
        r"Check: Blue Cabin's Brass Chest is 3 [*] \w = 3 [*] 2 = 6[.]",
    ),
    "countdown": (
        TWELVE,
        "I take 3 [+] 5 = 8. I take 20 - 8 = 12. That is 12, as needed[.]",
        r"If I keep \d+, then .* = 12, so I need \d+ from .* First I want .* But \d+ is not \d+. I go back to .* "
        "Check: .* = 12[.]",
    ),
}
"""Family -> a problem worked out by hand, what the rule makes of it, and what shows of the four habits."""


@pytest.mark.parametrize("family", FAMILIES)
def test_a_problem_worked_out_by_hand_is_told_as_the_rule_and_the_habits_say(family: str) -> None:
    spec, rule, habits = BY_HAND[family]
    metadata = {"spec": spec, "split": "train", "canonical_hash": "h", "difficulty": {}}
    problem = Problem(id="p", environment=family, question="", answer="", metadata=metadata)
    for module, told in ((rule_based, rule), (four_star, habits)):
        way = given_primitive(module.METHOD, module.WAYS[family][0], family, {}, "procedural")
        written = ProceduralTeacher(family).demonstrate(problem, way, 0)
        assert re.fullmatch(told, written.think), written.think
        assert score(problem, written.completion).reward == 1
        wrong = ProceduralTeacher(family).demonstrate(misread(problem, 0), way, 0)
        if misread(problem, 0) != problem:
            assert score(problem, wrong.completion).reward == 0


def test_where_a_recipe_allows_some_moves_only_a_way_keeps_what_it_is_and_takes_the_rest_from_there() -> None:
    allowed = {"direction": ["forward"], "inspection": ["sweep"], "depth": ["none"], "order": ["given"]}
    [habits], [rule] = four_star.WAYS["kk"], rule_based.WAYS["kk"]
    program = given_primitive("4-star", habits, "kk", allowed, "procedural").program
    assert (program["direction"], program["inspection"]) == ("backward", "sweep")
    assert given_primitive("rule-based", rule, "kk", allowed, "procedural").program["order"] == "given"
    assert given_primitive("rule-based", rule, "kk", {}, "procedural").program["order"] == "connected"


def test_a_family_without_wording_for_the_four_habits_is_told_in_one_sentence() -> None:
    with pytest.raises(
        StageError, match=r"'4-star' is worded for kk, igsm, countdown, and not for .* = 'gcd'"
    ):
        ways_of("4-star", four_star.WAYS, "gcd")


@pytest.mark.parametrize("family", FAMILIES)
def test_rule_based_data_are_one_strategy_without_any_habit_that_others_inject(
    make: Make, family: str
) -> None:
    made = make(family, "rule-based")
    assert len(made.primitives) == 1
    shares = made.shares()
    habits = HABITS[family]
    lacks = {habits["verification"], habits["subgoals"], habits["backward"], "retract", "focus"}
    if family != "kk":  # whose solver is a search that goes back
        lacks.add(habits["backtracking"])
    assert not lacks & shares.keys()
    assert "other" not in shares
    assert shares[{"kk": "assume", "igsm": "define", "countdown": "join"}[family]] == 1
    if family == "kk":
        assert {"derive", "claim", "judge", "merge"}.isdisjoint(shares), "it searches, and derives nothing"
        assert shares["reject"] > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_each_trace_of_4_star_shows_the_four_habits_wherever_the_problem_lets_it(
    make: Make, family: str
) -> None:
    made = make(family, "4-star")
    shares = made.shares()
    for habit, move in HABITS[family].items():
        enough = (
            0.6 if habit == "backtracking" else 1.0
        )  # a first guess may be right, and a first step possible
        assert shares.get(move, 0) >= enough, (habit, shares)
    assert all(made.verdicts[one.id].reward == 1 for one in made.kept)
    [primitive] = made.primitives
    assert primitive.screening["verdict"] == "accepted"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chat_teacher_is_told_the_four_habits_in_the_words_of_the_family(
    make: Make, family: str, tmp_path: Path
) -> None:
    chat = recipe(family, "4-star", teacher={"kind": "chat", "model": "m"})
    definition = definition_of(STAGES["primitives"], "4-star")
    problems = tmp_path / "problems"
    problems.mkdir()
    write_records(problems / "problems.parquet", list(make(family, "4-star").problems.values()))
    context = StageContext(inputs={"problems": problems}, output=tmp_path, workdir=tmp_path, seed=0)
    load_target(definition.function)(definition.config_in(chat), context)
    [told] = read_records(tmp_path / "primitives.parquet", Primitive)
    assert told.kind == "chat"
    assert not told.program
    assert all(
        word in told.instruction for word in ("Subgoals", "Backward chaining", "Backtracking", "Verification")
    )
    word = {"kk": "claim", "igsm": "quantities", "countdown": "target"}[family]
    assert word in told.instruction


@pytest.mark.parametrize("family", FAMILIES)
def test_the_controls_have_the_problems_and_answers_of_4_star_and_none_of_its_reasoning(
    make: Make, family: str
) -> None:
    whole = make(family, "4-star").demonstrations
    for method in ("empty-cot", "dots"):
        made = make(family, method)
        told = {(one.problem_id, one.seed): one for one in made.demonstrations}
        assert told.keys() == {(one.problem_id, one.seed) for one in whole}
        for one in whole:
            other = told[one.problem_id, one.seed]
            assert other.answer_text == one.answer_text
            assert set(get_environment(family).count_moves(other.think)) <= {"other"}
            if method == "dots":
                assert re.fullmatch(r"So( \.)+", other.think)
                assert other.tokens == one.tokens
            else:
                assert other.think == "So"
        if method == "dots":
            kept = [
                {(one.problem_id, one.seed) for one in part.kept} for part in (made, make(family, "4-star"))
            ]
            assert kept[0] == kept[1], "the same rows, so that nothing but the reasoning differs"
        right = {
            one.id
            for one in made.demonstrations
            if score(made.problems[one.problem_id], one.completion).reward == 1
        }
        assert {one.id for one in made.kept} <= right


@pytest.mark.parametrize("family", FAMILIES)
def test_all_wrong_data_show_the_habits_and_are_wrong_by_the_verifier(make: Make, family: str) -> None:
    made = make(family, "all-wrong")
    environment = get_environment(family)
    assert len(made.kept) >= 5
    for one in made.kept:
        problem = made.problems[one.problem_id]
        found = score(problem, one.completion)
        assert found.reward == 0
        assert found.checks["parsed"], "an answer in the right form, which is another's"
        assert not environment.check_steps(problem, one.think).sound
        assert "other" not in environment.count_moves(one.think), "every sentence looks like a step"
    shares = made.shares()
    assert all(shares.get(move, 0) >= 0.55 for move in HABITS[family].values())
    assert {"not_wanted"} >= {d.rule for d in made.decisions if not d.kept} - {
        "over_token_budget", "exact_duplicate", "contaminated",
    }  # fmt: skip


@pytest.mark.parametrize(("family", "answers"), [("kk", 1), ("igsm", 1), ("countdown", None)])
def test_what_is_misread_differs_in_one_place_and_has_another_answer(
    make: Make, family: str, answers: int | None
) -> None:
    environment = get_environment(family)
    problems = [problem for problem in make(family, "4-star").problems.values() if problem.split == "train"]
    changed = 0
    for problem in problems:
        other = misread(problem, 1)
        assert misread(problem, 1) == other
        if other == problem:
            continue
        changed += 1
        assert other.id == problem.id
        texts = [environment.render({**problem.spec, **one.spec}).split() for one in (problem, other)]
        assert len(texts[0]) == len(texts[1])
        assert sum(a != b for a, b in zip(*texts, strict=True)) <= 2
        found = environment.solve(other.spec)
        assert found.count == answers if answers else found.count
    assert changed > 0.7 * len(problems)


@pytest.mark.parametrize("family", FAMILIES)
def test_behavior_injection_adds_exploration_to_all_rule_traces_and_reflection_to_some(
    make: Make, family: str
) -> None:
    made = make(family, "behavior-injection")
    names = {primitive.id: primitive.name for primitive in made.primitives}
    assert len(names) == {"kk": 2, "igsm": 3, "countdown": 3}[family]
    environment = get_environment(family)
    explores = {"kk": "focus", "igsm": "need", "countdown": "aim"}[family]
    reflects = {"kk": {"retract"}, "igsm": {"blocked", "retract"}, "countdown": {"retract", "gone"}}[family]
    assert made.shares()[explores] > 0.9
    shown: dict[bool, list[bool]] = {True: [], False: []}
    for one in made.demonstrations:
        moves = environment.count_moves(one.think)
        shown["reflection" in names[one.primitive_id]].append(bool(reflects & moves.keys()))
    assert not any(shown[False])
    assert sum(shown[True]) > 0.6 * len(shown[True])
    ways = [primitive.program for primitive in made.primitives]
    [rule] = make(family, "rule-based").primitives
    changed = {name for way in ways for name in way if way[name] != rule.program[name]}
    assert changed <= {"subgoals", "weighing", "slip", "asking", "arithmetic", "aiming", "wandering"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stitched_trace_goes_from_wrong_attempts_over_their_verdicts_to_a_right_one(
    make: Make, family: str
) -> None:
    made = make(family, "self-stitch")
    with_wrong = [one for one in made.demonstrations if len(re.findall("Verdict:", one.think)) > 1]
    assert with_wrong
    assert len(with_wrong) < len(made.demonstrations), "where nothing was wrong, nothing is made up"
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


@pytest.mark.parametrize("family", FAMILIES)
def test_all_methods_fill_the_same_token_budget(make: Make, family: str) -> None:
    for method in ("tailor", "rule-based", "4-star", "dots", "behavior-injection"):
        made = make(family, method)
        told = made.summaries["selection"]["kept_tokens"]
        longest = max(one.tokens for one in made.demonstrations)
        assert made.tokens == told <= TOKENS
        left_out = [d for d in made.decisions if d.rule == "over_token_budget"]
        assert not left_out or told > TOKENS - longest, "it is spent but for less than a row"
    assert make(family, "empty-cot").tokens < 0.5 * make(family, "4-star").tokens
    assert len(make(family, "empty-cot").kept) <= 20, "of these it is the rows that are counted"


def test_a_baseline_keeps_near_duplicates_that_tailor_drops_and_no_exact_ones(make: Make) -> None:
    rules = {m: {d.rule for d in make("igsm", m).decisions} for m in ("tailor", "rule-based")}
    assert rules["tailor"] & {"near_duplicate", "semantic_duplicate"}
    assert not rules["rule-based"] & {"near_duplicate", "semantic_duplicate"}
    kept = make("igsm", "rule-based").kept
    assert len({(one.problem_id, one.completion) for one in kept}) == len(kept)


@pytest.mark.parametrize("method", ["4-star", "all-wrong", "re-distillation-b"])
def test_the_same_recipe_gives_the_same_data_again(make: Make, method: Method) -> None:
    first, second = make("kk", method), make("kk", method, again=2)
    assert first.root != second.root
    assert (first.demonstrations, first.decisions) == (second.demonstrations, second.decisions)


def keys(method: Method, family: str = "kk") -> dict[str, str]:
    """The key that each stage of a method has where its inputs are the same."""
    made = recipe(family, method)
    found = {}
    for product, stage in STAGES.items():
        if has_stage(product, method):
            definition = definition_of(stage, method)
            refs = {
                name: ArtifactRef(stage=name, key="k", digest=name, uri="u")
                for name in definition.inputs_of(definition.config_in(made))
            }
            found[product] = make_spec(definition, made, refs).key
    return found


def test_what_no_method_changes_has_one_key_for_all_methods() -> None:
    tailor = keys("tailor")
    for method in BASELINES:
        other = keys(method)
        differ = {product for product in STAGES if other[product] != tailor[product]}
        assert {"primitives", "selection"} <= differ <= {"primitives", "demonstrations", "selection"}
    none = keys("none")
    assert none.keys() == {"problems", "backbone", "probe", "policy", "evaluation", "report"}
    assert {product for product in none if none[product] != tailor[product]} == {"evaluation", "report"}
    assert keys("4-star")["primitives"] == keys("dots")["primitives"]


def test_nothing_of_a_baseline_is_in_a_key_of_tailors() -> None:
    made = recipe()
    for stage in STAGES.values():
        code = make_spec(stage, made, {}).code
        assert not [module for module in code if "baselines." in module and "config" not in module]
        assert "tailor_core.demonstrations.misreading" not in code


def test_a_model_that_answers_by_itself_needs_no_move_language() -> None:
    for method in SAMPLED:
        for product in ("primitives", "demonstrations"):
            definition = definition_of(STAGES[product], method)
            assert (
                "tailor_core.environments.teaching"
                not in make_spec(definition, recipe("kk", method), {}).code
            )


def test_every_method_has_functions_and_sections_that_are_there() -> None:
    for method in get_args(Method):
        made = recipe("kk", method)
        for product, stage in STAGES.items():
            definition = definition_of(stage, method)
            assert definition.product == product
            assert callable(load_target(definition.function))
            assert isinstance(definition.config_in(made), load_target(definition.config))
            offered = {"first_policy", *stage.offered}
            assert set(definition.offered) <= offered, "what the pipeline offers"


def test_only_distillation_waits_for_a_policy_of_another_method(tmp_path: Path) -> None:
    waits = {}
    for method in get_args(Method):
        plans = plan_stages(recipe("kk", method), Store(tmp_path.as_uri()), list(STAGES.values()))
        assert [plan.stage for plan in plans] == [s for s in STAGES if has_stage(s, method)]
        waits[method] = {name for plan in plans for name in plan.waits_on}
        assert (first_of(recipe("kk", method)) is not None) == (FIRST_POLICY in waits[method])
    assert {method for method in waits if FIRST_POLICY in waits[method]} == {
        "re-distillation-a",
        "re-distillation-b",
    }
    assert not takes_teacher("none")
    assert not takes_teacher("self-stitch")
    assert takes_teacher("4-star")


def test_a_stage_that_a_method_does_without_is_refused_in_one_sentence() -> None:
    check_method_stages("none", ["policy"], "evaluation")
    with pytest.raises(
        InputError, match="'selection' is none of the method 'none', which makes problems, backbone"
    ):
        check_method_stages("none", [], "selection")
    with pytest.raises(InputError, match="did you mean 'selection'"):
        check_method_stages("none", [], "selecton")

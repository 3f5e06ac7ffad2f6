"""The verdicts stage: a verdict with a reason for every demonstration, an exception for none."""

from functools import partial

import pytest

from tailor_core.artifacts.tables import read_records, write_records
from tailor_core.config.verdicts import VerdictsConfig
from tailor_core.environments import get_environment, read_options
from tailor_core.errors import InputError
from tailor_core.records import Demonstration, Verdict
from tailor_core.stages import verdicts
from tailor_core.stages.context import StageContext
from tailor_core.stages.piecework import make_table

KK = get_environment("kk")
PROBLEM = KK.from_record(
    {"names": ["Zoey", "Ella"], "statements": [["or", ["lying", 0], ["lying", 1]], ["telling-truth", 1]]}
)
SOUND = (
    "Suppose Zoey were a knave. "
    "Zoey said that Zoey is a knave or Ella is a knave, which is true: Zoey is a knave, a contradiction. "
    "So Zoey cannot be a knave and must be a knight. "
    "Zoey is a knight; Zoey said that Zoey is a knave or Ella is a knave, which holds. "
    "So Ella must be a knave."
)
UNSOUND = "So Zoey must be a knight. So Ella must be a knave."
PROSE = (
    "Zoey claims that one of the two of them lies. If that were a lie nobody would lie, and she herself neither, so it "
    "cannot be one. She tells the truth, then, and the liar that she speaks of has to be the other one."
)
RIGHT = "Zoey is a knight, and Ella is a knave."


def demonstration(name, think=SOUND, answer=RIGHT, teacher="procedural", problem_id=PROBLEM.id):
    return Demonstration(
        id=name,
        problem_id=problem_id,
        primitive_id="p",
        teacher=teacher,
        think=think,
        answer_text=answer,
        tokens=9,
        seed=0,
    )


def run(folder, demonstrations, **config):
    for name in ("problems", "demonstrations", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_records(folder / "problems" / "problems.parquet", [PROBLEM])
    write_records(folder / "demonstrations" / "demonstrations.parquet", demonstrations, Demonstration)
    inputs = {name: folder / name for name in ("problems", "demonstrations")}
    context = StageContext(inputs=inputs, output=folder / "out", workdir=folder, seed=0)
    summary = verdicts.run(VerdictsConfig(**config), context)
    return summary, read_records(folder / "out" / "verdicts.parquet", Verdict)


def test_rewards_need_the_answer_and_for_the_procedural_teacher_the_steps(tmp_path):
    rows = [
        demonstration("good"),
        demonstration("wrong", answer="Zoey is a knave, and Ella is a knave."),
        demonstration("unread", answer="Zoey is a knight."),
        demonstration("broken", answer=f"{RIGHT}</answer>"),
        demonstration("leap", think=UNSOUND),
        demonstration("read", think=UNSOUND, teacher="chat"),
        demonstration("free", think=PROSE, teacher="chat"),
        demonstration("said first", think=f"{RIGHT} {PROSE}", teacher="chat"),
        demonstration("empty", think=" "),
    ]
    summary, found = run(tmp_path, rows)
    assert [row.demonstration_id for row in found] == [row.id for row in rows]
    rewards = {row.demonstration_id: row.reward for row in found}
    assert rewards == {
        "good": 1.0,
        "wrong": 0.0,
        "unread": 0.0,
        "broken": 0.0,
        "leap": 0.0,
        "read": 0.0,
        "free": 1.0,
        "said first": 0.0,
        "empty": 0.0,
    }
    assert all(row.reason for row in found)
    leap = found[4]
    assert leap.checks["correct"]
    assert not leap.checks["sound"]
    assert "does not" in leap.reason or "follow" in leap.reason
    assert summary["funnel"] == {
        "in": 9,
        "kept": 2,
        "dropped": {
            "answer_first": 1,
            "not_correct": 1,
            "not_parsed": 1,
            "not_sound": 2,
            "not_well_formed": 2,
        },
    }


def test_a_killed_stage_judges_only_what_it_has_not_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "make_table", partial(make_table, size=2))
    rows = [demonstration(f"d{i}", teacher=f"teacher {i}") for i in range(7)]
    _, whole = run(tmp_path / "whole", rows)
    judged = []

    def judge(problem, row, config):
        judged.append(row.id)
        if len(judged) == 6:
            raise KeyboardInterrupt
        return real(problem, row, config)

    real = verdicts.judge
    monkeypatch.setattr(verdicts, "judge", judge)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", rows)
    judged.clear()
    _, found = run(tmp_path / "killed", rows)
    assert judged == ["d4", "d5", "d6"]
    assert found == whole
    name = "out/verdicts.parquet"
    assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_verdict_on_another_text_or_under_other_rules_is_not_taken(tmp_path):
    rows = [demonstration("d", think=PROSE)]
    _, strict = run(tmp_path, rows)
    _, lax = run(tmp_path, rows, sound_steps_from=())
    _, other = run(tmp_path, [demonstration("d")])
    assert [found[0].reward for found in (strict, lax, other)] == [0.0, 1.0, 1.0]


def test_soundness_is_asked_of_the_teachers_named_in_the_recipe_and_of_whatever_reads_as_steps(tmp_path):
    rows = [demonstration("prose", think=PROSE), demonstration("leap", think=UNSOUND)]
    _, found = run(tmp_path, rows)
    assert [row.reward for row in found] == [0.0, 0.0]
    _, found = run(tmp_path, rows, sound_steps_from=())
    assert [row.reward for row in found] == [1.0, 0.0]
    assert [row.checks["sound"] for row in found] == [False, False]
    assert [row.checks["sound_required"] for row in found] == [False, True]


def test_no_demonstrations_give_an_empty_table(tmp_path):
    summary, found = run(tmp_path, [])
    assert found == []
    assert summary["rows"] == {"verdicts": 0}


def test_a_demonstration_of_an_unknown_problem_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="demonstration 'd' solves problem 'nowhere', which the problems artifact"
    ):
        run(tmp_path, [demonstration("d", problem_id="nowhere")])


def test_verdicts_agree_with_the_score_on_real_puzzles(tmp_path):
    problem = KK.generate(read_options("kk", {}), count=1, split="train", seed=0)[0]
    row = demonstration("d", think=PROSE, answer=problem.answer, teacher="self")
    assert verdicts.judge(problem, row, VerdictsConfig()).reward == 1.0

"""The taskset of `verifiers`, found by its loader and scored without a model or a network."""

import asyncio
import sys

import pytest

from tailor_core.environments import get_environment, read_options
from tailor_core.errors import MissingExtraError, RecipeError

verifiers = pytest.importorskip(
    "verifiers", minversion="0.4", reason="the extra tailor[verifiers] is not installed"
)

import verifiers.v1 as vf  # noqa: E402
from verifiers.v1.utils.loaders import load_taskset, taskset_class  # noqa: E402

from tailor_core.exchange.verifiers import TailorConfig, TailorTaskset  # noqa: E402

ID = "tailor-taskset"
MODULE = "tailor_core.exchange.verifiers"


def taskset(family, **config):
    return load_taskset(TailorConfig(id=ID, family=family, **config))


def scored(task, reply):
    trace = vf.Trace.model_construct(
        root_reply=reply, rewards={}, metrics={}, nodes=[], calls=[], errors=[], info={}
    )
    asyncio.run(task.score(trace))
    return {name: reward.score for name, reward in trace.rewards.items()}, dict(trace.metrics)


def think(answer):
    return f"<think>Suppose so.</think><answer>{answer}</answer>"


def test_its_loader_finds_the_one_taskset():
    assert taskset_class(ID) is TailorTaskset


@pytest.mark.parametrize("family", ["kk", "igsm", "rg:leg_counting"])
def test_tasks_are_the_problems_of_the_split_and_scored_strictly(family):
    tasks = list(taskset(family, size=5, seed=3))
    options = read_options(family, {})
    problems = get_environment(family).generate(options, count=5, split="test", seed=3)
    assert [task.key for task in tasks] == [problem.id for problem in problems]
    assert [task.data.idx for task in tasks] == [0, 1, 2, 3, 4]
    for task, problem in zip(tasks, problems, strict=True):
        assert task.problem == problem
        assert task.data.prompt == problem.question
        assert "<answer>" in task.data.system_prompt
        assert asyncio.run(task.validate(None))
        rewards, metrics = scored(task, think(problem.answer))
        assert rewards == {"correct": 1.0}
        assert metrics == {"partly_correct": 1.0, "well_formed": 1.0}
        assert scored(task, think(f"{problem.answer} or so"))[0] == {"correct": 0.0}
        assert scored(task, problem.answer) == ({"correct": 0.0}, {"partly_correct": 0.0, "well_formed": 0.0})


def test_part_of_an_answer_is_a_metric_and_no_reward():
    [task] = taskset("kk", size=1, options={"people": [5]})
    text = task.problem.answer
    nearly = text.replace("knight", "knave", 1) if "knight" in text else text.replace("knave", "knight", 1)
    rewards, metrics = scored(task, think(nearly))
    assert rewards == {"correct": 0.0}
    assert metrics["partly_correct"] == pytest.approx(0.3 + 0.7 * 4 / 5)


def test_tasks_survive_the_wire_and_their_views():
    chosen = taskset("igsm", size=6).include(idx=["2:4"])
    for task in chosen:
        again = type(task)(type(task.data).model_validate_json(task.data.model_dump_json()))
        assert again.problem == task.problem
    assert len(list(chosen)) == 2


def test_a_problem_without_a_recorded_answer_has_nothing_to_validate():
    [task] = taskset("rg:graph_color", size=1)
    assert asyncio.run(task.validate(None)) is None


def test_wrong_options_are_one_sentence():
    with pytest.raises(RecipeError, match=r"environment\.options\.peple"):
        list(taskset("kk", options={"peple": [3]}))


def test_without_verifiers_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "verifiers.v1", None)
    monkeypatch.delitem(sys.modules, MODULE)
    with pytest.raises(MissingExtraError, match=r"pip install 'tailor\[verifiers\]'"):
        __import__(MODULE)

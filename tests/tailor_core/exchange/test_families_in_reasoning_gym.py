"""Tailor's families as data sets of reasoning-gym, used through its own functions."""

import json
import pickle

import pytest

from tailor_core.environments import get_environment, known_environments
from tailor_core.errors import InputError, RecipeError

reasoning_gym = pytest.importorskip("reasoning_gym")

from reasoning_gym.composite import DatasetSpec  # noqa: E402
from reasoning_gym.dataset import ReseedingDataset  # noqa: E402
from reasoning_gym.factory import DATASETS, create_curriculum, has_curriculum  # noqa: E402

from tailor_core.exchange import reasoning_gym as door  # noqa: E402

FAMILIES = sorted(known_environments())


def made(family, **config):
    return reasoning_gym.create_dataset(f"tailor_{family}", **{"size": 40, "seed": 7, **config})


@pytest.mark.parametrize("family", FAMILIES)
def test_entries_are_json_and_only_the_right_answer_scores(family):
    data = made(family)
    entries = list(data)
    assert len(entries) == 40
    for index, entry in enumerate(entries):
        assert json.loads(json.dumps(entry, allow_nan=False)) == entry
        assert entry["metadata"]["source_dataset"] == f"tailor_{family}"
        assert entry["metadata"]["source_index"] == index
        assert data.score_answer(entry["answer"], entry) == 1.0
        for wrong in (None, "", "garbage", f"{entry['answer']} {entry['answer']}", "\ud800" * 9):
            assert data.score_answer(wrong, entry) == 0.0
    assert reasoning_gym.get_score_answer_fn(f"tailor_{family}")(entries[3]["answer"], entries[3]) == 1.0
    assert len({entry["metadata"]["canonical_hash"] for entry in entries[:32]}) == 32


@pytest.mark.parametrize("family", FAMILIES)
def test_an_index_gives_the_same_entry_in_any_order_and_process(family):
    data = made(family)
    forwards = [data[index] for index in range(40)]
    assert [made(family)[index] for index in (39, 0, 17)] == [forwards[index] for index in (39, 0, 17)]
    assert pickle.loads(pickle.dumps(data))[35] == forwards[35]
    assert made(family, seed=8)[0] != forwards[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_no_seed_brings_a_problem_into_another_split(family):
    splits = ("train", "validation", "test")
    hashes = {
        split: {
            entry["metadata"]["canonical_hash"]
            for seed in range(6)
            for entry in made(family, split=split, seed=seed)
        }
        for split in splits
    }
    assert all(len(found) > 100 for found in hashes.values())
    for one in splits:
        assert not hashes[one] & set().union(*(hashes[other] for other in splits if other != one))


def test_neighbouring_seeds_share_nothing_where_reasoning_gyms_own_leak():
    theirs = [reasoning_gym.create_dataset("knights_knaves", seed=seed, size=2) for seed in (100, 101)]
    assert theirs[0][1]["question"] == theirs[1][0]["question"]
    ours = [{entry["question"] for entry in made("kk", seed=seed)} for seed in (100, 101)]
    assert not ours[0] & ours[1]


def test_knights_and_knaves_are_solved_by_reasoning_gyms_own_solver():
    solver = DATASETS["knights_knaves"][0]
    for entry in made("kk", people=(2, 3, 5), split="test", size=30):
        spec = entry["metadata"]["spec"]
        assert solver.find_solution(spec["statements"]) == [tuple(spec["solution"])]


def test_options_are_those_of_the_family_and_wrong_ones_are_one_sentence():
    assert {len(e["metadata"]["spec"]["names"]) for e in made("kk", people=[4], size=5)} == {4}
    levels = made("kk", ood={"people": [7]}, split="ood_people_7", size=3)
    assert {len(e["metadata"]["spec"]["names"]) for e in levels} == {7}
    assert {e["metadata"]["difficulty"]["op"] for e in made("igsm", setting="hard", op=(21,), size=3)} == {21}
    with pytest.raises(RecipeError, match=r"environment\.options\.depth"):
        made("kk", depth=1)
    with pytest.raises(InputError, match="size = 0"):
        made("kk", size=0)
    with pytest.raises(InputError, match="split = 'dev' does not exist"):
        made("kk", split="dev")[0]
    with pytest.raises(TypeError, match="peple"):
        made("kk", peple=3)


def test_a_split_with_few_problems_gives_them_again():
    entries = list(made("kk", people=(2,), split="test", size=40))
    assert len(entries) == 40
    assert len({entry["metadata"]["canonical_hash"] for entry in entries}) < 32


def test_they_mix_with_others_in_a_composite_and_reseed_without_end():
    parts = [DatasetSpec(name, 1.0, {}) for name in ("tailor_kk", "tailor_igsm", "leg_counting")]
    mixed = reasoning_gym.create_dataset("composite", size=30, seed=1, datasets=parts)
    entries = list(mixed)
    assert {e["metadata"]["source_dataset"] for e in entries} == {part.name for part in parts}
    assert [mixed.score_answer(entry["answer"], entry) for entry in entries] == [1.0] * 30
    mixed.update_dataset_config("tailor_kk", {"people": (6,)})
    names = [e["metadata"]["spec"]["names"] for e in mixed if e["metadata"]["source_dataset"] == "tailor_kk"]
    assert {len(found) for found in names} == {6}
    endless = iter(ReseedingDataset(made("igsm", op=(4,)), chunk_size=3))
    assert len({next(endless)["question"] for _ in range(9)}) == 9


@pytest.mark.parametrize(("family", "first", "second"), [("kk", 2, 3), ("igsm", 4, 5), ("countdown", 2, 3)])
def test_a_curriculum_raises_the_main_difficulty(family, first, second):
    curriculum = create_curriculum(f"tailor_{family}")
    name = get_environment(family).main_difficulty
    for level in (first, second):
        config = curriculum.generate_configuration({"size": 4, "seed": 1})
        data = DATASETS[f"tailor_{family}"][0](config=config)
        assert {entry["metadata"]["difficulty"][name] for entry in data} == {level}
        assert curriculum.increment_attr_level(name)


def test_registering_again_changes_nothing_and_a_new_family_needs_no_class_of_its_own(monkeypatch):
    before = dict(DATASETS)
    door.register()
    assert before == DATASETS
    monkeypatch.setattr(door, "known_environments", lambda: ["rg:gcd"])
    monkeypatch.setattr(door, "dataset_name", lambda family: f"mine_{family}")
    door.register()
    try:
        data = reasoning_gym.create_dataset("mine_rg:gcd", size=3, seed=1, max_value=50)
        assert not has_curriculum("mine_rg:gcd")
        assert [data.score_answer(entry["answer"], entry) for entry in data] == [1.0] * 3
    finally:
        del DATASETS["mine_rg:gcd"]

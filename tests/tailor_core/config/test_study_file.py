"""Studies: what was meant is read, and any mistake is one sentence with the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailor_core.config.load import names_in
from tailor_core.config.study import Arm, Study, load_study
from tailor_core.errors import RecipeError

SMALL = """
recipe = "kk-tiny"
methods = ["tailor", "none"]
reference = "tailor"
overrides = ["policy.steps=3"]
[arms.plain]
title = "no choice"
overrides = ["selection.choice=random"]
[sweeps.kl]
values = [0, 0.02]
overrides = ["policy.beta={value}", "seed_of_{value}"]
default = 0.005
"""


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    directory = tmp_path / "studies"
    directory.mkdir()
    (directory / "small.toml").write_text(SMALL)
    return directory


def write(studies: Path, text: str) -> None:
    (studies / "bad.toml").write_text(text)


def test_methods_own_arms_and_sweeps_are_arms_in_that_order(studies: Path) -> None:
    study = load_study("small", studies)
    assert study.name == "small"
    assert study.seeds == 3
    assert study.all_arms() == {
        "tailor": Arm(method="tailor"),
        "none": Arm(method="none"),
        "plain": Arm(title="no choice", method="tailor", overrides=("selection.choice=random",)),
        "kl=0": Arm(method="tailor", overrides=("policy.beta=0", "seed_of_0")),
        "kl=0.02": Arm(method="tailor", overrides=("policy.beta=0.02", "seed_of_0.02")),
    }


def test_a_change_is_of_the_study_where_that_has_such_a_field_and_else_of_each_recipe(studies: Path) -> None:
    changes = ["seeds=[4, 9]", 'methods=["tailor"]', "policy.beta=0.1", "size=smoke", "sweeps.kl.values=[1]"]
    study = load_study("small", studies, changes)
    assert study.seeds == (4, 9)
    assert study.methods == ("tailor",)
    assert study.overrides == ("policy.steps=3", "policy.beta=0.1", "size=smoke")
    assert list(study.all_arms()) == ["tailor", "plain", "kl=1"]


def test_a_recipe_file_is_found_from_the_study_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('recipe = "recipes/own.toml"\nmethods = ["none"]\nreference = "none"')
    assert load_study(str(path), tmp_path / "elsewhere").recipe == str(tmp_path / "recipes" / "own.toml")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("seds=2", r"'seds' is a key neither of a study nor of a recipe \(did you mean 'seed"),
        ("polcy.beta=1", r"'polcy' is a key neither .* \(did you mean 'policy'\?\)"),
        ("seeds", r"--set 'seeds' is not of the form key=value"),
        ("seeds=0", r"seeds = 0 must be greater than or equal to 1"),
        ("seeds=true", r"seeds = True must be a valid integer"),
        ("seeds=[3, 3]", r"seeds: 3 is there twice"),
        ("seeds=[-1]", r"seeds = \[-1\] must "),
        ("seeds=[4294967296]", r"seeds = \[4294967296\] must be less than or equal to 4294967295 \("),
        ("reference=tailr", r"reference = 'tailr' is no arm \(did you mean 'tailor'\?\); the arms are tailor, none"),
        ('methods=["tailor", "rulebased"]', r"methods\.1 = 'rulebased' must be 'tailor', 'none', 'rule-based'"),
        ('methods=["tailor", "tailor"]', r"arms: 'tailor' is there twice"),
        ("target=60", r"target = 60 must be less than 1"),
        ("method=none", r"overrides: 'method=none' is what methods of the study decides"),
        ("overrides=3", r"overrides = 3 must be a valid tuple"),
        ("arms.plain=3", r"arms\.plain = 3 must be a valid dict"),
        ("arms.plain.title=3", r"arms\.plain: title = 3 must be a valid string"),
        ("arms.plain.overides=[]", r"arms\.plain: overides = \[\] is no key \(did you mean 'overrides'\?\)"),
        ('arms.plain.overrides=["seed=3"]', r"arm 'plain': 'seed=3' is what seeds of the study decides"),
        ('arms.plain.overrides=["method=none"]', r"arm 'plain': 'method=none' is what methods of the study"),
        ("sweeps.kl.values=[]", r"sweeps\.kl: values = \[\] must have at least 1 item"),
        ("sweeps.kl.values=[1, 1]", r"arms: 'kl=1' is there twice"),
        ('sweeps.kl.overrides=["policy.beta=1"]', r"sweeps\.kl: overrides: \['policy\.beta=1'\] have no"),
        ("sweeps.kl.method=4-star", r"sweeps\.kl\.default = 0\.005 is the value of the arm '4-star'"),
        ('arms={"../x" = {}}', r"arms\.'\.\./x' = '\.\./x' must match pattern"),
        ('sweeps={"a b" = {values = [1], overrides = ["seed={value}"]}}', r"sweeps\.'a b' = 'a b' must match pattern"),
        ("sweeps.kl.default=0.02", r"sweeps\.kl\.default = 0\.02 is among its values"),
    ],
)  # fmt: skip
def test_a_wrong_change_is_one_sentence(studies: Path, change: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        load_study("small", studies, [change])
    assert "\n" not in str(caught.value)


def test_backbones_of_a_study_are_not_overridden(studies: Path) -> None:
    changes = ['backbones=["tiny"]', "backbone.name=smollm2-135m"]
    with pytest.raises(
        RecipeError, match=r"'backbone\.name=smollm2-135m' is what backbones of the study decides"
    ):
        load_study("small", studies, changes)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("recipe = = 3", "is not TOML"),
        (
            'reference = "tailor"',
            r"recipe is missing, but has no default; write it \(the recipe that all trials",
        ),
        ('recipe = "kk-tiny"', r"reference is missing"),
        (
            'recipe = "kk-tiny"\nreference = "tailor"',
            r"'tailor' is no arm; there is none: name some in methods",
        ),
        (
            'recipe = "kk-tiny"\nreference = "tailor"\n[sweeps.kl]\nvalues = [1]',
            r"sweeps\.kl: overrides is missing",
        ),
        (
            'recipe = "kk-tiny"\nreference = "tailor"\nmetods = []',
            r"metods = \[\] is no key \(did you mean 'methods'\?\)",
        ),
    ],
)
def test_a_wrong_file_is_one_sentence(studies: Path, text: str, sentence: str) -> None:
    write(studies, text)
    with pytest.raises(RecipeError, match=sentence):
        load_study("bad", studies)


def test_an_unknown_study_is_told_with_the_nearest(studies: Path) -> None:
    assert names_in(studies) == ["small"]
    with pytest.raises(
        RecipeError, match=r"study = 'smal' .*did you mean 'small'\?\); the studies are small"
    ):
        load_study("smal", studies)


def test_a_study_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Study(name="a", recipe="kk-tiny", methods=("none",), reference="none").seeds = 4  # type: ignore[misc]

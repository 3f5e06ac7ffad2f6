"""What a person sees of an error: one sentence where they can mend it, a traceback where it is a bug."""

from __future__ import annotations

import errno

import pytest

from flows import RECIPES, cli
from tailor_core.config.load import load_recipe
from tailor_core.errors import InputError, RecipeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("seed = -1 is too low"), "tailor: seed = -1 is too low\n"),
        (
            OSError(errno.ENOSPC, "full", "/data/runs/1.json"),
            "tailor: the disk failed at '/data/runs/1.json' (No space left on device); mend it and run the same "
            "again\n",
        ),
    ],
)
def test_what_can_be_mended_is_one_sentence_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 2
    assert capsys.readouterr().err == told


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "x")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(FileNotFoundError):
        cli.main()


def test_only_the_procedural_teacher_asks_for_a_move_language() -> None:
    family = 'environment.name="rg:leg_counting"'
    with pytest.raises(RecipeError, match="no move language"):
        cli._check_language(load_recipe("kk-tiny", RECIPES, [family]), "")
    chat = ['teacher.kind="chat"', 'teacher.model="any"']
    cli._check_language(load_recipe("kk-tiny", RECIPES, [family, *chat]), "")

"""Environments are found by name, a user's own too."""

import subprocess
import sys

import pytest

from tailor_core.environments import get_environment, known_environments
from tailor_core.errors import RecipeError

PLUGIN = """
from pydantic import BaseModel
class Options(BaseModel): size: int = 1
class Coins:
    name = "coins"; options_model = Options; main_difficulty = "size"
    def generate(self, options, *, count, split, seed, exclude=frozenset(), difficulty=None): return []
    ood_levels = render = read_spec = solve = check_answer = check_steps = count_moves = generate
    canonical_hash = from_record = to_record = generate
class Half: name = "half"
class Untyped(Coins): name = "half"; options_model = dict
class Counted(Coins): name = "half"; main_difficulty = 3
class Mute(Coins): name = "half"; solve = None; render = "a question"
class Needy(Coins):
    name = "half"
    def __init__(self, size): pass
class Wordy(Coins):
    def __init__(self): raise ValueError("one\\ntwo")
broken = "no class"
"""


def install(folder, entry_points):
    (folder / "coins_plugin.py").write_text(PLUGIN)
    info = folder / "coins_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coins-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tailor.environments]\n{entry_points}\n")


@pytest.fixture
def fresh_registry():
    get_environment.cache_clear()
    yield
    get_environment.cache_clear()


def test_the_built_in_environment_needs_no_installation():
    assert get_environment("kk").name == "kk"
    assert "kk" in known_environments()


def test_an_installed_plugin_is_found(tmp_path, monkeypatch, fresh_registry):
    install(tmp_path, "coins = coins_plugin:Coins")
    monkeypatch.syspath_prepend(tmp_path)
    assert get_environment("coins").name == "coins"
    assert {"coins", "kk"} <= set(known_environments())


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        ("half = coins_plugin:Half", "lacks options_model, main_difficulty, generate"),
        ("half = coins_plugin:Missing", r"does not load \(AttributeError: "),
        ("half = no_such_module:Half", r"does not load \(ModuleNotFoundError: "),
        ("half = broken_plugin:Half", r"does not load \(IndentationError: "),
        (
            "half = coins_plugin:Coins",
            "has the name 'coins', but must have that under which it is registered",
        ),
        ("half = coins_plugin:Untyped", "has an options_model that is no pydantic model"),
        ("half = coins_plugin:Counted", "has a main_difficulty that is no text"),
        ("half = coins_plugin:Mute", "has render, solve, but not as a method"),
        ("half = coins_plugin:Needy", r"makes no environment \(TypeError: .*size"),
        ("half = coins_plugin:Wordy", r"makes no environment \(ValueError: one\)"),
        ("half = coins_plugin:broken", r"makes no environment \(TypeError: "),
    ],
)
def test_an_entry_point_that_lies_is_one_sentence(
    tmp_path, monkeypatch, fresh_registry, entry_point, message
):
    install(tmp_path, entry_point)
    (tmp_path / "broken_plugin.py").write_text("class Half:\n  a = 1\n b = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RecipeError, match=message) as raised:
        get_environment("half")
    assert "\n" not in str(raised.value)
    assert entry_point.partition(" = ")[2] in str(raised.value)


def test_two_packages_that_claim_a_name_are_both_named(tmp_path, monkeypatch, fresh_registry):
    install(tmp_path, "kk = coins_plugin:Coins")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        RecipeError, match=r"'kk' is registered more than once .* coins_plugin:Coins and tailor_core"
    ):
        get_environment("kk")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(RecipeError, match=r"environment\.name = 'chess' is not known; use one of .*kk"):
        get_environment("chess")


def test_importing_environments_loads_nothing_heavy():
    program = (
        "import sys, tailor_core.verification; from tailor_core.environments import get_environment;"
        "get_environment('kk');"
        "heavy = ('torch', 'transformers', 'trl', 'polars', 'duckdb', 'prefect');"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("family", ["countdown", "igsm", "kk"])
def test_every_family_is_built_in_and_light(family):
    assert family in known_environments()
    program = (
        "import sys; from tailor_core.environments import get_environment, read_options;"
        f"get_environment('{family}').generate(read_options('{family}', {{}}), count=2, split='train', seed=0);"
        "heavy = ('torch', 'transformers', 'huggingface_hub', 'networkx', 'numpy', 'polars', 'prefect');"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"

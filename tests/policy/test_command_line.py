"""Every command shows an example, and light commands stay light."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.main

from flows.cli import app

README = Path(__file__).parents[2] / "README.md"
HEAVY = ("torch", "transformers", "trl", "prefect", "mlflow", "datasets", "duckdb")


def commands(group: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    children = getattr(group, "commands", {})
    for name, command in children.items():
        yield (*path, name), command
        yield from commands(command, (*path, name))


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_commands_are_those_that_the_readme_promises() -> None:
    names = {" ".join(path) for path in COMMANDS}
    promised = {
        "run",
        "plan",
        "invalidate",
        "recover",
        "problems",
        "solve",
        "score",
        "backbone",
        "serve",
        "store gc",
    }
    assert promised | {"lineage", "catalog rebuild"} <= names


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_has_an_example(path: tuple[str, ...]) -> None:
    text = str(getattr(COMMANDS[path], "help", ""))
    assert "Example: " in text
    assert f"tailor {' '.join(path)}" in text


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    for parameter in getattr(COMMANDS[path], "params", []):
        if parameter.name != "help":
            assert parameter.help, parameter.name


@pytest.mark.parametrize("arguments", [["--help"], ["solve", "kk"], ["score", "kk"], ["problems", "kk"]])
def test_light_commands_import_nothing_heavy(
    python_environment: dict[str, str], arguments: list[str]
) -> None:
    program = (
        "import sys\n"
        "from flows.cli import main\n"
        "sys.argv = ['tailor', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "finally:\n    print([m for m in sys.modules if '.' not in m], file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=python_environment,
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = result.stderr
    assert "'typer'" in loaded
    assert [name for name in HEAVY if f"'{name}'" in loaded] == []


def test_importing_the_library_and_a_flow_loads_no_model_library(python_environment: dict[str, str]) -> None:
    program = "import sys, tailor_core, flows.pipeline; print([m for m in sys.modules if '.' not in m])"
    result = subprocess.run(
        [sys.executable, "-c", program], env=python_environment, capture_output=True, text=True, check=True
    )
    models = ("torch", "transformers", "trl", "mlflow", "datasets")
    assert "'prefect'" in result.stdout
    assert [name for name in models if f"'{name}'" in result.stdout] == []


def test_the_readmes_own_code_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    said = [value for block in blocks for value in re.findall(r"print\(.*\)  # (.*)", block)]
    for block in blocks:
        exec(block, {})  # our own file
    assert capsys.readouterr().out.split("\n")[:-1] == said != []

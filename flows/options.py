"""Arguments and options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from flows import RECIPES
from tailor_core.config.load import names_in
from tailor_core.errors import InputError


def path_after(flag: str) -> Callable[[str], Path]:
    """Reads what stands after `flag`; InputError where that is empty, which pathlib takes for the current directory."""

    def read(text: str) -> Path:
        if not text:
            raise InputError(f"{flag} is empty, but must be a path; give one, or leave it out")
        return Path(text)

    return read


RecipeName = Annotated[str, typer.Argument(help=f"one of {', '.join(names_in(RECIPES))}, or a .toml file")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="override a value of the recipe; repeatable"),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON lines instead of a table")]
Home = Annotated[
    Path | None,
    typer.Option(
        help="where runs keep their things; default: $TAILOR_HOME, else .tailor here",
        metavar="PATH",
        parser=path_after("--home"),
    ),
]
StoreUrl = Annotated[
    str | None,
    typer.Option(help="artifact store, a directory or URL; default: $TAILOR_STORE, else in the home"),
]

"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import RECIPES
from tailor_core.config.load import names_in

RecipeName = Annotated[str, typer.Argument(help=f"one of {', '.join(names_in(RECIPES))}, or a .toml file")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="override a value of the recipe; repeatable"),
]
Json = Annotated[bool, typer.Option("--json", help="print JSON lines instead of a table")]
Home = Annotated[
    Path | None, typer.Option(help="where runs keep their things; default: $TAILOR_HOME, else .tailor here")
]
StoreUrl = Annotated[
    str | None,
    typer.Option(help="artifact store, a directory or URL; default: $TAILOR_STORE, else in the home"),
]

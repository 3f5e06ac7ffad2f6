"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None, typer.Option(help="where runs keep their things; default: $TAILOR_HOME, else .tailor here")
]
StoreUrl = Annotated[
    str | None,
    typer.Option(help="artifact store, a directory or URL; default: $TAILOR_STORE, else in the home"),
]

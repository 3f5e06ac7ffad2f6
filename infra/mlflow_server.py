"""`mlflow server` in this very process.

MLflow starts its web server as a child and waits for it. A child outlives its parent when that is killed, and keeps
the port: so here the one becomes the other, and who kills the service kills all of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import mlflow.server
from mlflow.cli import cli


def become(command: Sequence[str], *, extra_env: Mapping[str, str], **_: Any) -> NoReturn:
    os.execvpe(command[0], list(command), {**os.environ, **extra_env})


if __name__ == "__main__":
    mlflow.server._exec_cmd = become
    cli()

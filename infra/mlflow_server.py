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


def set_password() -> None:
    """Have the administrator's password be the one that is said: MLflow takes it only when it makes the user."""
    from mlflow.server.auth.config import read_auth_config
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    config, store = read_auth_config(), SqlAlchemyStore()
    store.init_db(config.database_uri)
    name, password = config.admin_username, config.admin_password
    if store.has_user(name) and not store.authenticate_user(name, password):
        store.update_user(name, password=password)


if __name__ == "__main__":
    if "MLFLOW_AUTH_ADMIN_PASSWORD" in os.environ:
        set_password()
    mlflow.server._exec_cmd = become
    cli()

"""MLflow's registry of models: one registered model a recipe, a version for each content, an alias for each product.

A version points into the artifact store: its source is the artifact's address, its tags say stage, key and digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailor_core.errors import InputError
from tailor_core.tracking.datasets import Dataset, ModelVersion

_STAGE, _KEY, _DIGEST, _URI = "tailor.stage", "tailor.key", "tailor.digest", "tailor.uri"
_SQLITE = "sqlite:///"
_REFERENCE = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[\w-]+)|/(?P<version>\d+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredArtifact:
    """The artifact that a version of a registered model points to."""

    stage: str
    key: str
    digest: str


def register_version(
    client: Any, tracking_uri: str, name: str, model: Dataset, manifest: str, run_id: str
) -> ModelVersion:
    """The version of the registered model `name` that has this content, made where there is none.

    Its alias becomes the product. Call it with a lock held: the registry knows no such thing as "unless it is there".
    """
    version = _find_version(client, name, model)
    if version is None:
        source = _source(client, tracking_uri, model, manifest, run_id)
        tags = {_STAGE: model.name, _KEY: model.key, _DIGEST: model.digest, _URI: model.uri}
        made = client.create_model_version(name, source, run_id, tags=tags, await_creation_for=0)
        version = int(made.version)
    client.set_registered_model_alias(name, model.name, str(version))
    return ModelVersion(name=name, version=version)


def find_registered(tracking_uri: str, reference: str) -> RegisteredArtifact:
    """What `models:/name@alias` or `models:/name/version` points to.

    InputError where the reference has another form, or the registry does not know it or cannot be asked.
    """
    parts = _REFERENCE.fullmatch(reference)
    if not parts:
        raise InputError(
            f"REF = {reference!r} must be models:/NAME@ALIAS or models:/NAME/VERSION, such as "
            "models:/kk-tiny@policy"
        )
    if tracking_uri.startswith(_SQLITE) and not Path(tracking_uri.removeprefix(_SQLITE)).exists():
        raise InputError(
            f"REF = {reference!r} is not known: no run has registered a model at {tracking_uri!r} yet"
        )
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri)
        if parts["alias"]:
            found = client.get_model_version_by_alias(parts["name"], parts["alias"])
        else:
            found = client.get_model_version(parts["name"], parts["version"])
    except MlflowException as error:
        why = str(error).splitlines()[0]
        raise InputError(f"REF = {reference!r} is not known to MLflow at {tracking_uri!r}: {why}") from error
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(
            f"MLflow's database {tracking_uri!r} cannot be opened ({why}); where it is damaged, move it away: the next "
            "run makes a new one, and the store still has the models, which `tailor store ls` shows"
        ) from error
    tags = found.tags
    if not {_STAGE, _KEY, _DIGEST} <= tags.keys():
        raise InputError(
            f"REF = {reference!r} is a model that no run of Tailor registered; name one that a run did"
        )
    return RegisteredArtifact(stage=tags[_STAGE], key=tags[_KEY], digest=tags[_DIGEST])


def _find_version(client: Any, name: str, model: Dataset) -> int | None:
    """The newest version with the content of a model; makes the registered model where it is missing."""
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
        return None
    found = client.search_model_versions(f"name = '{name}' and tags.`{_DIGEST}` = '{model.digest}'")
    return max((int(one.version) for one in found if one.tags.get(_STAGE) == model.name), default=None)


def _source(client: Any, tracking_uri: str, model: Dataset, manifest: str, run_id: str) -> str:
    """The artifact's address; a server takes no path of this machine, so there it is the manifest in the run."""
    if not (tracking_uri.startswith("http") and model.uri.startswith("file:")):
        return model.uri
    client.log_text(run_id, manifest, f"{model.name}/manifest.json")
    return f"runs:/{run_id}/{model.name}"

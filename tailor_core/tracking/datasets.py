"""An artifact as trackers see it: a named dataset of a version, or a version of a registered model."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tailor_core.secrets import masked

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One version of a product.

    name: the product; key: of the stage that made it; digest: of its content; uri: where it lies
    rows: in all its tables; columns: of its main table, name -> type
    """

    name: str
    key: str = ""
    digest: str
    uri: str
    rows: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of a registered model."""

    name: str
    version: int


@contextmanager
def never_failing(what: str) -> Iterator[None]:
    """Log what goes wrong inside instead of raising it: tracking must not cost a stage that took hours."""
    try:
        yield
    except Exception as error:
        _log.warning("%s was not recorded: %s: %s", what, type(error).__name__, masked(str(error)))

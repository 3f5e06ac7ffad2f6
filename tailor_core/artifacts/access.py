"""What goes wrong with a filesystem, near or far, as one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tailor_core.errors import ArtifactError


@contextmanager
def reading(url: str) -> Iterator[None]:
    """ArtifactError where the store at `url` cannot be read; that something is not there goes through."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except _failures() as error:
        raise ArtifactError(
            f"the store {url!r} cannot be read ({_said(error)}); mend access to it and run again"
        ) from error


@contextmanager
def writing(url: str) -> Iterator[None]:
    """ArtifactError where the store at `url` cannot be written."""
    try:
        yield
    except _failures() as error:
        raise ArtifactError(
            f"the store {url!r} cannot be written ({_said(error)}); free space or mend its permissions "
            "and run again"
        ) from error


def _failures() -> tuple[type[BaseException], ...]:
    """What a filesystem raises: OSError, and from S3 without credentials or network an error of botocore."""
    module = sys.modules.get("botocore.exceptions")
    return (OSError, module.BotoCoreError) if module else (OSError,)


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)

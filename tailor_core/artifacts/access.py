"""What goes wrong with a filesystem, near or far, as one sentence."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tailor_core.errors import ArtifactError

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
_RUST = re.compile(r"\(os error (\d+)\)")
_FULL_BELOW_BYTES = 1 << 20


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


def disk_failure(error: BaseException, directory: Path) -> str:
    """What is wrong with the disk of `directory` if that is why `error` was raised; else empty.

    Libraries in Rust (polars, safetensors) say it in their message, and torch does not say it.
    """
    told = _RUST.search(str(error))
    number = error.errno if isinstance(error, OSError) else int(told.group(1)) if told else None
    if number in _DISK:
        return os.strerror(number)
    try:
        is_full = shutil.disk_usage(directory).free < _FULL_BELOW_BYTES
    except OSError:
        return ""
    return os.strerror(errno.ENOSPC) if is_full else ""


def _failures() -> tuple[type[BaseException], ...]:
    """What a filesystem raises: OSError, and from S3 without credentials or network an error of botocore."""
    module = sys.modules.get("botocore.exceptions")
    return (OSError, module.BotoCoreError) if module else (OSError,)


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)

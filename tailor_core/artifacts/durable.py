"""Having files on the disk before the one that vouches for them: after a power cut it must not stand alone.

A rename may reach the disk before the bytes of the files around it do, and files that were cut off so keep their sizes.
"""

from __future__ import annotations

import os
from pathlib import Path


def flush(directory: Path) -> None:
    """Return once all that is in a directory, and that it is there, is on the disk."""
    for path in directory.rglob("*"):
        if not path.is_symlink():
            _fsync(path)
    _fsync(directory)


def write_last(path: Path, text: str) -> None:
    """Make a file appear, whole, after everything that is in its directory already."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    flush(path.parent)
    partial.replace(path)
    _fsync(path.parent)
    _fsync(path.parent.parent)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What a manifest's text must hold before anything in it is believed: a store may be open to others.

A name of a file that passes leads into the artifact on every system that it may be copied to, and to one file there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tailor_core.artifacts.refs import is_name

_LONGEST_PART, _LONGEST = 255, 1024
"""Bytes of a name on a disk, and of a key in S3."""

_Text64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, lt=2**53)]


def _named(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is no stage and no key")
    return text


_Name = Annotated[str, AfterValidator(_named)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _File(_Strict):
    size: _Count
    sha256: _Text64


class _Place(_Strict):
    stage: _Name
    key: _Name
    digest: str


class _Summary(_Strict):
    rows: dict[str, _Count] = {}


class _Fields(_Place):
    files: dict[str, _File]
    spec: dict[str, Any]
    inputs: dict[str, _Place]
    summary: _Summary
    table_types: dict[str, dict[str, str]]
    producer: dict[str, Any]
    environment: dict[str, Any]
    created: str
    seconds: float


def check_fields(value: Any, manifest: str) -> None:
    """ValueError where the values of a manifest have other types, or a name in it leads out of its place.

    `manifest` is the name of the manifest's own file, which no other may have.
    """
    fields = _Fields.model_validate(value)
    if fault := fault_of_names([*fields.files, manifest]):
        raise ValueError(f"a manifest names the file {fault}")


def fault_of_names(names: Iterable[str]) -> str:
    """The first path that could lead elsewhere than to a file of its own in the artifact, and why; else empty."""
    files: set[str] = set()
    folders: set[str] = set()
    for name in names:
        if fault := _fault(name):
            return f"{name!r}, which {fault}"
        same = unicodedata.normalize("NFC", name).casefold()
        above = {str(folder) for folder in PurePosixPath(same).parents} - {"."}
        if same in files | folders or above & files:
            return (
                f"{name!r}, which is another's as well where case is not told apart, or a folder of another's"
            )
        files.add(same)
        folders |= above
    return ""


def _fault(name: str) -> str:
    parts = name.split("/")
    if {"", ".", ".."} & set(parts) or "\\" in name or ":" in name:
        return "lies outside the artifact"
    if not name.isprintable():  # nor halves of characters, which no disk takes
        return "holds what is no printed character"
    if len(name.encode()) > _LONGEST or max(len(part.encode()) for part in parts) > _LONGEST_PART:
        return "is too long for a disk"
    return ""

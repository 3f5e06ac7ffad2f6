"""The manifest of an artifact: what it holds, what it was made from, and by what. It is written last.

A directory without a readable manifest is no artifact. The digest is of the content alone: the host, the time
and the recipe's name are in the manifest, but not in the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from tailor_core.artifacts.refs import ArtifactRef, artifact_uri
from tailor_core.artifacts.untrusted import check_fields
from tailor_core.records import canonical_json

MANIFEST = "manifest.json"
FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All that is known of one artifact.

    files:       path in the artifact -> {"size": bytes, "sha256": hex}
    digest:      sha256 of the sorted (path, sha256) pairs
    spec:        what the stage key is the hash of (configuration, input digests, code, libraries, seed)
    inputs:      input name -> {"stage", "key", "digest"} of the artifact that was used
    summary:     what the stage reports: rows, funnel, metrics
    table_types: table -> column -> type
    producer:    the version of Tailor, the recipe and the stage function
    environment: interpreter, machine and process that made it
    created:     UTC time in ISO 8601; seconds: how long the stage ran
    """

    stage: str
    key: str
    digest: str
    files: Mapping[str, Mapping[str, Any]]
    spec: Mapping[str, Any]
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    table_types: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    producer: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""
    seconds: float = 0.0
    format: int = FORMAT

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(int(entry["size"]) for entry in self.files.values())

    @property
    def rows(self) -> int:
        """Rows of all tables together, as the stage reported them."""
        return sum(int(count) for count in self.summary.get("rows", {}).values())

    @property
    def ref(self) -> ArtifactRef:
        uri = artifact_uri(self.stage, self.key)
        return ArtifactRef(stage=self.stage, key=self.key, digest=self.digest, uri=uri)

    def to_text(self) -> str:
        value = json.loads(canonical_json(asdict(self)))
        value["checksum"] = _checksum(value)
        return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_text(cls, text: str | bytes) -> Self:
        """The manifest that `to_text` wrote; ValueError where it is torn, damaged or of another format."""
        try:
            value = json.loads(text)
            checksum = _checksum({name: one for name, one in value.items() if name != "checksum"})
        except (AttributeError, RecursionError) as error:
            raise ValueError(f"not a manifest: {error}") from None
        if value.get("format") != FORMAT:
            raise ValueError(f"not a manifest of format {FORMAT}")
        if value.pop("checksum", None) != checksum:
            raise ValueError("a manifest has other content than was written")
        check_fields(value, MANIFEST)
        try:
            manifest = cls(**value)
        except TypeError as error:
            raise ValueError(f"a manifest has a field too many: {error}") from None
        if manifest.digest != content_digest({p: f["sha256"] for p, f in manifest.files.items()}):
            raise ValueError("the digest does not follow from the files that the manifest lists")
        return manifest


def _checksum(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def content_digest(files: Mapping[str, str]) -> str:
    """The digest of an artifact: sha256 of its sorted (path, sha256) pairs."""
    return hashlib.sha256(canonical_json(sorted(files.items())).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """The sha256 of a local file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def list_files(directory: Path) -> dict[str, Path]:
    """Path in the artifact (with forward slashes) -> file, sorted; the manifest itself is left out."""
    found = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    return {name: found[name] for name in sorted(found) if name != MANIFEST}


def describe_files(directory: Path) -> dict[str, dict[str, Any]]:
    """`Manifest.files` of a local directory."""
    return {
        name: {"size": path.stat().st_size, "sha256": file_sha256(path)}
        for name, path in list_files(directory).items()
    }


def describe_tables(directory: Path) -> dict[str, dict[str, str]]:
    """`Manifest.table_types` of a local directory."""
    from tailor_core.artifacts.tables import (
        table_schema,  # with polars, which who reads manifests can do without
    )

    return {
        name: table_schema(path) for name, path in list_files(directory).items() if path.suffix == ".parquet"
    }

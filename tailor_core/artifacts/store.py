"""The artifact store: immutable directories under one URL, and the only door to fsspec.

Layout, relative to the URL: `<stage>/<key>/` holds the files and `manifest.json`; `.tmp/` holds what is being
written, `.quarantine/` what failed verification. On a local disk an artifact appears by one rename; elsewhere
its manifest is uploaded last. Either way a reader sees a whole artifact or none.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from tailor_core.artifacts.manifest import MANIFEST, Manifest, list_files
from tailor_core.artifacts.refs import ArtifactRef, artifact_uri
from tailor_core.errors import ArtifactError

TEMPORARY, QUARANTINE = ".tmp", ".quarantine"


class Store:
    """Artifacts under a local path or an fsspec URL (`file://`, `memory://`, `s3://`, ...)."""

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        try:
            filesystem, root = url_to_fs(str(url))
        except (ImportError, ValueError) as error:
            raise ArtifactError(
                f"store = {self.url!r} cannot be opened ({error}); give a directory or an fsspec URL such as "
                "file:///data/store or s3://bucket/store (extra s3)"
            ) from error
        self._fs: fsspec.AbstractFileSystem = filesystem
        self._root: str = str(root).rstrip("/")
        self.directory: Path | None = (
            Path(self._root).absolute() if isinstance(filesystem, LocalFileSystem) else None
        )

    def uri(self, ref: ArtifactRef) -> str:
        """The full address of an artifact."""
        return str(self._fs.unstrip_protocol(self._at(ref.uri)))

    def find(self, stage: str, key: str) -> Manifest | None:
        """The manifest of an artifact; None where there is none, or it is torn."""
        try:
            text = self._fs.cat_file(self._at(artifact_uri(stage, key), MANIFEST))
            manifest = Manifest.from_text(text)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            raise ArtifactError(
                f"the store {self.url!r} cannot be read ({error}); mend access to it and run again"
            ) from error
        return manifest if (manifest.stage, manifest.key) == (stage, key) else None

    def damage(self, manifest: Manifest, *, deep: bool = True) -> str:
        """Empty where every file is as the manifest says, else what is wrong with the first that is not.

        Sizes are compared, and with `deep` the bytes as well.
        """
        for name, expected in manifest.files.items():
            path = self._at(manifest.ref.uri, name)
            try:
                size = self._fs.size(path)
                if size != expected["size"]:
                    return f"{name} has {size} bytes instead of {expected['size']}"
                if deep and self._sha256(path) != expected["sha256"]:
                    return f"{name} has other bytes than were written"
            except FileNotFoundError:
                return f"{name} is missing"
            except OSError as error:
                return f"{name} cannot be read ({error.strerror or error})"
        return ""

    def manifests(self, stage: str) -> Iterator[Manifest]:
        """The manifests of all artifacts of a stage, in order of key."""
        try:
            found = self._fs.ls(self._at(stage), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        for path in sorted(found):
            if manifest := self.find(stage, str(path).rstrip("/").rpartition("/")[2]):
                yield manifest

    def staging(self, stage: str, key: str, fallback: Path) -> Path:
        """A new empty directory to write an artifact in: in the store where that is local, else `fallback`.

        What earlier attempts at the same key left behind is removed: call it with the key's lock held.
        """
        parent = (self.directory / TEMPORARY) if self.directory else fallback
        try:
            for stale in parent.glob(f"{stage}-{key}-*"):
                shutil.rmtree(stale)
            path = parent / f"{stage}-{key}-{uuid.uuid4().hex[:8]}"
            path.mkdir(parents=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return path

    def commit(self, directory: Path, manifest: Manifest) -> Manifest:
        """Make the files in a staging directory the artifact of `manifest`, and return it.

        What stood in its place before is quarantined. ArtifactError where the store cannot be written; then
        the artifact does not exist.
        """
        self.quarantine(manifest.stage, manifest.key)
        try:
            if self.directory:
                _write_durably(directory / MANIFEST, manifest.to_text())
                target = self.directory / manifest.ref.uri
                target.parent.mkdir(parents=True, exist_ok=True)
                directory.rename(target)
            else:
                self._upload(directory, manifest)
        except OSError as error:
            raise self._unwritable(error) from error
        return manifest

    def quarantine(self, stage: str, key: str) -> str:
        """Move whatever lies at an artifact's place aside; the new place, or empty where nothing was."""
        source = self._at(artifact_uri(stage, key))
        try:
            if not self._fs.exists(source):
                return ""
            target = self._at(QUARANTINE, f"{stage}-{key}-{uuid.uuid4().hex[:8]}")
            self._fs.makedirs(self._at(QUARANTINE), exist_ok=True)
            if self.directory:
                os.rename(source, target)  # noqa: PTH104  # one step, where fsspec would copy
            else:
                self._fs.mv(source, target, recursive=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return target

    def local(self, ref: ArtifactRef, cache: Path) -> Path:
        """A local directory with the artifact's files: a copy in `cache` where the store is not local.

        ArtifactError where the artifact is missing or not the one that `ref` names.
        """
        manifest = self.find(ref.stage, ref.key)
        if manifest is None or manifest.digest != ref.digest:
            state = "is missing" if manifest is None else "holds other content"
            raise ArtifactError(
                f"the {ref.stage!r} artifact {ref.key[:12]} {state} in the store {self.url!r}; "
                "run again to remake it"
            )
        if self.directory:
            return self.directory / ref.uri
        target = cache / ref.stage / f"{ref.key}-{ref.digest[:16]}"
        if not target.exists():
            partial = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}")
            self._download(manifest, partial)
            try:
                partial.rename(target)
            except OSError:  # another process was faster
                shutil.rmtree(partial)
        return target

    def _at(self, *parts: str) -> str:
        return "/".join([self._root, *parts])

    def _sha256(self, path: str) -> str:
        digest = hashlib.sha256()
        with self._fs.open(path, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def _upload(self, directory: Path, manifest: Manifest) -> None:
        for name, path in list_files(directory).items():
            target = self._at(manifest.ref.uri, name)
            self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(path), target)
        self._fs.pipe_file(self._at(manifest.ref.uri, MANIFEST), manifest.to_text().encode())
        shutil.rmtree(directory)

    def _download(self, manifest: Manifest, target: Path) -> None:
        target.mkdir(parents=True)
        for name in manifest.files:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fs.get_file(self._at(manifest.ref.uri, name), str(path))
        (target / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")

    def _unwritable(self, error: Any) -> ArtifactError:
        return ArtifactError(
            f"the store {self.url!r} cannot be written ({error.strerror or error}); free space or mend its "
            "permissions and run again"
        )


def _write_durably(path: Path, text: str) -> None:
    """Write a file and have it on the disk before going on: it vouches for the others."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())

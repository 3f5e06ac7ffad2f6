"""The artifact store: immutable directories under one URL, and the only door to fsspec.

Layout, relative to the URL: `<stage>/<key>/` holds the files and `manifest.json`; `.tmp/` holds what is being
written, `.quarantine/` what failed verification. On a local disk an artifact appears by one rename. Elsewhere its
files go to `<stage>/<key>/<content digest>/`, where no other content can overwrite them, and its manifest is put last
and only where there is none. Either way a reader sees a whole artifact or none, and of two writers the first counts.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from tailor_core.artifacts.access import reading, writing
from tailor_core.artifacts.durable import write_last
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.manifest import MANIFEST, Manifest, describe_files, list_files
from tailor_core.artifacts.refs import ArtifactRef, artifact_uri, is_name
from tailor_core.config.settings import refuse_password
from tailor_core.errors import ArtifactError

TEMPORARY, QUARANTINE, LOCKS = ".tmp", ".quarantine", ".locks"

_TRIES = 3
"""How often a commit looks again after another writer, or a damaged artifact, was in its place."""


def key_lock(stage: str, key: str, locks: Path) -> Path:
    """The lock file of a key in a directory of locks: that of a home, or that of a local store."""
    return locks / f"{artifact_uri(stage, key).replace('/', '-')}.lock"


class Store:
    """Artifacts under a local path or an fsspec URL (`file://`, `memory://`, `s3://`, ...).

    All methods raise ArtifactError, one sentence, where the store cannot be read or written, and where a stage
    or key is no plain name.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        refuse_password(self.url)
        try:
            # A listing that is cached would hide what other processes wrote.
            filesystem, root = url_to_fs(self.url, use_listings_cache=False)
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
        if self.directory and self.directory.is_file():
            raise ArtifactError(
                f"store = {self.url!r} is a file; name a directory, which need not be there yet, or an fsspec URL"
            )

    def own(self, name: str) -> Path:
        """One of the directories beside the artifacts (TEMPORARY, LOCKS) of a local store."""
        assert self.directory, "only a local store has any"
        return Path(self._at(name))

    def uri(self, ref: ArtifactRef) -> str:
        """The full address of an artifact."""
        return str(self._fs.unstrip_protocol(self._at(ref.uri)))

    def lock_file(self, stage: str, key: str, fallback: Path) -> Path:
        """What a writer of this key locks: a file in the store where that is local, else in `fallback`."""
        return key_lock(stage, key, self.own(LOCKS) if self.directory else fallback)

    def maker_locks(self, stage: str, key: str, locks: Path) -> tuple[Path, ...]:
        """What one who makes this key with a workdir locks, in this order: the workdir, and the key in the store.

        `locks` is the directory of locks of the home that has the workdir; both are one file where the store is not
        local.
        """
        both = key_lock(stage, key, locks), self.lock_file(stage, key, locks)
        return tuple(dict.fromkeys(both))

    def find(self, stage: str, key: str) -> Manifest | None:
        """The manifest of an artifact; None where there is none, or it is torn."""
        try:
            text = b""  # of what is a directory
            with reading(self.url), suppress(IsADirectoryError):
                text = self._fs.cat_file(self._at(artifact_uri(stage, key), MANIFEST))
            manifest = Manifest.from_text(text)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        return manifest if (manifest.stage, manifest.key) == (stage, key) else None

    def damage(self, manifest: Manifest, *, deep: bool = True) -> str:
        """Empty where every file is as the manifest says, else what is wrong with the first that is not.

        Sizes are compared, and with `deep` the bytes as well. In a local store nothing else may be there, for who loads
        a model takes the whole directory: no further file, hidden ones aside, and no link, which may lead anywhere.
        """
        if self.directory and (foreign := _foreign(self.directory / manifest.ref.uri, manifest)):
            return foreign
        for name, expected in manifest.files.items():
            path = self._file(manifest, name)
            try:
                with reading(self.url):
                    size = self._fs.size(path)
                    if size != expected["size"]:
                        return f"{name} has {size} bytes instead of {expected['size']}"
                    if deep and self._sha256(path) != expected["sha256"]:
                        return f"{name} has other bytes than were written"
            except (FileNotFoundError, NotADirectoryError):
                return f"{name} is missing"
            except ArtifactError:
                if self.directory is None:  # a network that fails says nothing about the bytes
                    raise
                return f"{name} cannot be read"
        return ""

    def stages(self) -> list[str]:
        """The stages that have anything in the store, in order."""
        return self._directories("")

    def keys(self, stage: str) -> list[str]:
        """What lies at a stage, in order: artifacts, and what is damaged or not whole yet."""
        return self._directories(stage)

    def manifests(self, stage: str | None = None) -> Iterator[Manifest]:
        """The manifests of all artifacts, or those of a stage, in order of stage and key."""
        for one in self.stages() if stage is None else [stage]:
            for key in self.keys(one):
                if manifest := self.find(one, key):
                    yield manifest

    def match(self, stage: str, prefix: str) -> Manifest:
        """The one artifact of a stage whose key begins with `prefix`; ArtifactError where there is not one."""
        where = f"artifact = {f'{stage}/{prefix}'!r}"
        keys = [key for key in self.keys(stage) if key.startswith(prefix)]
        found = [manifest for key in keys if (manifest := self.find(stage, key))]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(manifest.key[:16] for manifest in found[:3])
            raise ArtifactError(
                f"{where} matches {len(found)} artifacts ({shown}{', ...' if len(found) > 3 else ''}); "
                "give more of the key"
            )
        raise ArtifactError(
            f"{where} matches no artifact in the store {self.url!r}; give STAGE/KEY-PREFIX as `tailor store ls` "
            "shows them"
        )

    def staging(self, stage: str, key: str, fallback: Path) -> Path:
        """A new empty directory to write an artifact in: in the store where that is local, else `fallback`.

        What earlier attempts at the same key left behind is removed: call it with the key's lock held.
        """
        name = artifact_uri(stage, key).replace("/", "-")
        parent = self.own(TEMPORARY) if self.directory else fallback
        with writing(self.url):
            for stale in parent.glob(f"{name}-*"):
                shutil.rmtree(stale)
            path = parent / f"{name}-{uuid.uuid4().hex[:8]}"
            path.mkdir(parents=True)
        return path

    def commit(self, directory: Path, manifest: Manifest, *, replaces: str = "") -> Manifest:
        """Make the files in a staging directory the artifact of `manifest`; the manifest that then counts.

        That is another's where an intact artifact stands there already, unless it has the content digest `replaces`
        and the new one has not. What is replaced or damaged is quarantined.
        ArtifactError where the store cannot be written; then the artifact does not exist.
        """
        for _ in range(_TRIES):
            standing = self.find(manifest.stage, manifest.key)
            gives_way = standing is not None and standing.digest == replaces != manifest.digest
            if standing and not gives_way and not self.damage(standing):
                shutil.rmtree(directory, ignore_errors=True)
                return standing
            if self.directory or self.has_manifest(manifest.stage, manifest.key):
                self.quarantine(manifest.stage, manifest.key)
            try:
                with writing(self.url):
                    self._publish(directory, manifest)
            except ArtifactError:
                if not self.has_manifest(manifest.stage, manifest.key):
                    raise
            else:
                return manifest
        raise ArtifactError(
            f"the {manifest.stage!r} artifact {manifest.key[:12]} cannot be put in its place: others write to it in "
            f"the store {self.url!r}; end them and run again"
        )

    def has_manifest(self, stage: str, key: str) -> bool:
        """Whether there is a manifest, be it torn: without one nothing was committed."""
        with reading(self.url):
            return bool(self._fs.exists(self._at(artifact_uri(stage, key), MANIFEST)))

    def quarantine(self, stage: str, key: str) -> str:
        """Move whatever lies at an artifact's place aside; the new place, or empty where nothing was."""
        source = self._at(artifact_uri(stage, key))
        target = self._at(QUARANTINE, f"{stage}-{key}-{uuid.uuid4().hex[:8]}")
        with writing(self.url):
            if not self._fs.exists(source):
                return ""
            if self.directory:
                self._fs.makedirs(self._at(QUARANTINE), exist_ok=True)
                os.rename(source, target)  # noqa: PTH104  # one step, where fsspec would copy
                return target
            for path in (found := self._fs.find(source)):
                self._fs.cp_file(path, target + path[len(source) :])
            self._remove(found)
        return target

    def quarantined(self) -> dict[str, int]:
        """What lies in quarantine -> its bytes."""
        sizes: dict[str, int] = {}
        for path, size in self.objects(QUARANTINE).items():
            name = path.split("/")[1]
            sizes[name] = sizes.get(name, 0) + size
        return sizes

    def delete(self, stage: str, key: str) -> None:
        """Delete an artifact: its manifest first, so that no reader finds half. Call it with the lock held."""
        place = self._at(artifact_uri(stage, key))
        with writing(self.url):
            if not self.directory:
                self._remove(self._fs.find(place))
            elif Path(place).exists():
                doomed = self.staging(stage, key, Path()) / "deleted"
                Path(place).rename(doomed)
                shutil.rmtree(doomed.parent)

    def files(self, manifest: Manifest) -> set[str]:
        """Where the files of an artifact lie, relative to the store."""
        return {self._file(manifest, name)[len(self._root) + 1 :] for name in manifest.files}

    def objects(self, under: str = "") -> dict[str, int]:
        """Path in the store -> bytes, of every file below a path of the store."""
        with reading(self.url):
            found = self._fs.find(self._at(under), detail=True)
        return {path[len(self._root) + 1 :]: int(entry["size"]) for path, entry in sorted(found.items())}

    def changed(self, path: str) -> float:
        """When a file of the store was written, in seconds since the epoch."""
        with reading(self.url):
            return float(self._fs.modified(self._at(path)).timestamp())

    def arrived(self, stage: str, key: str) -> float:
        """When an artifact came to this store, made here or copied, in seconds since the epoch; 0 where it is gone."""
        try:
            return self.changed(f"{artifact_uri(stage, key)}/{MANIFEST}")
        except FileNotFoundError:
            return 0.0

    def remove(self, paths: Iterable[str]) -> None:
        """Delete what lies at these paths of the store: whole directories where it is local, else files."""
        with writing(self.url):
            if self.directory is None:
                self._remove([self._at(path) for path in paths])
                return
            for path in paths:
                shutil.rmtree(self._at(path))

    def local(self, ref: ArtifactRef, cache: Path) -> Path:
        """A local directory with the artifact's files: a copy in `cache`, checked, where the store is not local.

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
            return Path(self._at(manifest.ref.uri))
        target = cache / ref.stage / f"{ref.key}-{ref.digest[:16]}"
        with held(target.with_name(f"{target.name}.lock"), f"the copy of {ref.stage} {ref.key[:12]}"):
            if not target.exists() or describe_files(target) != manifest.files:
                partial = target.with_name(f"{target.name}.partial")
                for stale in (partial, target):
                    shutil.rmtree(stale, ignore_errors=True)
                try:
                    self.fetch(manifest, partial)
                    (partial / MANIFEST).write_text(manifest.to_text(), encoding="utf-8")
                    partial.rename(target)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
            os.utime(target)  # it is in use: garbage collection removes what is not
        return target

    def fetch(self, manifest: Manifest, directory: Path, only: Collection[str] | None = None) -> None:
        """Copy an artifact's files, or `only` some, into a new local directory.

        ArtifactError where they are not as they were.
        """
        wanted = {name: file for name, file in manifest.files.items() if only is None or name in only}
        with reading(self.url), suppress(FileNotFoundError):
            for name in wanted:
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(self._file(manifest, name), str(path))
        if describe_files(directory) != wanted:
            raise ArtifactError(
                f"the {manifest.stage!r} artifact {manifest.key[:12]} of the store {self.url!r} is damaged; run "
                f"`tailor store verify --deep {manifest.stage}/{manifest.key[:12]}` on that store and make it again"
            )

    def _at(self, *parts: str) -> str:
        """A path in the store. ArtifactError where a link on the way may lead out of it, save the store itself."""
        path = "/".join([self._root, *filter(None, parts)])
        if self.directory:
            within = path[len(self._root) + 1 :].split("/")
            for depth in range(1, len(within) + 1):
                if (step := self.directory.joinpath(*within[:depth])).is_symlink():
                    raise ArtifactError(
                        f"{str(step)!r} in the store {self.url!r} is a link, and may lead anywhere; remove it, and put "
                        "what it leads to in its place"
                    )
        return path

    def _file(self, manifest: Manifest, name: str) -> str:
        """Where a file of an artifact lies."""
        within = [] if self.directory else [manifest.digest[:16]]
        return self._at(artifact_uri(manifest.stage, manifest.key), *within, name)

    def _directories(self, path: str) -> list[str]:
        if path:
            artifact_uri(path, "0")
        try:
            with reading(self.url):
                entries = self._fs.ls(self._at(path), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = (e["name"].rstrip("/").rpartition("/")[2] for e in entries if e["type"] == "directory")
        return sorted(name for name in names if is_name(name))

    def _sha256(self, path: str) -> str:
        digest = hashlib.sha256()
        with self._fs.open(path, "rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def _publish(self, directory: Path, manifest: Manifest) -> None:
        if self.directory:
            write_last(directory / MANIFEST, manifest.to_text())
            target = Path(self._at(manifest.ref.uri))
            target.parent.mkdir(parents=True, exist_ok=True)
            directory.rename(target)
            return
        for name, path in list_files(directory).items():
            target_file = self._file(manifest, name)
            if "s3" not in self._fs.protocol:  # S3 has no directories, and this would make a missing bucket
                self._fs.makedirs(target_file.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(path), target_file)
        place, text = self._at(manifest.ref.uri, MANIFEST), manifest.to_text().encode()
        try:
            self._fs.pipe_file(place, text, mode="create")
        except OSError as error:
            if error.errno != errno.ENOSYS:  # some services that speak S3 know no conditional put
                raise
            self._fs.pipe_file(place, text)
        shutil.rmtree(directory)

    def _remove(self, paths: Iterable[str]) -> None:
        """Delete files, manifests first: what is deleted halfway does not exist."""
        for path in sorted(paths, key=lambda path: (not path.endswith(f"/{MANIFEST}"), path)):
            self._fs.rm_file(path)


def _foreign(directory: Path, manifest: Manifest) -> str:
    """What is in the directory of an artifact, and in its manifest not; empty where nothing is."""
    with suppress(FileNotFoundError):  # what goes away meanwhile is missing, and who reads the files says so
        for path in sorted(directory.rglob("*")):
            name = path.relative_to(directory).as_posix()
            if path.is_symlink():
                return f"{name!r} is a link"
            if path.is_file() and name not in (MANIFEST, *manifest.files) and not path.name.startswith("."):
                return f"{name!r} is not of it"
    return ""

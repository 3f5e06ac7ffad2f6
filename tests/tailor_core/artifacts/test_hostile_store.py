"""A store that anybody can write to: nothing outside it is read, written or deleted, and nothing in it is run."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_store import make_store

from tailor_core.artifacts.gc import delete_garbage, find_garbage
from tailor_core.artifacts.leftovers import remove_leftovers
from tailor_core.artifacts.locks import held
from tailor_core.artifacts.manifest import MANIFEST, Manifest, content_digest, describe_files
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.transfer import transfer
from tailor_core.artifacts.untrusted import fault_of_names
from tailor_core.artifacts.verify import verify
from tailor_core.config.settings import Settings
from tailor_core.errors import ArtifactError, InputError, TailorError
from tailor_core.lineage.merge import merge
from tailor_core.records import canonical_json
from tailor_core.stages.runs import RunRecord, read_records

KEY = "ab" * 32
LONG_AGO = "2020-01-01T00:00:00+00:00"


def manifest_of(files: Mapping[str, bytes], **changed: Any) -> Manifest:
    """A manifest in good order: its digest and checksum are as they should be, whatever it says."""
    described = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    try:
        digest = content_digest({name: entry["sha256"] for name, entry in described.items()})
    except UnicodeEncodeError:
        digest = "0" * 64
    return replace(
        Manifest(stage="problems", key=KEY, digest=digest, files=described, spec={}, created=LONG_AGO),
        **changed,
    )


def plant(store: Store, manifest: Manifest, **changed: Any) -> None:
    """Put a manifest in its place in a local store."""
    assert store.directory
    place = store.directory / "problems" / KEY
    place.mkdir(parents=True, exist_ok=True)
    value = json.loads(manifest.to_text()) | changed
    del value["checksum"]
    text = canonical_json(value).encode("utf-8", "surrogatepass")
    value["checksum"] = hashlib.sha256(text).hexdigest()
    (place / MANIFEST).write_text(json.dumps(value))


HOSTILE = [
    "/etc/passwd",
    "../../outside.txt",
    "a/../../../outside.txt",
    "./a",
    "a//b",
    "",
    ".",
    "..",
    "a\\..\\..\\outside.txt",
    "C:/outside.txt",
    "file:///etc/passwd",
    "s3://bucket/key",
    "a\0b",
    "a\nb",
    "a\x1b[2Jb",
    "\ud800",
    "a\u202etxt.exe",
    "x" * 256,
    "/".join(["xxxxxxxxx"] * 110),
    MANIFEST,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_manifest_that_names_a_file_elsewhere_is_none(name: str, store: Store, settings: Settings) -> None:
    (settings.home / "outside.txt").write_bytes(b"mine")
    plant(store, manifest_of({name: b"mine"}))
    assert store.find("problems", KEY) is None
    assert list(store.manifests()) == []
    assert find_garbage(store, []).artifacts == ()
    [found] = verify(store, settings.locks, deep=True)
    assert found.damage == "its manifest is damaged"
    assert (settings.home / "outside.txt").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "names", [["a", "A"], ["a", "a/b"], ["a/b", "A"], ["caf\u00e9", "cafe\u0301"], ["x", "MANIFEST.json"]]
)
def test_names_of_which_a_disk_could_keep_only_one_are_refused(names: list[str]) -> None:
    assert fault_of_names([*names, MANIFEST])
    assert fault_of_names([*reversed(names), MANIFEST])
    assert not fault_of_names([names[0], MANIFEST])


@given(st.lists(st.text(max_size=12) | st.sampled_from([*HOSTILE, "a", "a/b", "b.parquet"]), max_size=6))
def test_names_that_pass_lead_to_files_of_their_own_within_the_artifact(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    if fault_of_names([*names, MANIFEST]):
        return
    root = tmp_path_factory.mktemp("artifact")
    try:
        for number, name in enumerate(names):
            path = root / name
            assert path.resolve().is_relative_to(root.resolve())
            assert path.resolve() != root.resolve()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes([number]))
        assert [(root / name).read_bytes() for name in names] == [bytes([n]) for n in range(len(names))]
        assert sorted(describe_files(root)) == sorted(names)
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize(
    "changed",
    [
        {"files": {"a": {"size": -1, "sha256": "0" * 64}}},
        {"files": {"a": {"size": 10**30, "sha256": "0" * 64}}},
        {"files": {"a": {"size": "3", "sha256": "0" * 64}}},
        {"files": {"a": {"size": True, "sha256": "0" * 64}}},
        {"files": {"a": {"size": 1, "sha256": "../../x"}}},
        {"files": ["a"]},
        {"inputs": {"problems": "problems"}},
        {"inputs": {"problems": {"stage": "..", "key": "..", "digest": "0" * 64}}},
        {"inputs": {"problems": {"stage": "a/b", "key": KEY, "digest": "0" * 64}}},
        {"summary": {"rows": {"problems": "many"}}},
        {"summary": {"rows": 3}},
        {"summary": []},
        {"producer": []},
        {"table_types": {"a": 3}},
        {"created": 3},
        {"seconds": "long"},
        {"another": 1},
    ],
    ids=lambda changed: canonical_json(changed)[:40],
)
def test_a_manifest_whose_values_have_other_types_is_none(changed: dict[str, Any], store: Store) -> None:
    manifest = manifest_of({"a": b"mine"})
    plant(store, manifest)
    assert store.find("problems", KEY) == manifest
    plant(store, manifest, **changed)
    if "files" in changed and isinstance(changed["files"], dict):
        digests = {name: entry["sha256"] for name, entry in changed["files"].items()}
        plant(store, manifest, **changed, digest=content_digest(digests))
    assert store.find("problems", KEY) is None


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, '{"format": 2, "checksum": 1e999}']
)
def test_a_manifest_that_no_reader_takes_is_none(text: str, store: Store) -> None:
    plant(store, manifest_of({"a": b""}))
    assert store.directory
    (store.directory / "problems" / KEY / MANIFEST).write_text(text)
    assert store.find("problems", KEY) is None


def test_what_a_manifest_says_of_time_and_origin_cannot_keep_the_catalog_from_being_made(
    finished: Settings, store: Store
) -> None:
    hostile = "'); drop table artifacts; --"
    plant(
        store,
        manifest_of({hostile: b"", 'x" or 1=1': b"x"}),
        created="2026-W01-1",
        producer={"recipe": hostile, "function": hostile},
        table_types={hostile: {hostile: hostile}},
    )
    before = merge(finished, store, fresh=True)
    assert before.artifacts == 11
    assert merge(finished, store, fresh=False).artifacts == 11


def outside_of(settings: Settings) -> Path:
    """A directory of somebody else's that looks like an artifact."""
    directory = settings.home / "outside" / KEY
    directory.mkdir(parents=True)
    (directory / "mine.txt").write_bytes(b"mine")
    (directory / MANIFEST).write_text(manifest_of({"mine.txt": b"mine"}).to_text())
    return directory


@pytest.mark.parametrize("linked", ["the stage", "the artifact"])
def test_what_a_link_in_the_place_of_an_artifact_leads_to_is_not_touched(
    linked: str, store: Store, settings: Settings
) -> None:
    outside = outside_of(settings)
    assert store.directory
    place = store.directory / "problems" / (KEY if linked == "the artifact" else "")
    place.parent.mkdir(parents=True)
    place.symlink_to(outside if linked == "the artifact" else outside.parent)
    manifest = Manifest.from_text((outside / MANIFEST).read_text())

    delete_garbage(store, find_garbage(store, []), settings.locks)
    list(verify(store, settings.locks, deep=True))
    for attempt in (
        lambda: store.find("problems", KEY),
        lambda: store.local(manifest.ref, settings.cache),
        lambda: store.delete("problems", KEY),
        lambda: store.quarantine("problems", KEY),
        lambda: store.commit(outside, manifest),
        lambda: store.remove([f"problems/{KEY}"]),
    ):
        with pytest.raises(ArtifactError, match=r"is a link, and may lead anywhere; remove it"):
            attempt()
    assert sorted(path.name for path in outside.iterdir()) == [MANIFEST, "mine.txt"]


@pytest.mark.parametrize("name", [".tmp", ".quarantine", ".locks"])
def test_what_a_link_in_the_place_of_a_store_s_own_directory_leads_to_is_not_touched(
    name: str, store: Store, settings: Settings
) -> None:
    outside = settings.home / "outside"
    (outside / f"problems-{KEY}-1").mkdir(parents=True)
    (outside / "another.lock").touch()
    os.utime(outside / f"problems-{KEY}-1", (0, 0))
    plant(store, manifest_of({"a": b"mine"}))
    assert store.directory
    (store.directory / name).symlink_to(outside)
    for attempt in (
        lambda: delete_garbage(store, find_garbage(store, []), settings.locks),
        lambda: list(remove_leftovers(store, settings.work, settings.locks)),
        lambda: store.staging("problems", KEY, settings.work),
        lambda: store.quarantine("problems", KEY),
    ):
        with suppress(ArtifactError):
            attempt()
    assert sorted(path.name for path in outside.iterdir()) == ["another.lock", f"problems-{KEY}-1"]


def test_a_link_among_what_writers_left_behind_is_left_alone(store: Store, settings: Settings) -> None:
    outside = outside_of(settings)
    os.utime(outside, (0, 0))
    for temporary in (store.own(".tmp"), settings.work / "staging"):
        temporary.mkdir(parents=True)
        (temporary / f"problems-{KEY}-1").symlink_to(outside)
    delete_garbage(store, find_garbage(store, []), settings.locks)
    assert not [
        path for path in remove_leftovers(store, settings.work, settings.locks) if path.suffix != ".lock"
    ]
    assert sorted(path.name for path in outside.iterdir()) == [MANIFEST, "mine.txt"]


def test_links_and_further_files_in_an_artifact_are_damage_and_are_not_copied(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    made = make_store(store, tmp_path / "made")["warm_start"]
    assert store.directory
    directory = store.directory / made.ref.uri
    assert store.damage(made) == ""
    (directory / ".DS_Store").write_bytes(b"of a file manager")
    assert store.damage(made) == ""
    (directory / "pytorch_model.bin").write_bytes(b"a pickle")
    assert store.damage(made, deep=False) == "'pytorch_model.bin' is not of it"
    (directory / "pytorch_model.bin").unlink()
    secret = tmp_path / "secret"
    secret.write_bytes((directory / "config.json").read_bytes())
    (directory / "config.json").unlink()
    (directory / "config.json").symlink_to(secret)
    assert store.damage(made, deep=False) == "'config.json' is a link"


def test_a_table_that_a_link_leads_to_is_not_read_into_the_catalog(finished: Settings, store: Store) -> None:
    [manifest] = store.manifests("problems")
    assert store.directory
    table = store.directory / manifest.ref.uri / "problems.parquet"
    table.rename(finished.home / "private.parquet")
    table.symlink_to(finished.home / "private.parquet")
    [reason] = merge(finished, store, fresh=True).left_out
    assert "'problems.parquet' is a link" in reason


def test_a_hostile_store_writes_nothing_outside_the_one_it_is_copied_to(
    any_store: Store, store: Store, settings: Settings, tmp_path: Path
) -> None:
    """What a manifest names is refused when it is read, so a copy never sees it."""
    manifest = manifest_of({"../../../escaped.txt": b"mine"})
    text = manifest.to_text().encode()
    any_store._fs.makedirs(any_store._at(manifest.ref.uri), exist_ok=True)
    any_store._fs.pipe_file(any_store._at(manifest.ref.uri, MANIFEST), text)
    with pytest.raises(ArtifactError, match="matches no artifact"):
        any_store.match("problems", KEY[:8])
    with pytest.raises(ArtifactError, match="is missing"):
        any_store.local(manifest.ref, settings.cache)
    list(transfer(manifest_of({"a": b""}), any_store, store, locks=settings.locks, staging=settings.work))
    assert not list(tmp_path.rglob("escaped.txt"))


def test_references_and_locks_lead_nowhere_else(store: Store, settings: Settings) -> None:
    for stage, key in (("..", KEY), ("problems", "../x"), ("a/b", KEY), ("", KEY), ("problems", "a\0")):
        with pytest.raises(ArtifactError, match="is not allowed"):
            ArtifactRef.from_json({"stage": stage, "key": key, "digest": "d", "uri": f"{stage}/{key}"})
        with pytest.raises(ArtifactError, match="is not allowed"):
            store.lock_file(stage, key, settings.locks)
        with pytest.raises(ArtifactError, match="is not allowed"):
            store.delete(stage, key)


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (open, (str(self.marker), "w"))


def test_pickles_in_the_place_of_every_file_of_a_store_are_never_loaded(
    finished: Settings, store: Store, tmp_path: Path
) -> None:
    """The manifests vouch for them, so that all readers get as far as they can."""
    from tailor_core.artifacts.tables import read_table
    from tailor_core.config.report import ReportConfig
    from tailor_core.exchange.reading import read_problems
    from tailor_core.report.page import build_page

    marker = tmp_path / "unpickled"
    bomb = pickle.dumps(Bomb(marker))
    pickle.loads(bomb).close()
    assert marker.exists(), "it works"
    marker.unlink()

    assert store.directory
    inputs = {}
    for manifest in list(store.manifests()):
        directory = store.directory / manifest.ref.uri
        for name in manifest.files:
            (directory / name).write_bytes(bomb)
        files = describe_files(directory)
        digest = content_digest({name: entry["sha256"] for name, entry in files.items()})
        (directory / MANIFEST).write_text(replace(manifest, files=files, digest=digest).to_text())
        inputs[manifest.stage] = directory
        for table in directory.glob("*.parquet"):
            with pytest.raises(ArtifactError, match="cannot be read"):
                read_table(table)
    assert not any(one.damage for one in verify(store, finished.locks, deep=True))
    assert len(merge(finished, store, fresh=True).left_out) == 7
    page = build_page(inputs, ReportConfig())
    assert "accuracy" in page.missing
    with pytest.raises(TailorError):
        list(read_problems(inputs["problems"] / "problems.parquet", "kk"))
    target = Store(str(tmp_path / "other"))
    for manifest in list(store.manifests("problems")):
        list(transfer(manifest, store, target, locks=finished.locks, staging=finished.work))
    assert not marker.exists()


@pytest.mark.parametrize("split", ["../../escaped", "a/b", "", ".hidden"])
def test_a_split_names_a_file_of_its_export_and_none_elsewhere(split: str, tmp_path: Path) -> None:
    from tailor_core.environments import Wanted, get_environment, read_options
    from tailor_core.exchange.export import export

    wanted = Wanted(
        environment=get_environment("kk"), options=read_options("kk", {}), splits={split: 2}, seed=0
    )
    with pytest.raises(InputError, match="split"):
        export(wanted, "trl", tmp_path / "folder")
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_a_run_cannot_have_files_elsewhere_removed(settings: Settings) -> None:
    precious = settings.home / "precious.json"
    precious.write_text("{}")
    record = RunRecord(
        id="../precious", command=("run",), store="", host="h", process=1, started=LONG_AGO, recovered=True
    )
    runs = settings.home / "runs"
    runs.mkdir()
    (runs / "x.json").write_text(json.dumps(asdict(record)))
    assert read_records(settings) == []
    with held(settings.locks / "x.lock", "x"):
        assert precious.exists()

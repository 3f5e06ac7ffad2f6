"""The store: a reader sees a whole artifact or none, and any changed byte is noticed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.artifacts.manifest import (
    MANIFEST,
    Manifest,
    content_digest,
    describe_files,
    describe_tables,
)
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.verify import verify
from tailor_core.errors import ArtifactError

KEY = "ab" * 32
FILES = {"problems.parquet": b"not really", "nested/deep/weights.bin": bytes(range(256)) * 10}


def commit(
    store: Store,
    tmp_path: Path,
    files: dict[str, bytes] | None = None,
    key: str = KEY,
    replaces: str = "",
) -> Manifest:
    directory = store.staging("problems", key, tmp_path / "fallback")
    for name, content in (files or FILES).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    described = describe_files(directory)
    digest = content_digest({name: entry["sha256"] for name, entry in described.items()})
    manifest = Manifest(stage="problems", key=key, digest=digest, files=described, spec={"stage": "problems"})
    return store.commit(directory, manifest, replaces=replaces)


def write(store: Store, name: str, content: bytes) -> None:
    """Change a stored file behind the store's back."""
    store._fs.pipe_file(place(store, name), content)


def place(store: Store, name: str) -> str:
    """Where a file of the artifact lies."""
    manifest = store.find("problems", KEY)
    return store._file(manifest, name) if manifest and name != MANIFEST else store._at("problems", KEY, name)


def test_what_was_committed_is_found_with_its_bytes(any_store: Store, tmp_path: Path) -> None:
    written = commit(any_store, tmp_path)
    found = any_store.find("problems", KEY)
    assert found == written
    assert any_store.damage(found) == ""
    local = any_store.local(found.ref, tmp_path / "cache")
    assert {name: (local / name).read_bytes() for name in FILES} == FILES
    assert Manifest.from_text((local / MANIFEST).read_text()) == written
    assert [m.key for m in any_store.manifests("problems")] == [KEY]
    assert any_store.uri(found.ref).endswith(f"store/problems/{KEY}")


def test_what_is_replaced_goes_to_quarantine_whole(any_store: Store, tmp_path: Path) -> None:
    old = commit(any_store, tmp_path)
    new = commit(any_store, tmp_path, {"problems.parquet": b"other"}, replaces=old.digest)
    assert any_store.find("problems", KEY) == new != old
    assert any_store.damage(new) == ""
    [aside] = any_store.quarantined()
    bytes_aside = [
        any_store._fs.cat_file(any_store._at(path)) for path in any_store.objects(f".quarantine/{aside}")
    ]
    assert {old.to_text().encode(), *FILES.values()} == set(bytes_aside)


@pytest.mark.parametrize("replaces", ["", "0" * 64, "own"])
def test_what_is_not_to_be_replaced_stays(any_store: Store, tmp_path: Path, replaces: str) -> None:
    """Another writer was there in between, or the content is the same."""
    old = commit(any_store, tmp_path)
    files = FILES if replaces == "own" else {"problems.parquet": b"other"}
    given = old.digest if replaces == "own" else replaces
    assert commit(any_store, tmp_path, files, replaces=given) == old
    assert any_store.find("problems", KEY) == old
    assert any_store.quarantined() == {}


def test_the_digest_is_sha256_over_the_sorted_file_hashes(any_store: Store, tmp_path: Path) -> None:
    pairs = sorted([name, hashlib.sha256(content).hexdigest()] for name, content in FILES.items())
    expected = hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()
    assert commit(any_store, tmp_path).digest == expected


@given(st.dictionaries(st.text("ab/", min_size=1), st.text("01", min_size=1), min_size=1))
def test_the_digest_does_not_depend_on_the_order_of_files(files: dict[str, str]) -> None:
    assert content_digest(files) == content_digest(dict(reversed(files.items())))
    changed = {name: f"{value}x" for name, value in files.items()}
    assert content_digest(files) != content_digest(changed)


def test_a_directory_without_a_manifest_does_not_exist(any_store: Store, tmp_path: Path) -> None:
    commit(any_store, tmp_path)
    any_store._fs.rm(any_store._at("problems", KEY, MANIFEST))
    assert any_store.find("problems", KEY) is None
    assert list(any_store.manifests("problems")) == []


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -2, -30])
def test_a_torn_manifest_does_not_count(any_store: Store, tmp_path: Path, keep: int) -> None:
    text = commit(any_store, tmp_path).to_text().encode()
    write(any_store, MANIFEST, text[: keep if keep >= 0 else len(text) + keep])
    found = any_store.find("problems", KEY)
    assert found is None or keep == -1, "all but the closing newline is still whole"


def test_a_directory_in_the_place_of_a_manifest_is_damage_of_that_artifact_alone(
    store: Store, tmp_path: Path
) -> None:
    commit(store, tmp_path)
    manifest = Path(place(store, MANIFEST))
    manifest.unlink()
    manifest.mkdir()
    other = commit(store, tmp_path, key="cd" * 32)
    assert store.find("problems", KEY) is None
    assert list(store.manifests()) == [other]
    found = {one.key: one for one in verify(store, tmp_path / "locks")}
    assert found[other.key].damage == ""
    assert found[KEY].damage == "its manifest is damaged"
    assert Path(found[KEY].moved_to, MANIFEST).is_dir()
    assert commit(store, tmp_path).key == KEY


@pytest.mark.parametrize(
    "text",
    ["[]", "null", '{"format": 1}', '{"format": 2}', '{"format": 2, "files": {"a": 3}}', '"\\ud800"', "\xff"],
)
def test_a_manifest_of_another_form_does_not_count(any_store: Store, tmp_path: Path, text: str) -> None:
    commit(any_store, tmp_path)
    write(any_store, MANIFEST, text.encode("latin-1"))
    assert any_store.find("problems", KEY) is None


def test_a_manifest_whose_digest_does_not_follow_from_its_files_does_not_count(
    any_store: Store, tmp_path: Path
) -> None:
    manifest = commit(any_store, tmp_path)
    files = {name: {**entry, "sha256": "0" * 64} for name, entry in manifest.files.items()}
    write(any_store, MANIFEST, replace(manifest, files=files).to_text().encode())
    assert any_store.find("problems", KEY) is None


@pytest.mark.parametrize("change", ['"seconds": 0', '"recipe": "', '"stage": "'])
def test_a_manifest_that_was_changed_anywhere_does_not_count(
    store: Store, tmp_path: Path, change: str
) -> None:
    manifest = commit(store, tmp_path)
    text = replace(manifest, producer={"recipe": "kk"}).to_text()
    assert change in text
    write(store, MANIFEST, text.encode())
    assert store.find("problems", KEY)
    write(store, MANIFEST, text.replace(change, f"{change}1").encode())
    assert store.find("problems", KEY) is None


def test_an_artifact_in_the_place_of_another_does_not_count(store: Store, tmp_path: Path) -> None:
    commit(store, tmp_path)
    assert store.directory
    (store.directory / "problems" / KEY).rename(store.directory / "problems" / ("cd" * 32))
    assert store.find("problems", "cd" * 32) is None


@pytest.mark.parametrize("name", FILES)
def test_any_damage_to_any_file_is_noticed(any_store: Store, tmp_path: Path, name: str) -> None:
    manifest = commit(any_store, tmp_path)
    content = FILES[name]
    write(any_store, name, content[:-1])
    assert (
        any_store.damage(manifest, deep=False)
        == f"{name} has {len(content) - 1} bytes instead of {len(content)}"
    )
    write(any_store, name, bytes([content[0] ^ 1]) + content[1:])
    assert any_store.damage(manifest, deep=False) == "", "sizes alone cannot tell"
    assert any_store.damage(manifest) == f"{name} has other bytes than were written"
    any_store._fs.rm(place(any_store, name))
    assert any_store.damage(manifest, deep=False) == f"{name} is missing"


def test_a_second_commit_puts_what_was_there_in_quarantine(any_store: Store, tmp_path: Path) -> None:
    commit(any_store, tmp_path)
    write(any_store, "problems.parquet", b"damaged")
    other = commit(any_store, tmp_path, {"problems.parquet": b"new"})
    assert any_store.find("problems", KEY) == other
    assert any_store.damage(other) == ""
    kept = [path for path in any_store.objects(".quarantine") if path.endswith("problems.parquet")]
    assert [any_store._fs.cat_file(any_store._at(path)) for path in kept] == [b"damaged"]
    (name,) = any_store.quarantined()
    assert name.startswith(f"problems-{KEY}-")
    assert any_store.quarantine("problems", "00" * 32) == ""


def test_staging_clears_what_a_killed_attempt_left(store: Store, tmp_path: Path) -> None:
    left = store.staging("problems", KEY, tmp_path)
    (left / "half").write_text("half")
    other = store.staging("problems", "cd" * 32, tmp_path)
    fresh = store.staging("problems", KEY, tmp_path)
    assert not left.exists()
    assert other.exists()
    assert list(fresh.iterdir()) == []
    assert store.find("problems", KEY) is None


def test_a_reference_to_other_content_is_refused(any_store: Store, tmp_path: Path) -> None:
    ref = commit(any_store, tmp_path).ref
    write(any_store, "problems.parquet", b"damaged")
    commit(any_store, tmp_path, {"problems.parquet": b"new"})
    with pytest.raises(ArtifactError, match="holds other content"):
        any_store.local(ref, tmp_path / "cache")
    missing = ArtifactRef(stage="problems", key="00" * 32, digest="0", uri=f"problems/{'00' * 32}")
    with pytest.raises(ArtifactError, match="is missing"):
        any_store.local(missing, tmp_path / "cache")


def test_references_are_json_and_hold_no_place(any_store: Store, tmp_path: Path) -> None:
    ref = commit(any_store, tmp_path).ref
    assert ArtifactRef.from_json(json.loads(json.dumps(ref.to_json()))) == ref
    assert ref.uri == f"problems/{KEY}"
    with pytest.raises(ArtifactError, match="key = None"):
        ArtifactRef.from_json({"stage": "problems"})


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_file_is_no_store(tmp_path: Path, form: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ArtifactError, match=r"store = '.*file' is a file; name a directory"):
        Store(form.format(file))
    assert file.read_text() == "mine"


def test_a_store_that_cannot_be_is_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot be opened"):
        Store("nonsense://bucket")
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match="cannot be written"):
        Store(tmp_path / "file" / "store").staging("problems", KEY, tmp_path)


def test_tables_are_described_by_their_columns(tmp_path: Path) -> None:
    from polars import DataFrame

    from tailor_core.artifacts.tables import write_table

    write_table(tmp_path / "t.parquet", DataFrame({"a": [1], "b": ["x"]}))
    assert describe_tables(tmp_path) == {"t.parquet": {"a": "Int64", "b": "String"}}

"""The store under faults, in every kind of store: nothing half-written is seen, and nothing hostile gets out."""

from __future__ import annotations

import dataclasses
import errno
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_store import FILES, KEY, commit, place, write

from tailor_core.artifacts.manifest import MANIFEST, Manifest, content_digest
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import read_table
from tailor_core.artifacts.verify import Finding, verify
from tailor_core.errors import ArtifactError

OTHER = "cd" * 32


class Failing:
    """A filesystem of which one method raises from its nth call on."""

    def __init__(self, inner: Any, method: str, after: int, error: Exception) -> None:
        self._inner, self._method, self._left, self._error = inner, method, after, error

    def __getattr__(self, name: str) -> Any:
        if name != self._method:
            return getattr(self._inner, name)
        return self._call

    def _call(self, *arguments: Any, **options: Any) -> Any:
        if self._left == 0:
            raise self._error
        self._left -= 1
        return getattr(self._inner, self._method)(*arguments, **options)


@pytest.fixture(params=["memory", pytest.param("s3", marks=pytest.mark.integration)])
def remote_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store("memory://faults/" + tmp_path.name if request.param == "memory" else s3(request))


def s3(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("s3_url"))


def break_writes(store: Store, monkeypatch: pytest.MonkeyPatch, method: str, after: int, code: int) -> None:
    """From now on the store has no room, or no permission, or no network."""
    error = OSError(code, "so it is")
    if store.directory is None:
        monkeypatch.setattr(store, "_fs", Failing(store._fs, method, after, error))
        return

    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr("tailor_core.artifacts.store.write_last", refuse)


@pytest.mark.parametrize(("method", "after"), [("put_file", 0), ("put_file", 1), ("pipe_file", 0)])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_a_write_that_fails_leaves_no_artifact_and_the_next_attempt_succeeds(
    any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, after: int, code: int
) -> None:
    with monkeypatch.context() as patch:
        break_writes(any_store, patch, method, after, code)
        with pytest.raises(ArtifactError, match=r"cannot be written \(so it is\); free space or mend its"):
            commit(any_store, tmp_path)
    assert any_store.find("problems", KEY) is None
    assert list(any_store.manifests()) == []
    written = commit(any_store, tmp_path)
    assert any_store.find("problems", KEY) == written
    assert any_store.damage(written) == ""


def test_a_network_that_fails_is_not_taken_for_damage(
    remote_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = commit(remote_store, tmp_path)
    monkeypatch.setattr(remote_store, "_fs", Failing(remote_store._fs, "size", 0, OSError(errno.EIO, "gone")))
    with pytest.raises(ArtifactError, match=r"cannot be read \(gone\)"):
        remote_store.damage(manifest)


def test_what_another_process_writes_is_seen_at_once(any_store: Store, tmp_path: Path) -> None:
    type(any_store._fs).clear_instance_cache()  # the other has its own listings, as another process has
    other = Store(any_store.url)
    assert any_store.stages() == []
    commit(other, tmp_path)
    assert any_store.stages() == ["problems"]
    assert any_store.keys("problems") == [KEY]
    commit(other, tmp_path, key=OTHER)
    assert [one.key for one in any_store.manifests()] == [KEY, OTHER]


def test_of_two_writers_of_one_key_the_first_counts(any_store: Store, tmp_path: Path) -> None:
    first = commit(any_store, tmp_path)
    again = commit(Store(any_store.url), tmp_path, {"problems.parquet": b"other"})
    assert again == first
    assert any_store.find("problems", KEY) == first
    assert any_store.damage(first) == ""
    assert any_store.quarantined() == {}


def test_writers_that_meet_leave_one_whole_artifact(remote_store: Store, tmp_path: Path) -> None:
    """Each comes from a host of its own, whose lock the other does not see."""
    results: list[Manifest] = []
    barrier = threading.Barrier(3)

    def make(number: int) -> None:
        store = Store(remote_store.url)
        barrier.wait()
        results.append(commit(store, tmp_path / str(number), {"problems.parquet": b"%d" % number}))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = remote_store.find("problems", KEY)
    assert found
    assert [one.digest for one in results] == [found.digest] * 3
    assert remote_store.damage(found) == ""


def test_a_manifest_is_never_overwritten(
    any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second writer looked before the first was done, and writes after it."""
    first = commit(any_store, tmp_path)
    late = Store(any_store.url)
    looks = iter([None])
    monkeypatch.setattr(late, "find", lambda *place: next(looks, any_store.find(*place)))
    monkeypatch.setattr(late, "has_manifest", lambda *_: any_store.has_manifest("problems", KEY))
    monkeypatch.setattr(late, "quarantine", lambda *_: "")
    assert commit(late, tmp_path, {"problems.parquet": b"other"}) == first
    assert any_store.find("problems", KEY) == first


def test_an_artifact_that_lacks_a_file_is_not_copied(remote_store: Store, tmp_path: Path) -> None:
    manifest = commit(remote_store, tmp_path)
    remote_store._fs.rm(place(remote_store, "problems.parquet"))
    with pytest.raises(ArtifactError, match="is damaged; run `tailor store verify --deep"):
        remote_store.local(manifest.ref, tmp_path / "cache")


def test_a_copy_that_was_damaged_or_cut_off_is_fetched_again(remote_store: Store, tmp_path: Path) -> None:
    manifest = commit(remote_store, tmp_path)
    copy = remote_store.local(manifest.ref, tmp_path / "cache")
    content = (copy / "problems.parquet").read_bytes()
    for spoil in (
        lambda: (copy / "problems.parquet").write_bytes(content[:-1] + b"!"),
        lambda: (copy / "problems.parquet").unlink(),
        lambda: copy.rename(copy.with_name(f"{copy.name}.partial")),
    ):
        spoil()
        assert remote_store.local(manifest.ref, tmp_path / "cache") == copy
        assert (copy / "problems.parquet").read_bytes() == content
    assert sorted(path.name for path in copy.parent.iterdir()) == [copy.name, f"{copy.name}.lock"]


def test_an_upload_overwrites_no_file_of_another_content(remote_store: Store, tmp_path: Path) -> None:
    """A reader of the first artifact, between the second writer's files and its manifest, sees the first whole."""
    first = commit(remote_store, tmp_path)
    second = dataclasses.replace(first, digest="0" * 64)
    assert remote_store.files(first).isdisjoint(remote_store.files(second))


@pytest.mark.parametrize("deep", [False, True])
def test_verification_finds_faults_and_puts_them_aside(any_store: Store, tmp_path: Path, deep: bool) -> None:
    faults: dict[str, Callable[[str], None]] = {
        "01" * 32: lambda path: any_store._fs.rm(path),
        "02" * 32: lambda path: any_store._fs.pipe_file(path, b"short"),
        "03" * 32: lambda path: any_store._fs.pipe_file(path, b"Not really"),
    }
    for key, spoil in faults.items():
        spoil(any_store._file(commit(any_store, tmp_path, key=key), "problems.parquet"))
    torn = commit(any_store, tmp_path, key="04" * 32)
    any_store._fs.pipe_file(any_store._at(torn.ref.uri, MANIFEST), torn.to_text().encode()[:100])
    commit(any_store, tmp_path)
    found = list(verify(any_store, tmp_path / "locks", deep=deep))
    wrong = {one.key[:2]: one.damage for one in found if one.damage}
    expected = {
        "01": "problems.parquet is missing",
        "02": "problems.parquet has 5 bytes instead of 10",
        "04": "its manifest is damaged",
    }
    assert wrong == expected | ({"03": "problems.parquet has other bytes than were written"} if deep else {})
    assert len(found) == 5
    assert len(any_store.quarantined()) == len(wrong)
    assert not any(one.damage for one in verify(any_store, tmp_path / "locks", deep=deep))
    assert Finding(stage="problems", key=KEY) in found


def test_a_truncated_table_is_one_sentence(any_store: Store, tmp_path: Path) -> None:
    from polars import DataFrame

    from tailor_core.artifacts.tables import write_table

    write_table(tmp_path / "t.parquet", DataFrame({"a": list(range(1000))}))
    content = (tmp_path / "t.parquet").read_bytes()
    manifest = commit(any_store, tmp_path, {"t.parquet": content})
    any_store._fs.pipe_file(any_store._file(manifest, "t.parquet"), content[:-20])
    assert "bytes instead of" in any_store.damage(manifest, deep=False)
    if any_store.directory:
        with pytest.raises(ArtifactError, match="cannot be read"):
            read_table(any_store.local(manifest.ref, tmp_path / "cache") / "t.parquet")
    else:
        with pytest.raises(ArtifactError, match="is damaged"):
            any_store.local(manifest.ref, tmp_path / "cache")
        assert list((tmp_path / "cache").rglob("*.parquet")) == []


def test_a_prefix_must_mean_one_artifact(any_store: Store, tmp_path: Path) -> None:
    commit(any_store, tmp_path)
    commit(any_store, tmp_path, key="ab" + "ef" * 31)
    assert any_store.match("problems", "aba").key == KEY
    with pytest.raises(
        ArtifactError, match=r"'problems/ab' matches 2 artifacts \(.*\); give more of the key"
    ):
        any_store.match("problems", "ab")
    with pytest.raises(ArtifactError, match="'problems/ff' matches no artifact"):
        any_store.match("problems", "ff")


HOSTILE = ["", ".", "..", "../x", "a/b", ".tmp", "/etc", "a\0b", "-rf", "1-2", "a\nb", "a" * 300, "é"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_stage_or_key_leads_nowhere(any_store: Store, tmp_path: Path, name: str) -> None:
    for stage, key in ((name, KEY), ("problems", name)):
        for call in (any_store.find, any_store.quarantine, any_store.delete, any_store.has_manifest):
            with pytest.raises(ArtifactError, match="is not allowed"):
                call(stage, key)
        with pytest.raises(ArtifactError, match="is not allowed"):
            any_store.staging(stage, key, tmp_path)
        with pytest.raises(ArtifactError, match="is not allowed"):
            any_store.lock_file(stage, key, tmp_path)
    value = {"stage": "problems", "key": KEY, "digest": "0", "uri": name}
    with pytest.raises(ArtifactError, match="must be stage/key"):
        ArtifactRef.from_json(value)


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../out", "a//b", "C:x", "a\\b", "."])
def test_a_manifest_that_names_a_file_outside_does_not_count(
    any_store: Store, tmp_path: Path, name: str
) -> None:
    files = {name: {"size": 0, "sha256": "0" * 64}}
    hostile = dataclasses.replace(
        commit(any_store, tmp_path), files=files, digest=content_digest({name: "0" * 64})
    )
    write(any_store, MANIFEST, hostile.to_text().encode())
    assert any_store.find("problems", KEY) is None


def test_a_missing_bucket_is_said_and_not_made(s3_url: str, tmp_path: Path) -> None:
    store = Store("s3://no-such-bucket-here/store")
    assert list(store.manifests()) == []
    with pytest.raises(ArtifactError, match="cannot be written"):
        commit(store, tmp_path)
    assert not store._fs.exists("no-such-bucket-here")


def test_s3_without_credentials_is_one_sentence(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    Store(s3_url)._fs.clear_instance_cache()
    with pytest.raises(ArtifactError, match=r"cannot be read \(.*credentials"):
        Store(s3_url).find("problems", KEY)


def test_a_file_of_the_artifact_is_where_the_store_says(any_store: Store, tmp_path: Path) -> None:
    manifest = commit(any_store, tmp_path)
    assert {any_store._at(path) for path in any_store.files(manifest)} == {
        place(any_store, name) for name in FILES
    }

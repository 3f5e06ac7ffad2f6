"""The S3 API of `make up STORE=s3`: what it answered for is there after it was killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("s3fs", reason="s3fs is not installed (extra s3)")
pytest.importorskip("moto.server", reason="moto[server] is not installed (extra dev)")

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
LARGE = os.urandom(11 << 20)


@contextmanager
def serving(folder: Path) -> Iterator[Any]:
    """A file system on a server of its own, which is killed at the end."""
    import s3fs

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "infra/s3_server.py"), "--port", str(port), "--folder", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        for _ in range(600):
            assert process.poll() is None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).close()
                break
            except OSError:
                time.sleep(0.1)
        options = {"endpoint_url": f"http://127.0.0.1:{port}"}
        yield s3fs.S3FileSystem(key="test", secret="test", client_kwargs=options, skip_instance_cache=True)
        process.kill()


def test_what_was_answered_for_is_there_after_the_server_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as s3:
        s3.mkdir("tailor")
        s3.pipe_file("tailor/store/a b/ü.json", b"first")
        s3.pipe_file("tailor/store/a b/ü.json", b"second")
        s3.pipe_file("tailor/gone", b"removed")
        with s3.open("tailor/large", "wb", block_size=5 << 20) as stream:  # in several parts
            stream.write(LARGE)
        s3.rm("tailor/gone")
    (tmp_path / "objects" / "half").write_bytes(b"of a write that nobody was told of")
    with serving(tmp_path) as s3:
        assert sorted(s3.find("tailor")) == ["tailor/large", "tailor/store/a b/ü.json"]
        assert s3.cat_file("tailor/store/a b/ü.json") == b"second"
        assert s3.cat_file("tailor/large") == LARGE
        with pytest.raises(FileExistsError):
            s3.pipe_file("tailor/large", b"other", mode="create")
        s3.rm("tailor/large")
    assert len(list((tmp_path / "objects").iterdir())) == 1
    with serving(tmp_path) as s3:
        assert s3.find("tailor") == ["tailor/store/a b/ü.json"]

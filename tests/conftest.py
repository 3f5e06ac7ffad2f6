"""What every test stands on: a clean environment, no network, a home and a store of its own."""

from __future__ import annotations

import ipaddress
import logging
import os
import shutil
import signal
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tailor_core.artifacts.store import Store
from tailor_core.config.settings import Settings

ROOT = Path(__file__).parent.parent

# The hub's library reads it as it is imported; without it, it tries for long what no test may reach.
os.environ["HF_HUB_OFFLINE"] = "1"

# No test fails because the machine is busy.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

_OURS = ("TAILOR_", "PREFECT_", "MLFLOW_", "OPENLINEAGE_", "TOY_LOG")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with integration tests first: where workers take whole files, a long one taken last is waited for alone."""
    long = {item.path for item in items if item.get_closest_marker("integration")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the developer's machine decides a result."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TAILOR_ENV_FILE", os.devnull)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections to anything but this machine."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_local(str(address[0])):
            raise OSError(f"a test tried to reach {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def cpu_minute() -> Iterator[None]:
    """End a test after a minute of CPU time.

    For texts so long that linear work on them takes a second or two, and quadratic work many minutes: the rest of
    the minute is for busy machines.
    """

    def end(*_: Any) -> None:
        pytest.fail("this took more than a minute of CPU time")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, 60)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of the test's own, with the store in it."""
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home=home, store=str(home / "store"))


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings.store)


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a made-up recipe has run once, with its catalog; to be copied."""
    from made_up_store import make_store, tell_run

    from tailor_core.lineage.merge import merge

    home = tmp_path_factory.mktemp("finished") / "home"
    settings = Settings(home=home, store=str(home / "store"))
    tell_run(settings.lineage, make_store(Store(settings.store), tmp_path_factory.mktemp("made")))
    merge(settings, Store(settings.store), fresh=True)
    return home


@pytest.fixture
def finished(_finished: Path, settings: Settings) -> Settings:
    """A home of the test's own in which the recipe of `made_up_store` has run once."""
    shutil.copytree(_finished, settings.home, dirs_exist_ok=True)
    return settings


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 service that lives as long as the tests."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (extra s3)")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed (extra dev)")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a bucket of the test's own, reached as the environment says."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem().mkdir(bucket)
    return f"s3://{bucket}/some/store"


@pytest.fixture(params=["file", "memory", pytest.param("s3", marks=pytest.mark.integration)])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """A store of each kind: what holds for one holds for all."""
    if request.param == "file":
        return Store(f"file://{tmp_path}/store")
    if request.param == "memory":
        return Store(f"memory://{uuid.uuid4().hex}/store")
    return Store(request.getfixturevalue("s3_url"))


@pytest.fixture
def python_environment(tmp_path: Path) -> dict[str, str]:
    """Variables for a Python process that a test starts: it sees the source, and has a home of its own."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, "HOME": str(tmp_path)}


@pytest.fixture
def toy_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which toy stages note that they ran."""
    path = tmp_path / "toy.log"
    path.touch()
    monkeypatch.setenv("TOY_LOG", str(path))
    return path


@pytest.fixture(autouse=True)
def toy_stages_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests"))

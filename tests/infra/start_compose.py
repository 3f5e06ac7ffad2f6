"""Start what the compose file describes, without containers, and see that it works together.

    python tests/infra/start_compose.py

Commands, variables, directories and health checks are those of the file; hosts become ports of this machine. PostgreSQL
is Debian's, the S3 API is moto. Root alone may do this: PostgreSQL runs as a user of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path

from infra_files import ROOT, read_compose
from moto.server import ThreadedMotoServer

SERVICES = read_compose()["services"]
WORDS = {"S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}
PASSWORD = "a-word-of-this-run"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def started(
    name: str, places: Mapping[str, str], folder: Path, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A service of the compose file, with what stands there; `places` says what becomes of its words."""
    service = SERVICES[name]

    def here(text: str) -> str:
        text = re.sub(r"\$\{([A-Z0-9_]+)[^}]*\}", lambda found: WORDS.get(found[1], PASSWORD), text)
        for word, place in places.items():
            text = text.replace(word, place)
        return text

    command = [here(word) for word in service["command"]]
    if name == "prefect":
        command[-1] = places["prefect:4200"].partition(":")[2]
    variables = {n: here(value) for n, value in service["environment"].items() if value} | more
    home = folder / f"{name}-home"
    home.mkdir(exist_ok=True)
    inside = service.get("working_dir", "/opt/tailor")
    work = ROOT if inside == "/opt/tailor" else folder / f"{name}-work"
    work.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    mine = {n: v for n, v in os.environ.items() if n in ("PYTHONPATH", "LANG")} | {"PATH": path}
    ours = {n: value.replace("/var/lib/tailor", str(home)) for n, value in variables.items()}
    variables = {**mine, "HOME": str(home), "TAILOR_HOME": str(home), **ours}
    log = (folder / f"{name}.log").open("wb")
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=work, env=variables, stdout=log, stderr=log, start_new_session=True
    )
    try:
        if service["restart"] == "no":
            assert process.wait() == 0, (folder / f"{name}.log").read_text()[-3000:]
        elif "healthcheck" in service:
            check = [here(word) for word in service["healthcheck"]["test"][1:]]
            while subprocess.run([sys.executable, *check[1:]], capture_output=True, check=False).returncode:
                assert process.poll() is None, (folder / f"{name}.log").read_text()[-3000:]
                assert time.monotonic() - began < 240, f"{name} does not become healthy"
                time.sleep(0.5)
        print(
            f"{name}: {'done' if service['restart'] == 'no' else 'healthy'} after {time.monotonic() - began:.1f} s",
            flush=True,
        )
        yield process
    finally:
        process.terminate()
        process.wait(60)


def status(url: str, password: str = "") -> int:
    request = urllib.request.Request(url)
    if password:
        request.add_header("Authorization", f"Basic {b64encode(f'tailor:{password}'.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: int = answer.status
            return found
    except urllib.error.HTTPError as error:
        return error.code


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[int]:
    """The port of a PostgreSQL that the image's own start would have made: user, password and databases of the file."""
    (programs,) = Path("/usr/lib/postgresql").glob("*/bin")
    data, port = folder / "postgres", free_port()
    data.mkdir()
    shutil.chown(data, "postgres")
    word = folder / "word"
    word.write_text(PASSWORD)
    word.chmod(0o644)

    def run(program: str, *arguments: object, then: str = "") -> None:
        command = ["runuser", "-u", "postgres", "--", programs / program, *map(str, arguments)]
        environment = {**os.environ, "PGPASSWORD": PASSWORD}
        subprocess.run(
            command, check=True, input=then, text=True, env=environment, stdout=subprocess.DEVNULL, cwd="/"
        )

    run("initdb", "-D", data, "-U", "tailor", "-A", "scram-sha-256", f"--pwfile={word}")
    run(
        "pg_ctl",
        "-D",
        data,
        "-w",
        "-l",
        data / "log",
        "-o",
        f"-p {port} -k {data} -c listen_addresses=127.0.0.1",
        "start",
    )
    try:
        reach = ["-h", "127.0.0.1", "-p", port, "-U", "tailor", "-d", "postgres", "-v", "ON_ERROR_STOP=1"]
        databases = ROOT / "infra" / "helm" / "tailor" / "files" / "databases.sql"
        run("psql", *reach, then=f"CREATE DATABASE prefect;\n{databases.read_text()}")
        yield port
    finally:
        run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")


def main() -> None:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tailor-compose-")))
        folder.chmod(0o755)
        database = stack.enter_context(postgresql(folder))
        objects = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        objects.start()
        stack.callback(objects.stop)
        prefect, mlflow, worker = (f"127.0.0.1:{free_port()}" for _ in range(3))
        places = {
            "postgres:5432": f"127.0.0.1:{database}",
            "objects:8333": ":".join(map(str, objects.get_host_and_port())),
            "prefect:4200": prefect,
            "127.0.0.1:4200": prefect,
            "localhost:4200": prefect,
            "mlflow:5000": mlflow,
            "127.0.0.1:5000": mlflow,
            "--port=5000": f"--port={mlflow.partition(':')[2]}",
            "127.0.0.1:8080": worker,
        }

        def start(name: str, **more: str) -> None:
            stack.enter_context(started(name, places, folder, **more))

        start("bucket")
        start("prefect")
        assert status(f"http://{prefect}/api/flows/count") in (401, 405), "Prefect lets everyone in"
        start("bootstrap")
        start("mlflow")
        search = f"http://{mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
        assert (status(search), status(search, PASSWORD)) == (401, 200), "MLflow lets the wrong ones in"
        start("worker-cpu", PREFECT_WORKER_WEBSERVER_PORT=worker.partition(":")[2])
        environment = {
            "PREFECT_API_URL": f"http://{prefect}/api",
            "PREFECT_API_AUTH_STRING": f"tailor:{PASSWORD}",
        }
        environment |= {"PATH": os.environ["PATH"], "HOME": str(folder)}
        subprocess.run(
            [sys.executable, "-m", "prefect", "deployment", "run", "tailor-upkeep/nightly", "--watch"],
            env=environment,
            check=True,
        )


if __name__ == "__main__":
    main()

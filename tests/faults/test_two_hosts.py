"""Two hosts that share only the Prefect API and an S3 store, for the first half of a run. All of it is a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(__file__).parent / "two_hosts.py"


@pytest.mark.integration
@pytest.mark.timeout(1800)
def test_a_stage_on_another_host_survives_that_the_link_is_cut_in_the_middle_of_it() -> None:
    pytest.importorskip("moto.server", reason="moto[server] is not installed (extra dev)")
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("two hosts are network namespaces: run the tests as root, with iproute2 installed")
    if subprocess.run(["unshare", "--net", "--mount", "--uts", "true"], check=False).returncode:
        pytest.skip("this machine refuses namespaces (unshare --net --mount --uts)")
    command = [sys.executable, str(COMMAND), "--until", "warm_start", "--cut", "8"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert "no fault" in result.stdout
    assert "warm_start      on gpu-host" in result.stdout
    assert "selection       on cpu-host" in result.stdout

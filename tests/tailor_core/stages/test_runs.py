"""Records of runs: there while a run lives, and after it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tailor_core.config.settings import Settings
from tailor_core.stages.runs import (
    RunRecord,
    current_run_id,
    forget,
    held_dead,
    mark_recovered,
    read_records,
    registered,
)

RUN = (
    "import sys, time; from pathlib import Path; from tailor_core.config.settings import read_settings\n"
    "from tailor_core.stages.runs import registered\n"
    "with registered(read_settings(sys.argv[1]), ['run', 'kk-tiny', '--set', 'seed=3']) as record:\n"
    "    print(record.id, flush=True); time.sleep(60)\n"
)


@pytest.fixture
def other(settings: Settings, python_environment: dict[str, str]) -> subprocess.Popen[str]:
    """A run in another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(settings.home)],
        env=python_environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline()
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def dead(settings: Settings, record: RunRecord) -> bool:
    with held_dead(settings, record) as found:
        return found is not None


def test_a_run_has_a_record_while_it_lives_and_leaves_nothing(settings: Settings) -> None:
    with registered(settings, ["run", "kk-tiny", "--set", "seed=3"]) as record:
        assert read_records(settings) == [record]
        assert current_run_id() == record.id
        assert record.command == ("run", "kk-tiny", "--set", "seed=3")
        assert f"run {record.id} of `tailor run kk-tiny --set seed=3` (process " in str(record)
        assert not dead(settings, record)
    assert current_run_id() == ""
    assert read_records(settings) == []
    assert list(settings.locks.iterdir()) == []


def test_a_run_that_raises_leaves_nothing_either(settings: Settings) -> None:
    with pytest.raises(KeyboardInterrupt), registered(settings, ["run", "kk-tiny"]):
        raise KeyboardInterrupt
    assert read_records(settings) == []


def test_a_run_is_dead_when_its_process_was_killed_and_not_before(
    settings: Settings, other: subprocess.Popen[str]
) -> None:
    (record,) = read_records(settings)
    assert record.process == other.pid
    assert not dead(settings, record)
    kill(other)
    assert dead(settings, record)


def test_a_dead_run_is_recovered_by_one_at_a_time(settings: Settings, other: subprocess.Popen[str]) -> None:
    kill(other)
    (record,) = read_records(settings)
    with held_dead(settings, record) as found:
        assert found == record
        assert not dead(settings, record)
        forget(settings, record)
    assert not dead(settings, record), "another has put it in order meanwhile"


def test_of_a_run_on_another_host_nothing_is_known(settings: Settings, other: subprocess.Popen[str]) -> None:
    kill(other)
    (record,) = read_records(settings)
    assert not dead(settings, replace(record, host="elsewhere"))


def test_the_same_work_brought_to_its_end_forgets_what_was_killed_before(
    settings: Settings, other: subprocess.Popen[str]
) -> None:
    kill(other)
    (record,) = read_records(settings)
    mark_recovered(settings, record)
    with registered(settings, ["run", "kk-tiny", "--set", "seed=4"]):
        pass
    assert [one.recovered for one in read_records(settings)] == [True], "other work is no concern of it"
    with (
        pytest.raises(OSError, match="no space"),
        registered(settings, ["run", "kk-tiny", "--set", "seed=3"]),
    ):
        raise OSError("no space")
    assert len(read_records(settings)) == 1, "it did not come to its end"
    with registered(settings, ["run", "kk-tiny", "--set", "seed=3"]):
        pass
    assert read_records(settings) == []


def test_a_killed_run_whose_work_was_done_since_is_recovered_but_not_resumed(
    settings: Settings, other: subprocess.Popen[str]
) -> None:
    with registered(settings, ["run", "kk-tiny", "--set", "seed=3"]):
        pass
    (record,) = read_records(settings)
    assert not record.done, "it lives"
    kill(other)
    with registered(settings, ["run", "kk-tiny", "--set", "seed=3"]):
        pass
    (record,) = read_records(settings)
    assert record.done
    assert not record.recovered, "Prefect and MLflow have still to be told"
    mark_recovered(settings, record)
    assert read_records(settings) == []


def test_what_is_torn_or_of_another_form_is_no_record(settings: Settings) -> None:
    (settings.home / "runs").mkdir()
    for number, text in enumerate(["", "{", "[]", '{"id": "a"}', '{"command": 3}']):
        (settings.home / "runs" / f"{number}.json").write_text(text)
    assert read_records(settings) == []

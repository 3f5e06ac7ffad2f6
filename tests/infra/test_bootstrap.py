"""What `infra/bootstrap.py` deploys anew, and that it knows its own deployments from those of others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bootstrap

NIGHTLY = {"name": "nightly", "entrypoint": "flows/upkeep.py:upkeep", "schedules": [{"cron": "0 3 * * *"}]}
GPU = {"name": "gpu", "entrypoint": "flows/stage_runner.py:stage_runner"}
WANTED = [NIGHTLY, GPU]


def there(one: dict[str, Any], version: str, entrypoint: str = "") -> Any:
    """A deployment as the server tells it."""
    return SimpleNamespace(
        name=one["name"], entrypoint=entrypoint or one["entrypoint"], version=version, id="x"
    )


def test_on_a_blank_server_all_is_deployed_with_its_schedules() -> None:
    assert bootstrap.renewed(WANTED, [], "2") == [{**NIGHTLY, "version": "2"}, {**GPU, "version": "2"}]


def test_what_is_there_keeps_its_schedules_and_what_is_of_this_version_is_left_alone() -> None:
    old = [there(NIGHTLY, "1"), there(GPU, "1")]
    [nightly, gpu] = bootstrap.renewed(WANTED, old, "2")
    assert "schedules" not in nightly
    assert gpu == {**GPU, "version": "2"}
    assert bootstrap.renewed(WANTED, [there(NIGHTLY, "2"), there(GPU, "2")], "2") == []
    assert "schedules" in NIGHTLY, "what was read is as it was"


def test_deployments_of_others_with_the_same_names_are_not_taken_for_ours() -> None:
    foreign = [there(NIGHTLY, "9", "theirs.py:backup"), there(GPU, "9", "theirs.py:train")]
    assert bootstrap.renewed(WANTED, foreign, "2")[0]["schedules"] == NIGHTLY["schedules"]
    ours = [there(NIGHTLY, "2"), there(GPU, "2")]
    assert bootstrap.renewed(WANTED, [*ours, *foreign], "2") == []

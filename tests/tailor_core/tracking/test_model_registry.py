"""What MLflow's registry of models is asked, and what it cannot answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailor_core.errors import InputError
from tailor_core.tracking.model_registry import find_registered


@pytest.mark.parametrize("content", [b"garbage\n" * 200, b"garbage\n"])
def test_a_damaged_database_is_one_sentence_that_says_how_to_go_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with pytest.raises(InputError) as refused:
        find_registered(uri, "models:/small@policy")
    told = str(refused.value)
    assert told.startswith(f"MLflow's database {uri!r} cannot be opened (file is not a database); ")
    assert "where it is damaged, move it away" in told
    assert "\n" not in told

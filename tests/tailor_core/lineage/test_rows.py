"""The chart of a row's way: whatever its parts are called, each is one node."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tailor_core.lineage.rows import _Flowchart


@given(st.text(), st.text())
def test_no_name_ends_its_node(kind: str, text: str) -> None:
    chart = _Flowchart()
    chart.node(f"verdict of {kind}", text)
    head, line = chart.text().split("\n")
    assert head == "flowchart LR"
    assert line.startswith('  n0["verdict of ')
    assert line.endswith('"]')
    assert line.count('"') == 2
    assert "<" not in line.replace("<br/>", "", 1)

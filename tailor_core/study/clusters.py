"""Which problems are solved by the same steps, and so stand or fall together.

A family that has many problems of few solution skeletons, as iGSM has, names the skeleton of each in its metadata.
"""

from __future__ import annotations

import json

import polars

from tailor_core.study.trial_files import TrialFiles

SKELETON = "template_hash"
"""Where a problem's metadata have the name of the skeleton of its solution."""


class ClusterReader:
    """Reads the problems of trials; those that share them have them read once."""

    def __init__(self) -> None:
        self._known: dict[str, polars.DataFrame] = {}

    def read(self, files: TrialFiles) -> polars.DataFrame:
        """`problem_id` and `cluster` of the trial's problems: the skeleton, or the id of one that names none."""
        content = files.manifest("problems").digest
        if content not in self._known:
            problems = files.table("problems", "problems", ["id", "metadata"])
            found = [
                (identity, json.loads(metadata).get(SKELETON, identity))
                for identity, metadata in problems.iter_rows()
            ]
            self._known[content] = polars.DataFrame(
                found, {"problem_id": polars.String(), "cluster": polars.String()}, orient="row"
            )
        return self._known[content]

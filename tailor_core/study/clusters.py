"""The clusters of problems of a study's trials: those with the same solution skeleton."""

from __future__ import annotations

import json

import polars

from tailor_core.evaluation.skeletons import skeleton_of
from tailor_core.study.trial_files import TrialFiles


class ClusterReader:
    """Reads the problems of trials; those that share them have them read once."""

    def __init__(self) -> None:
        self._known: dict[str, polars.DataFrame] = {}

    def read(self, files: TrialFiles) -> polars.DataFrame:
        """`problem_id` and `cluster` of the trial's problems: the skeleton, or the id of one that names none."""
        content = files.manifest("problems").digest
        if content not in self._known:
            problems = files.table("problems", "problems", ["id", "metadata"])
            try:
                found = [
                    (identity, skeleton_of(identity, json.loads(metadata)))
                    for identity, metadata in problems.iter_rows()
                ]
            except (AttributeError, TypeError, ValueError):
                raise files.fault(
                    "problems", "has metadata that are no JSON object in problems.parquet"
                ) from None
            self._known[content] = polars.DataFrame(
                found, {"problem_id": polars.String(), "cluster": polars.String()}, orient="row"
            )
        return self._known[content]

"""A trial: one arm of a study on one backbone with one seed, and the run that it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tailor_core.artifacts.refs import ArtifactRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One arm on one backbone with one seed: a run of a recipe, and what it came to.

    overrides: of the recipe, beyond the arm's name what decides what was run
    command: how to run it alone: ("run", "kk-tiny", "--set", ...)
    refs: product -> artifact; empty until it has come to its end
    reason: the sentence with which it ended, where it did not come to its end
    seconds: what its stages took in all where they were executed; 0 where unknown
    mlflow: the page (or id) of its run in MLflow; empty where unknown
    """

    arm: str
    method: str
    backbone: str
    seed: int
    overrides: tuple[str, ...]
    command: tuple[str, ...]
    refs: Mapping[str, ArtifactRef] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0
    mlflow: str = ""

"""How diverse and how good the data of a warm start are: figures that are the same for every method.

Those of diversity but for the entropies are the selection's own (`diversity.metrics`), computed there from all kept
rows; moves are counted in the traces that are looked at (`traces`).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars

from tailor_core.environments.base import get_environment
from tailor_core.study.traces import draw
from tailor_core.study.trial_files import TrialFiles

METRICS: Mapping[str, str] = {
    "rows": "rows that are kept",
    "tokens": "words and marks of all kept rows together",
    "pilot_tokens": "words and marks of the demonstrations, about, on which the student was fine-tuned before, to see "
    "which primitives it learns",
    "mean_tokens": "words and marks of a kept row on the average",
    "problems": "different problems that kept rows solve",
    "vendi_score": "effective number of different kept traces: exp of the entropy of the eigenvalues of their cosine "
    "kernel (Friedman & Dieng 2023)",
    "mean_pairwise_distance": "mean of 1 - cosine over all pairs of kept traces, 0 to 2",
    "distinct_2": "different pairs of neighbouring words over all such pairs of kept traces, 0 to 1 (Li et al. 2016)",
    "primitives": "different primitives of kept rows",
    "primitive_entropy": "entropy of the primitives of kept rows, in nats",
    "effective_primitives": "how many primitives, used evenly, have that entropy",
    "move_entropy": "entropy of the reasoning moves counted in kept traces, in nats; wording and unknown sentences "
    "aside",
    "pass_rate": "share of all demonstrations that were written whose answer is right",
    "too_long": "share of all demonstrations that were written which selection.max_tokens leaves out",
    "steps_checked": "share of kept rows whose steps could be checked one by one",
    "step_soundness": "share of kept rows whose steps were checked and hold",
}
"""What the metrics of the frame `data` are, in words."""

_OF_SELECTION = ("mean_tokens", "vendi_score", "mean_pairwise_distance", "distinct_2")
_DIGITS = 6
_VOICE, _UNKNOWN = "voice:", "other"


@dataclass(frozen=True, slots=True)
class WarmStartData:
    """What is known of a warm start's data.

    metrics: one value for each of `METRICS`
    kept:    the kept traces that are looked at: `think`, `primitive_id`, and `reward` of their verdict
    moves:   how often each move is seen in each of these
    """

    metrics: Mapping[str, float]
    kept: polars.DataFrame
    moves: list[dict[str, int]]


def read_data(files: TrialFiles) -> WarmStartData:
    """The data of a trial's warm start. ArtifactError where an artifact is missing, damaged or of another form."""
    kept = _kept(files)
    seen = draw(kept, ["problem_id", "id"])
    environment = get_environment(_environment(files))
    moves = [environment.count_moves(think) for think in seen["think"]]
    metrics = _metrics(files, kept, moves)
    return WarmStartData(
        {name: float(metrics[name]) for name in METRICS},
        seen.select("think", "primitive_id", "reward"),
        moves,
    )


def _kept(files: TrialFiles) -> polars.DataFrame:
    """The kept demonstrations, each with reward and checks of its verdict."""
    decisions = files.table("selection", "selection", ["demonstration_id", "kept"])
    columns = ["id", "problem_id", "primitive_id", "think", "tokens"]
    demonstrations = files.table("demonstrations", "demonstrations", columns)
    verdicts = files.table("verdicts", "verdicts", ["demonstration_id", "reward", "checks"])
    ids = decisions.filter("kept").rename({"demonstration_id": "id"}).select("id")
    kept = ids.join(demonstrations, on="id", how="inner", maintain_order="left")
    if kept.is_empty() or kept.height < ids.height:
        raise files.fault(
            "selection", f"keeps {ids.height} rows, of which the demonstrations hold {kept.height},"
        )
    return kept.join(verdicts, left_on="id", right_on="demonstration_id", how="left", maintain_order="left")


def _environment(files: TrialFiles) -> str:
    return str(files.manifest("problems").spec["config"]["environment"]["name"])


def _metrics(
    files: TrialFiles, kept: polars.DataFrame, moves: Iterable[Mapping[str, int]]
) -> dict[str, float]:
    described = _described(files)
    checks = [_checks(text) for text in kept["checks"]]
    checked = [one for one in checks if one.get("sound_required") and one.get("steps")]
    written = files.table("verdicts", "verdicts", ["checks"])["checks"]
    rules = files.table("selection", "selection", ["rule"])["rule"].to_list()
    by_primitive = Counter(kept["primitive_id"].to_list())
    primitive_entropy = entropy(by_primitive)
    return {
        "rows": kept.height,
        "tokens": int(kept["tokens"].sum()),
        "pilot_tokens": _pilot_tokens(files),
        "problems": kept["problem_id"].n_unique(),
        **{name: float(described[name]) for name in _OF_SELECTION},
        "primitives": len(by_primitive),
        "primitive_entropy": round(primitive_entropy, _DIGITS),
        "effective_primitives": round(math.exp(primitive_entropy), _DIGITS),
        "move_entropy": round(entropy(_told(moves)), _DIGITS),
        "pass_rate": round(sum(bool(_checks(t).get("correct")) for t in written) / len(written), _DIGITS),
        "too_long": round(rules.count("too_long") / len(written), _DIGITS),
        "steps_checked": round(len(checked) / kept.height, _DIGITS),
        "step_soundness": round(sum(bool(one.get("sound")) for one in checked) / kept.height, _DIGITS),
    }


def _pilot_tokens(files: TrialFiles) -> int:
    """What choosing the primitives cost: the budget of each fine-tuning, alone or together; 0 without a pilot."""
    screenings = map(json.loads, files.table("primitives", "primitives", ["screening"])["screening"])
    tried = sum(("learned" in one) + ("together" in one) for one in screenings)
    return int(tried and tried * files.manifest("primitives").spec["config"]["pilot"]["token_budget"])


def _described(files: TrialFiles) -> Mapping[str, float]:
    """What the selection measured of the kept rows."""
    described = files.document("selection", "metrics.json").get("after")
    if not isinstance(described, dict) or not described.keys() >= set(_OF_SELECTION):
        raise files.fault("selection", f"has no {', '.join(_OF_SELECTION)} of what is kept in metrics.json")
    return described


def _checks(text: str | None) -> Mapping[str, Any]:
    """The checks of a verdict; none where there is no verdict."""
    return json.loads(text) if text else {}


def _told(moves: Iterable[Mapping[str, int]]) -> Counter[str]:
    """How often each move is seen in all, wording and what is no step aside."""
    total: Counter[str] = Counter()
    for one in moves:
        total.update({m: n for m, n in one.items() if m != _UNKNOWN and not m.startswith(_VOICE)})
    return total


def entropy(counts: Mapping[str, int]) -> float:
    """Of the shares of these counts, in nats; 0 for none."""
    total = sum(counts.values())
    return -math.fsum(n / total * math.log(n / total) for n in counts.values() if n) + 0.0

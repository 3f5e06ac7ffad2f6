"""The evaluation's `summary.json`, read into typed figures (layout: `tailor_core.evaluation.summary`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailor_core.errors import ArtifactError
from tailor_core.report.materials import Materials
from tailor_core.report.text import humanise, label

_LABELS = {"base": "Base", "warm_start": "Warm start", "policy": "Policy (RL)"}
_COLOURS = {"base": "base", "warm_start": "warm", "policy": "policy"}
_MARKERS = {"base": "o", "warm_start": "D", "policy": "s"}
_LABEL_LENGTH = 24
_SPARE_COLOURS = ("extra-1", "extra-2")
_SPARE_MARKERS = ("^", "v")


@dataclass(frozen=True, slots=True)
class Model:
    """How a model is called and drawn; colour is a name in `svg.PALETTE`, marker is matplotlib's."""

    name: str
    label: str
    colour: str
    marker: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its limits."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one model on one group of problems; shares in [0, 1]."""

    problems: int
    skeletons: int
    samples: int
    accuracy: Interval
    passes: Mapping[int, Interval]
    sound_rate: Interval
    format_rate: Interval
    finished: float
    mean_tokens: float
    entropy: float
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model against another on one split; the difference is of pass@1, paired by problem."""

    model: str
    against: str
    split: str
    problems: int
    difference: Interval
    p_value: float
    separate: bool


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of the evaluation; models and splits are in the order to show them."""

    models: tuple[Model, ...]
    splits: tuple[str, ...]
    overall: Mapping[tuple[str, str], Group]
    by_difficulty: Mapping[tuple[str, str], Mapping[int, Group]]
    comparisons: tuple[Comparison, ...]
    moves: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]
    confidence: float
    settings: Mapping[str, Any]

    def model(self, name: str) -> Model:
        return next(model for model in self.models if model.name == name)

    def difficulties(self, split: str) -> list[int]:
        """The difficulties of a split that any model was asked, ascending."""
        return sorted({d for model in self.models for d in self.by_difficulty.get((model.name, split), ())})

    def compare(self, model: str, against: str, split: str) -> Comparison | None:
        wanted = (model, against, split)
        return next((c for c in self.comparisons if (c.model, c.against, c.split) == wanted), None)


def describe_models(names: list[str]) -> tuple[Model, ...]:
    """Label, colour and marker of each model, the three of the method always the same ones."""
    others = [name for name in names if name not in _LABELS]
    return tuple(
        Model(name, _LABELS[name], _COLOURS[name], _MARKERS[name])
        if name in _LABELS
        else Model(
            name,
            label(humanise(name), _LABEL_LENGTH),
            _SPARE_COLOURS[others.index(name) % len(_SPARE_COLOURS)],
            _SPARE_MARKERS[others.index(name) % len(_SPARE_MARKERS)],
        )
        for name in names
    )


def describe_split(split: str) -> str:
    """`ood_people_5` -> `5 people (out of distribution)`; other names as they are."""
    words = split.split("_")
    if words[0] != "ood" or len(words) < 2:
        return label(split.replace("_", " "))
    rest = [*words[2:], words[1]] if len(words) == 3 and words[2].isdigit() else words[1:]
    return f"{label(' '.join(rest))} (out of distribution)"


def is_in_distribution(split: str) -> bool:
    return not split.startswith("ood")


def main_split(results: Results) -> str:
    """The split of the headline: the first in distribution, or else the first."""
    return next((split for split in results.splits if is_in_distribution(split)), results.splits[0])


def read_results(materials: Materials) -> Results:
    """The results; ArtifactError where the summary is missing, of another form, or has no model."""
    summary = materials.document("evaluation", "summary.json")
    try:
        results = _parse(summary)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"summary.json of the stage evaluation does not have the expected form ({error!r})."
        ) from error
    if not results.models or not results.splits:
        raise ArtifactError("The evaluation holds no model or no problem.")
    return results


def _parse(summary: Mapping[str, Any]) -> Results:
    blocks = {
        (model, split): block
        for model, figures in summary["models"].items()
        for split, block in figures["splits"].items()
    }
    settings = dict(summary.get("settings", {}))
    return Results(
        models=describe_models(list(summary["models"])),
        splits=tuple(summary["splits"]),
        overall={place: _group(block) for place, block in blocks.items()},
        by_difficulty={
            place: {int(level): _group(group) for level, group in block["by_difficulty"].items()}
            for place, block in blocks.items()
        },
        comparisons=tuple(_comparison(one) for one in summary.get("comparisons", [])),
        moves=summary.get("moves", {}),
        confidence=float(settings.get("confidence", 0.95)),
        settings=settings,
    )


def _group(block: Mapping[str, Any]) -> Group:
    return Group(
        problems=int(block["problems"]),
        skeletons=int(block.get("skeletons", block["problems"])),
        samples=int(block["samples"]),
        accuracy=_interval(block["pass@1"]),
        passes={int(k): _interval(value) for k, value in block["pass@k"].items()},
        sound_rate=_interval(block["sound_rate"]),
        format_rate=_interval(block["format_rate"]),
        finished=float(block["finished"]),
        mean_tokens=float(block["mean_tokens"]),
        entropy=float(block["entropy"]),
        reasons={str(reason): int(count) for reason, count in block["reasons"].items()},
    )


def _comparison(value: Mapping[str, Any]) -> Comparison:
    return Comparison(
        model=str(value["model"]),
        against=str(value["against"]),
        split=str(value["split"]),
        problems=int(value["problems"]),
        difference=_interval(value["difference"]),
        p_value=float(value["p_value"]),
        separate=bool(value["separate"]),
    )


def _interval(value: Mapping[str, Any]) -> Interval:
    return Interval(float(value["value"]), float(value["low"]), float(value["high"]))

"""The funnel: how many rows each stage was given, kept and dropped, and why; and whether that adds up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tailor_core.errors import ArtifactError
from tailor_core.report.materials import Materials
from tailor_core.report.text import count, humanise, label, percent


@dataclass(frozen=True, slots=True)
class Step:
    """One stage; `share` is the kept share in percent, for the bar. `warning` is empty where rows add up."""

    stage: str
    title: str
    entered: str
    kept: str
    share: float
    share_text: str
    dropped: str
    reasons: tuple[tuple[str, str], ...]
    warning: str


def describe_funnel(materials: Materials, order: Iterable[str]) -> tuple[Step, ...]:
    """The stages in `order` whose manifest tells a funnel; ArtifactError where none does."""
    steps = []
    for product in order:
        manifest = materials.manifests.get(product)
        funnel = manifest.summary.get("funnel") if manifest else None
        if isinstance(funnel, Mapping) and _is_number(funnel.get("in")) and _is_number(funnel.get("kept")):
            steps.append(_step(product, funnel))
    if not steps:
        raise ArtifactError("No manifest among the inputs tells how many rows its stage kept.")
    return tuple(steps)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _step(product: str, funnel: Mapping[str, Any]) -> Step:
    entered, kept = int(funnel["in"]), int(funnel["kept"])
    told = funnel.get("dropped", {})
    dropped = {str(k): int(v) for k, v in told.items() if _is_number(v)} if isinstance(told, Mapping) else {}
    total = sum(dropped.values())
    share = kept / entered if entered else 0.0
    ordered = sorted(dropped.items(), key=lambda entry: (-entry[1], entry[0]))
    missing = entered - kept - total
    difference = f"{count(abs(missing))} rows {'unaccounted for' if missing > 0 else 'too many'}"
    return Step(
        stage=product,
        title=humanise(product),
        entered=count(entered),
        kept=count(kept),
        share=round(100 * min(1.0, max(0.0, share)), 1),
        share_text=percent(share),
        dropped=count(total),
        reasons=tuple((label(reason.replace("_", " "), 90), count(number)) for reason, number in ordered),
        warning=difference if missing else "",
    )

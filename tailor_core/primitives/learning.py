"""Which primitives stay after a pilot: as many as the student learns together, the best first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from tailor_core.primitives.discovery import Discovery
from tailor_core.records import Primitive

Right = Callable[[Sequence[Primitive]], float]
"""The share of problems (0..1) that the student is right in after a fine-tuning on these primitives together."""


def keep_learned(found: Discovery, right: Right, keep: float) -> Discovery:
    """The discovery with a last verdict on what it accepted.

    Each primitive is tried alone, and the best stays. Then, from the next best on, each is tried together with those
    that stay, on as many tokens in all, and stays too if the student is still right at least the share `keep` as often
    as with the best alone; of equal ones the shorter is better. Who was not right so often even alone is not tried.
    Those that do not stay are rejected, by the rule `learned`. Where the student learns none, all stay.
    """
    alone = {one.id: right([one]) for one in found.accepted}
    best, *others = sorted(found.accepted, key=lambda one: (-alone[one.id], _length(one), one.id))
    most = alone[best.id]
    library = [best]
    screenings: dict[str, dict[str, object]] = {best.id: {"learned": most}}
    for one in others:
        tried, share = [one], alone[one.id]
        screening: dict[str, object] = {"learned": share}
        if most and share >= keep * most:
            tried = [*library, one]
            share = right(tried)
            screening["together"] = share
        if share >= keep * most:
            library = tried
        else:
            before = f" together with {len(library)} that are learned better" if len(tried) > 1 else " alone"
            screening |= {
                "verdict": "rejected",
                "rule": "learned",
                "reason": f"after a fine-tuning on it{before} the student is right in {share:.1%} of other problems, "
                f"which is less than {keep:g} of the {most:.1%} with {best.id} ({best.name}) alone",
            }
        screenings[one.id] = screening
    return dataclasses.replace(found, primitives=[_screened(one, screenings) for one in found.primitives])


def _length(one: Primitive) -> float:
    length: float = one.screening["mean_tokens"]
    return length


def _screened(one: Primitive, screenings: Mapping[str, Mapping[str, object]]) -> Primitive:
    return dataclasses.replace(one, screening={**one.screening, **screenings.get(one.id, {})})

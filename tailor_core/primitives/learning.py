"""Which primitives stay of those that the student was fine-tuned on, one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tailor_core.primitives.discovery import Discovery
from tailor_core.records import Primitive


def keep_learned(found: Discovery, learned: Mapping[str, float], keep: float) -> Discovery:
    """The discovery with a last verdict on what it accepted.

    `learned` is by id the share of problems (0..1) that the student is right in after a fine-tuning on a primitive
    alone. Those with less than the share `keep` of the best are rejected, by the rule `learned`. The best always stays.
    """
    best = max(found.accepted, key=lambda one: (learned[one.id], one.id))
    told = [_told(one, learned, best, keep) if one.id in learned else one for one in found.primitives]
    return dataclasses.replace(found, primitives=told)


def _told(one: Primitive, learned: Mapping[str, float], best: Primitive, keep: float) -> Primitive:
    share, most = learned[one.id], learned[best.id]
    screening = {**one.screening, "learned": share}
    if share < keep * most:
        screening |= {
            "verdict": "rejected",
            "rule": "learned",
            "reason": f"after a fine-tuning on it alone the student is right in {share:.1%} of other problems, which "
            f"is less than {keep:g} of the {most:.1%} with {best.id} ({best.name})",
        }
    return dataclasses.replace(one, screening=screening)

"""The arms of a study as the page shows them: one colour, marker and line each, the same in every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tailor_core.report.text import label

REFERENCE_COLOUR = "policy"
COLOURS = ("c1", "c0", "c4", "c3", "c6", "c7", "c5", "c9", "c2", "extra-1", "c8")
"""Of the other arms, in their order, all of `svg.PALETTE`."""
MARKERS = ("D", "o", "^", "v", "P", "X", "<", ">", "d", "p", "h")
VALUE_LOOK = ("faint", "o", "-")
"""Of the values of sweeps where they come with all other arms."""
LINES = ("-", "--", ":", "-.")
"""Of the first eleven arms, the next eleven, and so on."""
_TITLE_LENGTH = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A family of arms along one value.

    values: value -> name of the arm, in the order of the axis; the default's arm is among them where it was run
    default: the value that the recipe has by itself; None where there is none
    """

    name: str
    title: str
    values: Mapping[float | str, str]
    default: float | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An arm and how it is drawn.

    place: in the study; `group-<place>` is the class of all that is drawn of it
    colour: a name of `svg.PALETTE`; marker and line are matplotlib's
    value: of a sweep, which has charts of its own; empty for all other arms
    """

    name: str
    title: str
    method: str
    place: int
    colour: str
    marker: str
    line: str
    reference: bool
    value: str = ""

    @property
    def group(self) -> str:
        return f"group-{self.place}"


def arm_of(sweep: Sweep, arms: Sequence[Arm]) -> Arm:
    """The arm that a sweep is drawn as: that of its default, or else the first of its method that is no value."""
    by_name = {arm.name: arm for arm in arms}
    if sweep.default is not None and sweep.default in sweep.values:
        return by_name[sweep.values[sweep.default]]
    first = by_name[next(iter(sweep.values.values()))]
    return next((arm for arm in arms if arm.method == first.method and not arm.value), first)


def describe_arms(
    methods: Mapping[str, str], reference: str, titles: Mapping[str, str], sweeps: Sequence[Sweep]
) -> tuple[Arm, ...]:
    """All arms of `methods` (arm -> its method): the reference first, then in order, values of sweeps last."""
    values = {
        name: f"{sweep.name} = {value_text(value)}"
        for sweep in sweeps
        for value, name in sweep.values.items()
        if value != sweep.default and name != reference
    }
    order = sorted(methods, key=lambda name: (name != reference, name in values))
    arms = []
    for place, name in enumerate(order):
        colour, marker, line = VALUE_LOOK if name in values else _look(place, name == reference)
        arms.append(
            Arm(
                name=name,
                title=label(titles.get(name) or name, _TITLE_LENGTH),
                method=methods[name],
                place=place,
                colour=colour,
                marker=marker,
                line=line,
                reference=name == reference,
                value=values.get(name, ""),
            )
        )
    return tuple(arms)


def _look(place: int, reference: bool) -> tuple[str, str, str]:
    """Colour, marker and line; no two of the first 121 arms have the same colour and marker."""
    if reference:
        return REFERENCE_COLOUR, "s", "-"
    turn, step = divmod(max(0, place - 1), len(COLOURS))
    return COLOURS[step], MARKERS[(step + turn) % len(MARKERS)], LINES[turn % len(LINES)]


def value_text(value: float | str) -> str:
    """The value of a sweep as people write it."""
    return f"{value:g}" if isinstance(value, float) else str(value)

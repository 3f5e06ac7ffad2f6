"""What a family of problems consists of, found by name: the package's own, and what others bring by entry points.

Two groups: `tailor.environments` holds classes that follow `base.Environment`, `tailor.teachers` instances of
`teaching.Teaching`. Nothing is imported before it is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tailor_core.errors import RecipeError

ENVIRONMENTS = "tailor.environments"
TEACHERS = "tailor.teachers"

# Relative to a package, so that they are no imports to whoever fingerprints the code of a stage: in its key
# there is the code of the recipe's own family, and of no other.
_BUILT_IN = {
    ENVIRONMENTS: (
        "tailor_core.environments",
        {"countdown": "countdown:CountdownGame", "igsm": "igsm:IGSM", "kk": "knights_knaves:KnightsKnaves"},
    ),
    TEACHERS: (
        "tailor_core.demonstrations",
        {
            "countdown": "countdown.narration:TEACHING",
            "igsm": "igsm.narration:TEACHING",
            "kk": "knights_knaves.narration:TEACHING",
        },
    ),
}
"""Group -> package, and name -> target in it; so a source checkout needs no installed entry points."""

_DISTRIBUTION = re.compile(r"[\w.-]+")


@dataclass(frozen=True, slots=True, order=True)
class Plugin:
    """One part of a family.

    target:   `module:object`
    requires: the distributions that the one which brings it says it needs
    """

    group: str
    name: str
    target: str
    requires: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        return self.target.partition(":")[0]

    def load(self) -> Any:
        """The object; RecipeError where it does not load, whatever its package does."""
        try:
            return EntryPoint(name=self.name, value=self.target, group=self.group).load()
        except Exception as error:
            raise self.broken(f"does not load ({first_line(error)})") from error

    def broken(self, fault: str) -> RecipeError:
        """The error to raise for a plugin at fault."""
        return RecipeError(
            f"environment.name = {self.name!r}: the entry point {self.target!r} in the group {self.group!r} "
            f"{fault}; mend or uninstall the package that registers it"
        )


def first_line(error: Exception) -> str:
    """The kind of an error, and how its message begins."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def plugin_names(group: str) -> list[str]:
    """The names in a group, sorted."""
    return sorted(_BUILT_IN[group][1].keys() | {point.name for point in entry_points(group=group)})


def find_plugin(group: str, name: str) -> Plugin | None:
    """The plugin of a name; None where there is none. RecipeError where two packages claim the name."""
    package, built_in = _BUILT_IN[group]
    found: dict[str, Plugin] = {}
    if name in built_in:
        target = f"{package}.{built_in[name]}"
        found[target] = Plugin(group, name, target)
    for point in entry_points(group=group, name=name):
        found.setdefault(point.value, Plugin(group, name, point.value, _requirements(point)))
    if len(found) > 1:
        raise RecipeError(
            f"environment.name = {name!r} is registered more than once in the group {group!r}, as "
            f"{' and '.join(sorted(found))}; uninstall all packages but one, or have one choose another name"
        )
    return next(iter(found.values()), None)


def _requirements(point: EntryPoint) -> tuple[str, ...]:
    """Names of the distributions that the entry point's own requires."""
    required = (point.dist.requires if point.dist else None) or []
    names = {found[0] for text in required if (found := _DISTRIBUTION.match(text))}
    return tuple(sorted(names - {"tailor"}))

"""What a section of the page is made of, in reading order; `blocks.html` has a macro for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tailor_core.report.study.arms import Arm
from tailor_core.report.study.drawing import Drawing
from tailor_core.report.study.tables import Table


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph; `style` is "lead", "about" or empty."""

    kind: ClassVar[str] = "words"
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Why something is not there; `what` is in bold before it."""

    kind: ClassVar[str] = "missing"
    text: str
    what: str = "Not available."


@dataclass(frozen=True, slots=True)
class Legend:
    """The arms of the figures below it, each to be switched on and off."""

    kind: ClassVar[str] = "legend"
    arms: tuple[Arm, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures side by side, as far as there is room; `small` ones more of them."""

    kind: ClassVar[str] = "figures"
    drawings: tuple[Drawing, ...]
    small: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """The same figures several ways, of which a reader with scripts sees one; without, all."""

    kind: ClassVar[str] = "switch"
    label: str
    choices: tuple[tuple[str, Figures], ...]


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact of a trial: its product, stage/key and digest."""

    product: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialNote:
    """What there is to know of a trial, as text; empty where it is not known.

    page: its address in MLflow, where it is one; page_name: the same, or the run's id
    reason: why it did not come to its end
    """

    anchor: str
    seed: str
    method: str
    time: str
    page: str
    page_name: str
    reason: str
    command: str
    made: tuple[Made, ...]


@dataclass(frozen=True, slots=True)
class TrialGroup:
    """The trials of an arm on a backbone."""

    anchor: str
    arm: str
    backbone: str
    colour: str
    trials: tuple[TrialNote, ...]


@dataclass(frozen=True, slots=True)
class Trials:
    """All trials, each with its anchor."""

    kind: ClassVar[str] = "trials"
    groups: tuple[TrialGroup, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page."""

    name: str
    title: str
    blocks: tuple[Block, ...]

    def drawings(self) -> Iterator[Drawing]:
        for block in self.blocks:
            if isinstance(block, Figures):
                yield from block.drawings
            elif isinstance(block, Switch):
                for _, figures in block.choices:
                    yield from figures.drawings

    def tables(self) -> Iterator[Table]:
        return (block for block in self.blocks if isinstance(block, Table))


Block = Words | Heading | Missing | Legend | Figures | Switch | Table | Trials

"""Where the boxes and lines of the lineage graph lie: stages in layers from top to bottom, inputs above.

Coordinates are SVG units of a drawing that a page shows at its own width. A line between neighbouring layers is
straight down; one that skips layers bows out to the side of the box that it starts from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_WIDTH = 360.0
_BOX = (128.0, 46.0)
_GAP = 30.0
_MARGIN = 6.0
_BOW = (16.0, 8.0)
_SIDE_ROOM = 12.0


@dataclass(frozen=True, slots=True)
class Box:
    """A stage: its upper left corner."""

    stage: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """`made` was made from `source`; `path` is SVG path data."""

    source: str
    made: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The graph, `width` x `height` units, every box `box_width` x `box_height`."""

    width: float
    height: float
    box_width: float
    box_height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(inputs: Mapping[str, Sequence[str]]) -> Drawing:
    """The drawing of stages (each after its inputs) and what each was made from."""
    layer: dict[str, int] = {}
    for stage, given in inputs.items():
        layer[stage] = 1 + max((layer[name] for name in given if name in layer), default=-1)
    boxes = _place(layer)
    lines = tuple(
        Line(name, stage, _path(boxes[name], boxes[stage], layer[stage] - layer[name]))
        for stage, given in inputs.items()
        for name in given
        if name in boxes
    )
    layers = 1 + max(layer.values(), default=0)
    height = 2 * _MARGIN + layers * _BOX[1] + (layers - 1) * _GAP
    return Drawing(_WIDTH, height, *_BOX, tuple(boxes.values()), lines)


def _place(layer: Mapping[str, int]) -> dict[str, Box]:
    """The boxes of a layer side by side, the lot in the middle."""
    boxes = {}
    for stage, row in layer.items():
        together = [name for name, other in layer.items() if other == row]
        step = (_WIDTH - 2 * _SIDE_ROOM) / len(together)
        centre = _SIDE_ROOM + step * (together.index(stage) + 0.5)
        boxes[stage] = Box(stage, centre - _BOX[0] / 2, _MARGIN + row * (_BOX[1] + _GAP))
    return boxes


def _path(source: Box, made: Box, layers: int) -> str:
    width, height = _BOX
    if layers == 1:
        x, y = source.x + width / 2, source.y + height
        end_x, end_y = made.x + width / 2, made.y
        middle = (y + end_y) / 2
        return f"M{x:g} {y:g}C{x:g} {middle:g} {end_x:g} {middle:g} {end_x:g} {end_y:g}"
    leftward = source.x + width / 2 < _WIDTH / 2
    side = 0.0 if leftward else width
    x, y = source.x + side, source.y + height / 2
    end_x, end_y = made.x + side, made.y + height / 2
    bow = _BOW[0] + _BOW[1] * layers
    turn = max(min(x, end_x) - bow, 0.0) if leftward else min(max(x, end_x) + bow, _WIDTH)
    return f"M{x:g} {y:g}C{turn:g} {y:g} {turn:g} {end_y:g} {end_x:g} {end_y:g}"

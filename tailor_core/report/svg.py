"""matplotlib figures as inline SVG that follows the page: its colours, its font, its dark mode.

Charts are matplotlib's static SVG, not plotly: plotly's script alone is 4.8 MB a page, these charts are a few
kB each and need no script. Colours that a chart takes from `PALETTE` become CSS variables with the light
colour as the fallback, so the same text also stands alone as a file. Equal figures give equal bytes.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PALETTE = {
    "ink": "#1c2430",
    "muted": "#5b6573",
    "rule": "#d9d5cb",
    "band": "#f1eee6",
    "base": "#66707e",
    "warm": "#b4540a",
    "policy": "#0b7268",
    "extra-1": "#6a4fb3",
    "extra-2": "#a8325e",
    "faint": "#b9b4a8",
    "c0": "#1f6fb4",
    "c1": "#d1660f",
    "c2": "#2a8a3e",
    "c3": "#c0323a",
    "c4": "#7f56bd",
    "c5": "#8a5a44",
    "c6": "#cc4f9e",
    "c7": "#8b8a12",
    "c8": "#0f8fa3",
    "c9": "#3d4b99",
}
"""Name of the CSS variable -> colour on a light page. No two are equal: that tells them apart."""

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_FONT = "var(--chart-font, system-ui, sans-serif)"
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.titlesize": 10.5,
    "axes.labelsize": 10,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": PALETTE["ink"],
    "axes.edgecolor": PALETTE["rule"],
    "axes.labelcolor": PALETTE["muted"],
    "axes.titlecolor": PALETTE["ink"],
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALETTE["rule"],
    "grid.linewidth": 0.7,
    "xtick.color": PALETTE["rule"],
    "ytick.color": PALETTE["rule"],
    "xtick.labelcolor": PALETTE["muted"],
    "ytick.labelcolor": PALETTE["muted"],
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A finished chart: `name` is that of its file, `title` and `description` say in words what it shows."""

    name: str
    title: str
    description: str
    svg: Markup


@contextmanager
def canvas(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of `width` x `height` inches with one set of axes, in the page's style.

    It must be drawn and handed to `finish` within the block. No pyplot: no global state, no window.
    """
    with style.context(["default", _STYLE]):  # whatever the user's own settings are
        figure = Figure(figsize=(width, height))
        yield figure, figure.add_subplot()


def finish(figure: Figure, name: str, title: str, description: str) -> Chart:
    """The chart of a figure."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style.context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    svg = Markup(_inline(buffer.getvalue(), name, title, description))
    return Chart(name, title, description, svg)


def _inline(text: str, name: str, title: str, description: str) -> str:
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(text)
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    root.set("preserveAspectRatio", "xMidYMid meet")
    _use_own_ids(root, name)
    for place, (tag, content) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = content
        root.insert(place, element)
    return _themed(ET.tostring(root, encoding="unicode"))


def _use_own_ids(root: ET.Element, name: str) -> None:
    """Ids that only matplotlib cares about go; those that something refers to get the chart's name.

    Groups that a chart named itself (`set_gid`) keep the name as a class, for the page's style and script.
    """
    text = ET.tostring(root, encoding="unicode")
    referred = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", text))
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in referred:
            element.set("id", f"{name}-{identity}")
        elif identity and identity.startswith("group-"):
            element.set("class", identity)
        for attribute, value in element.attrib.items():
            if attribute == f"{{{_XLINK}}}href" and value.startswith("#"):
                element.set(attribute, f"#{name}-{value[1:]}")
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{name}-"))


def _themed(text: str) -> str:
    for variable, colour in PALETTE.items():
        text = text.replace(colour, f"var(--{variable}, {colour})")
    text = re.sub(r"font: ([^;\"]*?)'DejaVu Sans'[^;\"]*", rf"font: \g<1>{_FONT}", text)
    return re.sub(r"font-family: [^;\"]*'?DejaVu Sans[^;\"]*", f"font-family: {_FONT}", text)

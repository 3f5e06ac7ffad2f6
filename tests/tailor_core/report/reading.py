"""Reads a page as a browser would: elements, tables and text, by the standard library's own parser."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """An element with its attributes, children in order, and the element that it is in."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    content: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "") -> list[Element]:
        """All elements below, in order of appearance, of one tag or of any."""
        found = []
        for part in self.content:
            if isinstance(part, Element):
                found += [part] if tag in ("", part.tag) else []
                found += part.all(tag)
        return found

    def named(self, identity: str) -> Element:
        return next(e for e in self.all() if e.attributes.get("id") == identity)

    def classed(self, name: str) -> list[Element]:
        return [e for e in self.all() if name in e.attributes.get("class", "").split()]

    @property
    def text(self) -> str:
        """What is to be read, white space collapsed; not what charts, scripts and styles hold."""
        parts = []
        for part in self.content:
            if isinstance(part, str):
                parts.append(part)
            elif part.tag not in ("script", "style", "svg"):
                parts.append(part.text)
        return " ".join(" ".join(parts).split())

    @property
    def raw(self) -> str:
        return "".join(part if isinstance(part, str) else part.raw for part in self.content)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("page", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open[-1])
        self.open[-1].content.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open[-1])
        self.open[-1].content.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].content.append(data)


def read_page(html: str) -> Element:
    """The page as a tree; AssertionError where an element is closed out of turn or never."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert len(reader.open) == 1, f"never closed: {[e.tag for e in reader.open[1:]]}"
    return reader.root


def table_rows(section: Element) -> list[list[str]]:
    """The cells of all table rows in a section, as text."""
    return [[c.text for c in row.content if isinstance(c, Element)] for row in section.all("tr")]

"""What an artifact was made from and what was made from it, as a graph, as JSON and as Mermaid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailor_core.catalog.connection import Connection
from tailor_core.catalog.queries import query
from tailor_core.lineage.references import Place

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`made` was made from `source`, by the name that its stage gives that input."""

    source: Place
    made: Place
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The artifacts around one, and how they hang together.

    artifacts: what the catalog knows of each, inputs before what was made from them; of those that the store has
    no more only stage, key and digest
    attempts:  at making the one that it is about, newest first: see the query lineage/list_attempts
    """

    root: Place
    artifacts: Mapping[Place, Row]
    edges: tuple[Edge, ...]
    attempts: tuple[Row, ...]

    def inputs(self, place: Place) -> list[Place]:
        """What an artifact was made from."""
        return [edge.source for edge in self.edges if edge.made == place]

    def uses(self, place: Place) -> list[Place]:
        """What was made from an artifact."""
        return [edge.made for edge in self.edges if edge.source == place]

    def to_json(self) -> dict[str, Any]:
        return {
            "artifact": self.artifacts[self.root],
            "artifacts": list(self.artifacts.values()),
            "edges": [
                {"from": "/".join(edge.source), "to": "/".join(edge.made), "name": edge.name}
                for edge in self.edges
            ],
            "attempts": self.attempts,
        }

    def to_mermaid(self) -> str:
        """A flowchart that Markdown viewers draw."""
        names = {place: f"a{number}" for number, place in enumerate(self.artifacts)}
        lines = ["flowchart LR"]
        for place, one in self.artifacts.items():
            label = "<br/>".join(describe(one))
            lines.append(f'  {names[place]}["{label}"]')
        lines += [f"  {names[edge.source]} --> {names[edge.made]}" for edge in self.edges]
        lines.append(f"  style {names[self.root]} stroke-width:3px")
        return "\n".join(lines)


def describe(artifact: Row) -> list[str]:
    """What to say of an artifact: stage and digest, rows, seconds."""
    told = [f"{artifact['stage']}@{artifact['digest'][:12]}"]
    if artifact.get("seconds") is None:
        return [*told, "not in the store"]
    rows = [f"{artifact['row_count']} rows"] if artifact["row_count"] else []
    return [*told, *rows, f"{artifact['seconds']:.1f} s"]


def read_graph(connection: Connection, root: Place, *, up: bool, down: bool) -> Graph:
    """The graph around an artifact, upward, downward or both."""
    digests: dict[Place, str] = {}
    edges = []
    for name, wanted in (("lineage/list_inputs", up), ("lineage/list_uses", down)):
        if wanted:
            for row in query(connection, name, stage=root.stage, key=root.key).iter_rows(named=True):
                source = Place(row["input_stage"], row["input_key"])
                digests[source] = row["input_digest"]
                edges.append(Edge(source=source, made=Place(row["stage"], row["key"]), name=row["name"]))
    places = {root, *(edge.source for edge in edges), *(edge.made for edge in edges)}
    known = {
        Place(row["stage"], row["key"]): row
        for row in query(
            connection, "lineage/list_artifacts", places=["/".join(place) for place in sorted(places)]
        ).iter_rows(named=True)
    }
    missing = {
        place: {"stage": place.stage, "key": place.key, "digest": digests[place]}
        for place in sorted(places - known.keys())
    }
    attempts = query(connection, "lineage/list_attempts", stage=root.stage, key=root.key).to_dicts()
    return Graph(root=root, artifacts={**missing, **known}, edges=tuple(edges), attempts=tuple(attempts))

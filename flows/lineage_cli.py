"""`tailor lineage` and `tailor catalog`: what made what, to the row, answered from `lineage.duckdb`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import Home, StoreUrl
from tailor_core.config.settings import prepare_process, read_settings
from tailor_core.errors import InputError

if TYPE_CHECKING:
    from rich.tree import Tree

    from tailor_core.lineage.graph import Graph
    from tailor_core.lineage.references import Place
    from tailor_core.lineage.rows import RowTrace

catalog_app = typer.Typer(
    help="The catalog of lineage and rows. Example: tailor catalog rebuild", no_args_is_help=True
)

_SHOWN_DECISIONS = 20


class Format(StrEnum):
    """How an answer is written."""

    TEXT = "text"
    JSON = "json"
    MERMAID = "mermaid"


@catalog_app.command()
def rebuild(home: Home = None, store: StoreUrl = None) -> None:
    """Make lineage.duckdb anew from the store's artifacts and the home's lineage events.

    Readers keep the old one until the new one is whole. What cannot be read is left out, and the exit status is 1.

    Example: tailor catalog rebuild
    """
    from tailor_core.artifacts.store import Store
    from tailor_core.lineage.merge import merge

    settings = read_settings(home, store)
    merged = merge(settings, Store(settings.store), fresh=True)
    for reason in merged.left_out:
        typer.echo(f"left out: {reason}", err=True)
    print(f"{merged.artifacts} artifacts and {merged.attempts} attempts in {settings.catalog}")
    if merged.left_out:
        raise typer.Exit(1)


def lineage(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REF", help="STAGE, STAGE@DIGEST, first digits of a digest, or models:/NAME@ALIAS"
        ),
    ],
    up: Annotated[bool, typer.Option("--up", help="only what it was made from")] = False,
    down: Annotated[bool, typer.Option("--down", help="only what was made from it")] = False,
    row: Annotated[
        str | None,
        typer.Option(metavar="ID", help="the way of a problem, primitive, demonstration or training row"),
    ] = None,
    format: Annotated[Format, typer.Option(help="how to write the answer")] = Format.TEXT,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show what an artifact was made from and what was made from it, or the whole way of one of its rows.

    Example: tailor lineage models:/kk-tiny@policy --up
    """
    from tailor_core.catalog.connection import open_catalog
    from tailor_core.lineage.graph import read_graph
    from tailor_core.lineage.references import resolve
    from tailor_core.lineage.rows import trace_row

    settings = read_settings(home, store, make=False)
    prepare_process(settings)
    for told, text in (("REF", reference), ("--row", row or "")):
        if not text.isprintable():  # bytes that are no text as well
            raise InputError(
                f"{told} = {text!r} is no name of anything; give one that `tailor store ls` shows"
            )
    if row and (up or down):
        raise InputError("--row says where a row came from and where it went; leave --up and --down out")
    if not settings.catalog.exists():
        raise InputError(
            f"there is no catalog {str(settings.catalog)!r}; run `tailor catalog rebuild`, or give --home"
        )
    with open_catalog(settings.catalog, read_only=True) as connection:
        place = resolve(connection, reference, settings.tracking_uri)
        answer: Graph | RowTrace = (
            trace_row(connection, row, place)
            if row
            else read_graph(connection, place, up=up or not down, down=down or not up)
        )
    _show(answer, format)


def _show(answer: Graph | RowTrace, format: Format) -> None:
    from tailor_core.lineage.graph import Graph

    if format is Format.JSON:
        print(json.dumps(answer.to_json(), ensure_ascii=False, indent=1))
    elif format is Format.MERMAID:
        print(answer.to_mermaid())
    else:
        from flows.terminal import print_uncut

        print_uncut(_graph_tree(answer) if isinstance(answer, Graph) else _row_tree(answer))


def _graph_tree(graph: Graph) -> Tree:
    from rich.tree import Tree

    tree = Tree(_label(graph, graph.root))
    for heading, follow in (("made from", graph.inputs), ("used by", graph.uses)):
        if follow(graph.root):
            _grow(tree.add(heading, style="bold"), graph, graph.root, follow, set())
    if graph.attempts:
        _list_attempts(tree.add("attempts", style="bold"), graph.attempts)
    return tree


def _list_attempts(branch: Tree, attempts: Sequence[Mapping[str, Any]]) -> None:
    """Each that ran, and how often the artifact was there already."""
    from rich.markup import escape

    from tailor_core.lineage.references import describe_attempt

    for one in attempts:
        if not one["cached"]:
            branch.add(escape(describe_attempt(one)), style="not bold")
    hits = sum(one["cached"] for one in attempts)
    if hits:
        branch.add(f"hits since: {hits}", style="not bold")


def _grow(
    branch: Tree, graph: Graph, place: Place, follow: Callable[[Place], list[Place]], shown: set[Place]
) -> None:
    """Add what follows an artifact; what was shown before is named again, but not followed again."""
    for one in follow(place):
        if one in shown:
            branch.add(f"{graph.artifacts[one]['stage']} (see above)", style="dim")
        else:
            shown.add(one)
            _grow(branch.add(_label(graph, one), style="not bold"), graph, one, follow, shown)


def _label(graph: Graph, place: Place) -> str:
    from rich.markup import escape

    from tailor_core.lineage.graph import describe

    return escape("  ".join(describe(graph.artifacts[place])))


def _row_tree(trace: RowTrace) -> Tree:
    from rich.markup import escape
    from rich.tree import Tree

    tree = Tree(escape(trace.row))
    for one in trace.found:
        about = ", ".join(f"{name} {' '.join(str(value).split())}" for name, value in one["about"].items())
        tree.add(escape(f"{one['kind']} in {one['artifact'][:12]}: {about}"))
    if trace.decisions:
        kept = sum(one["kept"] for one in trace.decisions)
        branch = tree.add(
            f"{len(trace.decisions)} demonstrations, {kept} kept, {len(trace.decisions) - kept} dropped"
        )
        for one in trace.decisions[:_SHOWN_DECISIONS]:
            branch.add(escape(_decision(one)))
        if len(trace.decisions) > _SHOWN_DECISIONS:
            branch.add(f"and {len(trace.decisions) - _SHOWN_DECISIONS} more: --format json", style="dim")
    if trace.impact:
        branch = tree.add("models")
        for one in trace.impact:
            branch.add(f"{one['model_stage']}@{one['model_digest'][:12]}  {one['relation']} {one['rows']}")
    return tree


def _decision(one: Mapping[str, Any]) -> str:
    told = [
        f"{one['demonstration_id']}: problem {one['problem_id']}, primitive {one['primitive']!r}",
        f"reward {one['reward']}" + (f" ({one['verdict_reason']})" if one["verdict_reason"] else ""),
        f"{'kept' if one['kept'] else 'dropped'}: {one['rule']}",
    ]
    if one["duplicate_of"]:
        told.append(f"of {one['duplicate_of']}")
    if one["similarity"] is not None:
        told.append(f"similarity {one['similarity']:.3f}")
    if one["sft_example_id"]:
        told.append(f"training row {one['sft_example_id']}")
    return ", ".join(told)

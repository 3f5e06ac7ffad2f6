"""`tailor store`: look into the artifact store, check it, clear it, and copy between stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from flows.options import Home, Json, StoreUrl
from flows.rows import write_rows
from tailor_core.config.settings import Settings, read_settings
from tailor_core.errors import InputError

if TYPE_CHECKING:
    from tailor_core.artifacts.ancestry import Place
    from tailor_core.artifacts.manifest import Manifest
    from tailor_core.artifacts.store import Store

store_app = typer.Typer(help="Look into the artifact store. Example: tailor store ls", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="STAGE/KEY-PREFIX", help="an artifact, as `ls` shows it")]


@store_app.command(name="ls")
def list_artifacts(
    stage: Annotated[str | None, typer.Argument(help="only artifacts of this stage")] = None,
    home: Home = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """List the artifacts in the store, newest last.

    Example: tailor store ls policy
    """
    opened = _open(read_settings(home, store, make=False))
    if stage and stage not in opened.stages():
        known = ", ".join(opened.stages()) or "none yet"
        raise InputError(f"STAGE = {stage!r} has no artifact in the store {opened.url!r}; there is: {known}")
    found = sorted(opened.manifests(stage), key=lambda one: (one.created, one.stage, one.key))
    rows: list[dict[str, Any]] = [
        {
            "stage": one.stage,
            "key": one.key,
            "created": one.created,
            "recipe": str(one.producer.get("recipe", "")),
            "rows": one.rows,
            "files": len(one.files),
            "bytes": one.size,
        }
        for one in found
    ]
    if json:
        write_rows(rows)
        return
    _print_table(
        ("artifact", "created", "recipe", "rows", "files", "size"),
        [
            (
                f"{row['stage']}/{row['key'][:12]}",
                row["created"][:16],
                row["recipe"],
                row["rows"],
                row["files"],
                decimal(row["bytes"]),
            )
            for row in rows
        ],
    )
    print(f"{len(rows)} artifacts, {decimal(sum(row['bytes'] for row in rows))}")
    if aside := opened.quarantined():
        print(f"{len(aside)} in quarantine, {decimal(sum(aside.values()))}")


@store_app.command()
def show(artifact: Reference, home: Home = None, store: StoreUrl = None, json: Json = False) -> None:
    """Show what an artifact holds, what it was made from, and by what.

    Example: tailor store show policy/3f2a
    """
    manifest = _match(_open(read_settings(home, store, make=False)), artifact)
    if json:
        write_rows([asdict(manifest)])
        return
    print(f"{manifest.stage}/{manifest.key}")
    about = {"digest": manifest.digest, **manifest.producer, "created": manifest.created}
    about |= {
        "seconds": manifest.seconds,
        "rows": manifest.summary.get("rows", {}),
        "size": decimal(manifest.size),
    }
    for name, value in about.items():
        print(f"  {name:<9} {value}")
    inputs = [
        (name, f"{one['stage']}/{one['key'][:12]}", one["digest"][:12])
        for name, one in manifest.inputs.items()
    ]
    _print_table(("input", "artifact", "digest"), inputs)
    files = [(name, decimal(one["size"]), one["sha256"][:12]) for name, one in manifest.files.items()]
    _print_table(("file", "size", "sha256"), files)


@store_app.command()
def verify(
    artifact: Annotated[
        str | None, typer.Argument(metavar="[STAGE[/KEY-PREFIX]]", help="only these; default: all")
    ] = None,
    deep: Annotated[bool, typer.Option("--deep", help="compare the bytes and not only the sizes")] = False,
    home: Home = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Check artifacts against their manifests; what fails is put in quarantine, and the exit status is 1.

    Example: tailor store verify --deep policy
    """
    from tailor_core.artifacts.verify import verify as verify_store

    settings = read_settings(home, store, make=False)
    opened = _open(settings)
    stage, _, prefix = (artifact or "").partition("/")
    if prefix and not any(key.startswith(prefix) for key in opened.keys(stage)):
        raise InputError(
            f"STAGE/KEY-PREFIX = {artifact!r} matches nothing in the store {opened.url!r}; give an artifact as "
            "`tailor store ls` shows it"
        )
    if stage and stage not in opened.stages():
        raise InputError(
            f"STAGE = {stage!r} has no artifact in the store {opened.url!r}; `tailor store ls` shows what there is"
        )
    found = list(
        verify_store(opened, settings.locks, stage=stage or None, prefix=prefix, deep=deep, on_busy=_warn)
    )
    damaged = [one for one in found if one.damage]
    if json:
        write_rows(asdict(one) for one in damaged)
    else:
        for one in damaged:
            print(f"{one.stage}/{one.key[:12]}: {one.damage}; moved to {one.moved_to}")
        print(f"{len(found)} artifacts looked at, {len(damaged)} damaged")
    if damaged:
        raise typer.Exit(1)


@store_app.command()
def gc(
    delete: Annotated[
        bool, typer.Option("--delete/--dry-run", help="delete; without it, only show what would go")
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="keep only what these recipes and studies need; repeatable; default: all"
        ),
    ] = None,
    home: Home = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Free what no recipe and no study needs any more.

    What stays is the newest artifact of each recipe and stage, those of all trials of a study, and their inputs. Newest
    is what the recipe used last, as the home's lineage says, and what it made last, as the store says. Trials are those
    that the home knows, in `studies/NAME`: delete that directory to let go of them. What runs of the home that go on
    have come to stays as well, and so do what came to the store within the last hour and what is in quarantine.
    Checkpoints and shards of stages that did not come to their end go when they were left for two weeks, and so do
    copies in the home of a distant store's artifacts that nothing read for as long.

    Example: tailor store gc --keep kk-tiny --delete
    """
    from tailor_core.artifacts.gc import delete_garbage, find_garbage
    from tailor_core.artifacts.leftovers import remove_abandoned, remove_unused_copies

    settings = read_settings(home, store, make=False)
    opened = _open(settings)
    needed = _needed(settings, opened)
    for name in keep or []:
        if name not in needed:
            raise InputError(
                f"--keep = {name!r} is no recipe that the store {opened.url!r} or the home knows, and no study; use "
                f"{', '.join(sorted(needed)) or 'it after a run'}"
            )
    kept = _in_use(settings).union(*(places for name, places in needed.items() if not keep or name in keep))
    garbage = find_garbage(opened, kept)
    freed = delete_garbage(opened, garbage, settings.locks, _warn) if delete else 0
    workdirs = list(remove_abandoned(settings.work, settings.locks, dry_run=not delete))
    copies = list(remove_unused_copies(settings.cache, dry_run=not delete))
    local = sum(size for _, size in (*workdirs, *copies))
    size = garbage.size + local
    freed += local if delete else 0
    goes = [(one.stage, one.key, "artifact", one.size) for one in garbage.artifacts]
    goes += [(one.stage, one.key, "leftover", one.size) for one in garbage.leftovers]
    for path, bytes_ in workdirs:
        stage, _, key = path.name.partition("-")
        goes.append((stage, key, "workdir", bytes_))
    goes += [(path.parent.name, path.name.partition("-")[0], "copy", bytes_) for path, bytes_ in copies]
    if json:
        write_rows({"stage": s, "key": k, "kind": kind, "bytes": size} for s, k, kind, size in goes)
        return
    if goes:
        _print_table(
            ("what", "kind", "size"), [(f"{s}/{k[:12]}", kind, decimal(size)) for s, k, kind, size in goes]
        )
    leftovers = len(garbage.leftovers) + len(workdirs) + len(copies)
    count = f"{len(garbage.artifacts)} artifacts and {leftovers} leftovers"
    if delete:
        print(f"freed {decimal(freed)} of {decimal(size)} in {count}; {garbage.kept} artifacts stay")
    else:
        print(f"--delete would free {decimal(size)} in {count}; {garbage.kept} artifacts stay")


@store_app.command()
def pull(
    artifact: Reference,
    source: Annotated[str, typer.Option("--from", metavar="URL", help="the store to copy from")],
    home: Home = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Copy an artifact, with everything it was made from, from another store into this one.

    Example: tailor store pull policy/3f2a --from s3://bucket/store
    """
    settings = read_settings(home, store)
    _transfer(artifact, _open_url(source), _open(settings), settings, json)


@store_app.command()
def push(
    artifact: Reference,
    target: Annotated[str, typer.Option("--to", metavar="URL", help="the store to copy to")],
    home: Home = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Copy an artifact, with everything it was made from, from this store to another.

    Example: tailor store push policy/3f2a --to s3://bucket/store
    """
    if not target:
        raise InputError("--to is empty, but must be a directory or URL of a store; name one")
    settings = read_settings(home, store)
    _transfer(artifact, _open(settings), _open_url(target), settings, json)


def _in_use(settings: Settings) -> set[Place]:
    """Where the artifacts lie that runs of the home have come to which go on, or were killed and may be resumed."""
    from tailor_core.stages.runs import read_records
    from tailor_core.tracking.attempts import completed_by

    return completed_by(settings.lineage, {one.id for one in read_records(settings) if not one.done})


def _needed(settings: Settings, store: Store) -> dict[str, set[Place]]:
    """Recipe or study -> where the artifacts lie that it needs, besides their inputs; of both where names are one."""
    from tailor_core.artifacts.gc import newest_of_each
    from tailor_core.stages.trials import read_artifacts
    from tailor_core.tracking.attempts import newest_completed

    needed = read_artifacts(settings)
    made = newest_of_each(store.manifests())
    used = {name: (name[1], key) for name, key in newest_completed(settings.lineage).items()}
    for (recipe, _), place in (*made.items(), *used.items()):
        needed.setdefault(recipe, set()).add(place)
    return needed


def _transfer(artifact: str, source: Store, target: Store, settings: Settings, json: bool) -> None:
    from tailor_core.artifacts.transfer import transfer

    moved = transfer(
        _match(source, artifact), source, target, locks=settings.locks, staging=settings.work / "staging"
    )
    if json:
        write_rows(
            {"stage": one.stage, "key": one.key, "copied": new, "bytes": one.size} for one, new in moved
        )
        return
    for one, new in moved:
        print(f"{one.stage}/{one.key[:12]}  {decimal(one.size) if new else 'is there already'}")


def _open(settings: Settings) -> Store:
    return _open_url(settings.store)


def _open_url(url: str) -> Store:
    from tailor_core.artifacts.store import Store

    return Store(url)


def _match(store: Store, artifact: str) -> Manifest:
    stage, slash, prefix = artifact.partition("/")
    if not (stage and slash and prefix):
        raise InputError(
            f"STAGE/KEY-PREFIX = {artifact!r} must be a stage, a slash and the first digits of a key, such as "
            "policy/3f2a; `tailor store ls` shows them"
        )
    return store.match(stage, prefix)


def _warn(message: str) -> None:
    typer.echo(f"left alone: {message}", err=True)


def _print_table(columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    from flows.terminal import print_whole

    print_whole(columns, rows)

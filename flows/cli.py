"""`tailor`: the only command line. Heavy libraries are imported by the command that needs them."""

from __future__ import annotations

import errno
import os
import reprlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import RECIPES
from flows.command import repeated, run_command
from flows.invalidate_cli import invalidate
from flows.lineage_cli import catalog_app, lineage
from flows.options import Home, Json, Overrides, RecipeName, StoreUrl, path_after
from flows.preflight import SHIPPED, backbone_workdir, check_output, check_run
from flows.recover_cli import recover
from flows.rows import answer_rows, write_rows
from flows.serve_cli import serve
from flows.served import served
from flows.store_cli import store_app
from flows.study_cli import study
from tailor_core.artifacts.access import disk_failure
from tailor_core.config.backbone import BACKBONES, PretrainingConfig
from tailor_core.config.load import apply_override, load_recipe, make_config
from tailor_core.config.settings import prepare_process, read_env_file, read_settings
from tailor_core.environments import Wanted, get_environment, read_options
from tailor_core.environments.rows import problem_from_json, problem_to_json, shown, solve_json
from tailor_core.errors import InputError, RecipeError, TailorError
from tailor_core.stages.registry import STAGES
from tailor_core.verification import MODES, score

app = typer.Typer(
    help="Reasoning primitives before reinforcement learning. Example: tailor run kk-tiny",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(store_app, name="store")
app.add_typer(catalog_app, name="catalog")
app.command()(invalidate)
app.command()(recover)
app.command()(lineage)
app.command()(serve)
app.command()(study)

_NO_PATH = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP)
"""What the system says of a name that can never be a file's."""

EnvironmentName = Annotated[
    str,
    typer.Argument(
        help="family of problems: kk, igsm, countdown, rg:NAME (of reasoning-gym), or one that a package adds"
    ),
]


@app.command()
def run(
    recipe: RecipeName,
    overrides: Overrides = None,
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="STAGE", help="run this stage although the store has its artifact; repeatable"),
    ] = None,
    until: Annotated[str, typer.Option(metavar="STAGE", help="end after this stage")] = "",
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Run a recipe: problems to report. What is in the store already is not made again.

    Where a forced stage yields other content than before, the old artifact goes to quarantine and what follows
    runs as well; where it yields the same, nothing else does.

    Example: tailor run kk-tiny --set policy.beta=0.01

    Example: tailor run kk-tiny --force primitives --until selection
    """
    settings = read_settings(home, store)
    loaded = load_recipe(recipe, RECIPES, overrides or [])
    prepare_process(settings)
    check_run(loaded, settings, force or [], until)
    from flows.terminal import print_uncut, read_summary, result_table, show_progress
    from tailor_core.artifacts.refs import ArtifactRef
    from tailor_core.artifacts.store import Store

    show_progress()
    stages: Any = (force or [], until)  # they were checked above
    with served(settings, run_command(recipe, overrides or [], *stages)) as ready:
        from flows.pipeline import pipeline

        with ready():
            refs = pipeline(recipe, overrides or [], settings.home, settings.store, *stages)
    opened = Store(settings.store)
    if "evaluation" in refs:
        evaluated = opened.local(ArtifactRef.from_json(refs["evaluation"]), settings.cache)
        unit = get_environment(loaded.environment.name).main_difficulty
        print_uncut(result_table(read_summary(evaluated), unit))
    if "report" in refs:
        print(f"report: {settings.reports / f'{loaded.name}.html'}")
    else:
        print(f"ended after {until}: {opened.uri(ArtifactRef.from_json(refs[until]))}")


@app.command()
def plan(
    recipe: RecipeName,
    overrides: Overrides = None,
    home: Home = None,
    store: StoreUrl = None,
    json: Json = False,
) -> None:
    """Say of each stage whether it would run, and why, without running any.

    A stage whose input would be made anew waits on it: it is a hit after all if that input turns out as before.
    Where this machine cannot train the policy, the reason is on stderr.

    Example: tailor plan kk-tiny --set policy.beta=0.01
    """
    from tailor_core.artifacts.store import Store
    from tailor_core.stages.explain import plan_stages

    settings = read_settings(home, store, make=False)
    loaded = load_recipe(recipe, RECIPES, overrides or [])
    plans = plan_stages(loaded, Store(settings.store), list(STAGES.values()))
    try:
        check_run(loaded, settings, [], "")
    except TailorError as refusal:
        print(f"tailor: a run would be refused here: {refusal}", file=sys.stderr)
    if json:
        write_rows(stage.to_json() for stage in plans)
        return
    for stage in plans:
        print(stage.to_line())


@app.command()
def problems(
    context: typer.Context,
    environment: EnvironmentName,
    size: Annotated[int, typer.Option(min=0, help="how many problems of each split")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="all random choices follow from it")] = 0,
    split: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPLIT[=COUNT]", help="a split, and how many if not --size; repeatable; default: train"
        ),
    ] = None,
    people: Annotated[int | None, typer.Option(help="kk: number of people")] = None,
    depth: Annotated[int | None, typer.Option(help="kk: levels of a statement at most")] = None,
    width: Annotated[int | None, typer.Option(help="kk: operands of an and/or at most")] = None,
    setting: Annotated[str | None, typer.Option(help="igsm: med, hard, plain or tiny")] = None,
    op: Annotated[int | None, typer.Option(help="igsm: operations that the solution takes")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="any option of the environment; repeatable")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--export", metavar="FORM", help="write a folder for huggingface, trl or verl instead"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="the new folder that --export writes", parser=path_after("--output")
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--import",
            metavar="PATH",
            help="read a .parquet or .jsonl file, or a folder of them, and make none",
            parser=path_after("--import"),
        ),
    ] = None,
) -> None:
    """Generate problems as JSON lines, or as a folder for another project; or read such a folder.

    Example: tailor problems kk --people 5 --size 3 --seed 7

    Example: tailor problems igsm --setting hard --op 21 --size 3

    Example: tailor problems countdown --option numbers=[4] --size 3

    Example: tailor problems rg:leg_counting --size 3

    Example: tailor problems kk --split train=1000 --split test=200 --export verl --output kk-verl

    Example: tailor problems kk --import kk-verl | tailor solve kk
    """
    if (form is None) != (output is None):
        raise InputError("--export and --output go together: --export verl --output FOLDER")
    if source is not None:
        if form is not None:
            raise InputError("--import reads problems and --export writes new ones; give one of them")
        _refuse_making(context)
        from tailor_core.exchange.reading import read_problems

        get_environment(environment)
        write_rows(map(problem_to_json, read_problems(source, environment)))
        return
    shorthands = {
        "people": None if people is None else [people],
        "depth": depth,
        "width": width,
        "setting": setting,
        "op": None if op is None else [op],
    }
    given = {name: value for name, value in shorthands.items() if value is not None}
    wanted = Wanted(
        environment=get_environment(environment),
        options=read_options(environment, {**given, **_parse_options(option or [])}),
        splits=_split_sizes(split or ["train"], size),
        seed=seed,
    )
    if form is not None and output is not None:
        from tailor_core.exchange.export import export

        export(wanted, form, output)
        return
    write_rows(problem_to_json(one) for each in wanted.splits for one in wanted.problems(each))


@app.command()
def solve(environment: EnvironmentName) -> None:
    """Solve problems given as JSON lines: {"id", "solution", "n_solutions"} for each.

    Example: tailor problems kk --size 3 | tailor solve kk
    """
    get_environment(environment)
    write_rows(answer_rows(lambda row: solve_json(_of_family(row, environment), environment)))


@app.command(name="score")
def score_rows(
    environment: EnvironmentName,
    mode: Annotated[str, typer.Option(help=f"what an answer earns: {', '.join(MODES)}")] = "binary",
) -> None:
    """Score JSON lines {"problem": ..., "response": ...}: {"reward", "checks", "reason"} for each.

    Example: tailor score kk --mode binary < rows.jsonl
    """
    get_environment(environment)
    chosen = next((known for known in MODES if known == mode), None)
    if chosen is None:
        raise InputError(f"--mode = {mode!r} is not known; use one of {', '.join(MODES)}")

    def answer(row: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(row.get("problem"), dict) or "response" not in row:
            raise InputError('a row must be {"problem": {...}, "response": "..."}')
        problem = problem_from_json(_of_family(row["problem"], environment), environment)
        return score(problem, row["response"], chosen)._asdict()

    write_rows(answer_rows(answer))


@app.command()
def backbone(
    name: Annotated[str, typer.Argument(help=f"the backbone: {' or '.join(BACKBONES)}")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="the model directory to write; by default that of the package",
            parser=path_after("--output"),
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="override a pretraining setting; repeatable"),
    ] = None,
    home: Home = None,
) -> None:
    """Make a base model from nothing, as the shipped one was made: half an hour on two cores, resumable.

    At the end it is examined: the share of single steps, about problems that it never saw, that it does word for word.

    Example: tailor backbone tiny --output my-backbone --set steps=500
    """
    if name not in BACKBONES:
        raise RecipeError(f"backbone = {name!r} is none that Tailor makes; use {' or '.join(BACKBONES)}")
    values = BACKBONES[name].model_dump(mode="json")
    for override in overrides or []:
        apply_override(values, override)
    config = make_config(PretrainingConfig, values, f"tailor backbone {name}")
    directory = (output or SHIPPED / name).absolute()
    settings = read_settings(home)
    check_output(directory, backbone_workdir(config, settings))
    prepare_process(settings)
    command = ["backbone", name, "--output", str(directory), *repeated("--set", overrides or [])]
    with served(settings, command) as ready:
        from flows.backbone import backbone as flow
        from flows.terminal import print_figures

        with ready():
            right = flow(directory, config, settings.home)
        print_figures(["exercise", "right"], [(kind, f"{share:.1%}") for kind, share in right.items()])


def _refuse_making(context: typer.Context) -> None:
    """InputError where an option was given that says which problems to make, although none are made."""
    given = []
    for parameter in context.command.params:
        told = context.get_parameter_source(str(parameter.name))
        if told and told.name == "COMMANDLINE" and parameter.name not in ("environment", "source"):
            given.append(parameter.opts[0])
    if given:
        are, them = ("are", "them") if len(given) > 1 else ("is", "it")
        raise InputError(
            f"--import makes no problems, so {', '.join(given)} {are} of no use with it; leave {them} out"
        )


def _of_family(row: dict[str, Any], environment: str) -> dict[str, Any]:
    """The row; InputError where it is of another family than the command was told."""
    if row.get("environment", environment) != environment:
        named = shown(row["environment"])
        raise InputError(f"environment = {named}, but the command names {environment!r}; name the same")
    return row


def _split_sizes(splits: list[str], size: int) -> dict[str, int]:
    """Split -> number of problems, of `SPLIT` or `SPLIT=COUNT`."""
    sizes = {}
    for split in splits:
        name, given, count = split.partition("=")
        if given and not (count.isascii() and count.isdigit()):
            raise InputError(f"--split {split!r} is not of the form SPLIT or SPLIT=COUNT, such as test=200")
        if name in sizes:
            raise InputError(f"--split names {name!r} twice; name each split once")
        sizes[name] = int(count) if given else size
    return sizes


def _parse_options(options: list[str]) -> dict[str, Any]:
    """`key=value` pairs, dotted keys as nested tables, values in TOML syntax or else text."""
    values: dict[str, Any] = {}
    for option in options:
        apply_override(values, option, "--option")
    return values


def main() -> None:
    """Run the command line; a mistake that the user can mend is one sentence and exit 2."""
    read_env_file()
    try:
        app()
    except TailorError as error:
        print(f"tailor: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.errno in _NO_PATH:
            told = os.strerror(error.errno)
            print(
                f"tailor: {reprlib.repr(error.filename)} is no path ({told}); give another", file=sys.stderr
            )
            sys.exit(2)
        failure = disk_failure(error, Path())
        if not failure:
            raise
        where = f" at {error.filename!r}" if error.filename else ""
        print(f"tailor: the disk failed{where} ({failure}); mend it and run the same again", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()

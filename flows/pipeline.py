"""The whole method, from nothing to a trained, evaluated and reported model."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.runtime import flow_run

from flows import RECIPES
from flows.command import run_command, run_name, run_tags
from flows.preflight import check_run
from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.execution import Product
from tailor_core.config.load import load_recipe
from tailor_core.config.recipe import Recipe
from tailor_core.config.settings import Settings, prepare_process, read_settings
from tailor_core.stages.methods import FIRST_POLICY, first_of, has_stage
from tailor_core.stages.runs import registered
from tasks.backbone import backbone
from tasks.demonstrations import demonstrations
from tasks.evaluation import evaluation
from tasks.policy import policy
from tasks.primitives import primitives
from tasks.probe import probe
from tasks.problems import problems
from tasks.publish import publishing
from tasks.recovery import recoverable
from tasks.report import report
from tasks.run import open_run
from tasks.selection import selection
from tasks.sft_dataset import sft_dataset
from tasks.stage import Reached
from tasks.tags import add_tags
from tasks.verdicts import verdicts
from tasks.warm_start import warm_start


def _name() -> str:
    given = flow_run.parameters
    return run_name(given["recipe"], given["overrides"] or [], given["force"] or [], given["until"])


@flow(name="tailor", flow_run_name=_name)
def pipeline(
    recipe: str = "kk-tiny",
    overrides: list[str] | None = None,
    home: Path | None = None,
    store: str | None = None,
    force: list[Product] | None = None,
    until: Product | Literal[""] = "",
) -> dict[str, dict[str, str]]:
    """Run a recipe and return each product's artifact reference.

    Args:
        recipe: a recipe that ships with Tailor, or the path of a .toml file
        overrides: values of the recipe that are changed, such as policy.beta=0.01 or execution.gpu=work_pool
        home: where the run keeps its things; if not said, $TAILOR_HOME, else .tailor in the working directory
        store: the artifact store, a directory or URL; if not said, $TAILOR_STORE, else in the home
        force: stages that run although the store has their artifacts
        until: the last stage to run; all, where it is empty

    1.  problems        puzzles for training, validation, test and out-of-distribution levels
    2.  backbone        the base model
    3.  probe           what the base model can do, and how it fails
    4.  primitives      ways of reasoning, discovered and screened
    5.  demonstrations  puzzles solved with the primitives
    6.  verdicts        each demonstration checked
    7.  selection       duplicates and leaks out, a diverse choice in
    8.  sft_dataset     the kept rows as chat messages
    9.  warm_start      the base model fine-tuned on them
    10. policy          reinforcement learning from the warm start
    11. evaluation      base, warm start and policy on held-out puzzles
    12. report          one page on all of it

    A baseline (the recipe's `method`) makes some of these in another way; `none` begins RL at the base model.
    """
    settings = read_settings(home, store)
    loaded = load_recipe(recipe, RECIPES, overrides or [])
    prepare_process(settings)
    check_run(loaded, settings, force or [], until)
    command = run_command(recipe, overrides or [], force or [], until)
    name = run_name(recipe, overrides or [], force or [], until)
    add_tags(*run_tags(loaded, overrides or []))
    with (
        recoverable(settings, command),
        open_run(loaded, settings, force=force or [], until=until, name=name) as run,
        publishing(run),
    ):
        with suppress(Reached):
            puzzles = problems(run)
            base = backbone(run)
            answers = probe(run, problems=puzzles, backbone=base)
            start = base
            if has_stage("warm_start", loaded.method):
                library = primitives(run, problems=puzzles, probe=answers, backbone=base)
                first = _first_policy(recipe, overrides or [], loaded, settings)
                traces = demonstrations(run, problems=puzzles, primitives=library, backbone=base, **first)
                judged = verdicts(run, problems=puzzles, demonstrations=traces)
                chosen = selection(
                    run, problems=puzzles, primitives=library, demonstrations=traces, verdicts=judged
                )
                rows = sft_dataset(run, problems=puzzles, demonstrations=traces, selection=chosen)
                start = warm_start(run, backbone=base, sft_dataset=rows)
            trained = policy(run, warm_start=start, problems=puzzles)
            evaluation(run, problems=puzzles, backbone=base, warm_start=start, policy=trained)
            report(run, **run.refs)
        return {stage: outcome.manifest.ref.to_json() for stage, outcome in run.outcomes.items()}


def _first_policy(
    recipe: str, overrides: list[str], loaded: Recipe, settings: Settings
) -> dict[str, ArtifactRef]:
    """What a method that distils a policy reads: that of another method with the same recipe, a run of its own."""
    first = first_of(loaded)
    if first is None:
        return {}
    overrides = [*overrides, f"method={first}"]
    with registered(settings, run_command(recipe, overrides, [], "policy")):
        made = pipeline(recipe, overrides, settings.home, settings.store, until="policy")
    return {FIRST_POLICY: ArtifactRef.from_json(made["policy"])}

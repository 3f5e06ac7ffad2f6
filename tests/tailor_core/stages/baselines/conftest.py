"""The data of each baseline, made once for all tests of a process."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from baseline_data import DATA, Made, Make, Model, recipe

from tailor_core.artifacts.tables import read_records
from tailor_core.config.baselines import Method
from tailor_core.config.recipe import Recipe
from tailor_core.inference.models import write_model
from tailor_core.records import Demonstration, Primitive, Problem, SelectionDecision, Verdict
from tailor_core.stages.baselines import own_answers
from tailor_core.stages.context import StageContext
from tailor_core.stages.methods import FIRST_POLICY, definition_of
from tailor_core.stages.registry import STAGES, load_target


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes the data of a method in a family, once each; problems are those of all methods of a family."""

    def run(root: Path, product: str, made: Recipe, shared: Path | None = None) -> dict[str, Any]:
        inputs = {path.name: path for path in root.iterdir() if path.is_dir()}
        if shared:
            inputs |= {path.name: path for path in shared.iterdir()}
        definition = definition_of(STAGES[product], made.method)
        config = definition.config_in(made)
        read = {name: inputs[name] for name in definition.inputs_of(config)}
        output, workdir = root / product, root / "work" / product
        output.mkdir()
        workdir.mkdir(parents=True)
        context = StageContext(inputs=read, output=output, workdir=workdir, seed=made.seed)
        return dict(load_target(definition.function)(config, context))

    @cache
    def shared_of(family: str) -> Path:
        root = tmp_path_factory.mktemp(f"shared-{family}")
        run(root, "problems", recipe(family))
        for name in ("probe", FIRST_POLICY):
            (root / name).mkdir()
        write_model("tiny", root / "backbone")
        (root / "probe" / "summary.json").write_text(
            json.dumps({"pass_rate_by_difficulty": {}, "failures": {}, "wrong": 0})
        )
        return root

    @cache
    def data(family: str, method: Method, sections: str, again: int) -> Made:
        shared = shared_of(family)
        made = recipe(family, method, **json.loads(sections))
        root = tmp_path_factory.mktemp(f"{family}-{method}-{again}")
        problems = read_records(shared / "problems" / "problems.parquet", Problem)
        model = Model(problems)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(own_answers, "load_engine", lambda *_, **__: nullcontext(model))
            summaries = {product: run(root, product, made, shared) for product in DATA}

        def table(product: str, record: type[Any]) -> list[Any]:
            return read_records(root / product / f"{product}.parquet", record)

        return Made(
            problems={problem.id: problem for problem in problems},
            primitives=table("primitives", Primitive),
            demonstrations=table("demonstrations", Demonstration),
            verdicts={one.demonstration_id: one for one in table("verdicts", Verdict)},
            decisions=table("selection", SelectionDecision),
            summaries=summaries,
            sampled=model.sampled,
            root=root,
            shared=shared,
        )

    def asked(family: str, method: Method, again: int = 0, **sections: Any) -> Made:
        return data(family, method, json.dumps(sections), again)

    return asked

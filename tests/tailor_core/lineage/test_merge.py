"""The merger: whatever kind the store is, whatever was there before, the catalog says what store and events say."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars
import pytest
from made_up_store import (
    DECISIONS,
    DIMENSION,
    INPUTS,
    commit,
    make_store,
    tell_run,
    vectors,
    write_artifacts,
)

from tailor_core.artifacts.store import Store
from tailor_core.artifacts.tables import write_records
from tailor_core.catalog.connection import open_catalog
from tailor_core.catalog.embeddings import embeddings_table
from tailor_core.catalog.queries import query
from tailor_core.config.settings import Settings
from tailor_core.diversity.curation import UNUSABLE
from tailor_core.diversity.dedup import DuplicateRule
from tailor_core.errors import ArtifactError
from tailor_core.lineage.merge import merge
from tailor_core.records import SFTExample
from tailor_core.tracking.datasets import Dataset
from tailor_core.tracking.openlineage import LineageLog

Tables = dict[str, list[tuple[Any, ...]]]


def ask(settings: Settings, name: str, **parameters: object) -> polars.DataFrame:
    with open_catalog(settings.catalog, read_only=True) as connection:
        return query(connection, name, **parameters)


def tables(settings: Settings) -> Tables:
    """All rows of all tables, but for when migrations were applied."""
    with open_catalog(settings.catalog, read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by all").fetchall()
        return {
            name: sorted(connection.execute(f"select * from {name}").fetchall(), key=repr)
            for (name,) in names
            if name != "schema_migration"
        }


def test_a_store_of_any_kind_gives_the_same_catalog(
    any_store: Store, settings: Settings, store: Store, tmp_path: Path
) -> None:
    made = make_store(store, tmp_path / "one")
    make_store(any_store, tmp_path / "two")
    tell_run(settings.lineage, made)
    merged = merge(settings, store, fresh=True)
    assert (merged.artifacts, merged.attempts, merged.left_out) == (10, 10, [])
    expected = tables(settings)
    merge(settings, any_store, fresh=True)
    found = tables(settings)
    place = 4  # the address, which is all that differs
    for one in (found, expected):
        one["artifacts"] = [row[:place] + row[place + 1 :] for row in one["artifacts"]]
    assert found == expected
    assert len(found["problems"]) == 4
    assert len(found[embeddings_table(DIMENSION)]) == 5
    assert not list(settings.work.glob("catalog-*"))


def test_step_by_step_gives_what_all_at_once_gives(finished: Settings, store: Store, tmp_path: Path) -> None:
    files = write_artifacts(tmp_path / "more")
    made = {m.stage: m for m in store.manifests()}
    fewer = [replace(d, kept=d.demonstration_id == "d0", rule="over_budget") for d in DECISIONS]
    write_records(files["selection"] / "selection.parquet", fewer)
    made["selection"] = commit(store, "selection", files["selection"], made, seed=1)
    tell_run(finished.lineage, {"selection": made["selection"]})
    merge(finished, store, fresh=False)
    grown = tables(finished)
    merge(finished, store, fresh=False)
    assert tables(finished) == grown
    merge(finished, store, fresh=True)
    assert tables(finished) == grown
    assert len(grown["selection"]) == 10


def test_what_the_store_has_no_more_the_catalog_forgets(finished: Settings, store: Store) -> None:
    before = tables(finished)
    [evaluation] = store.manifests("evaluation")
    store.delete("evaluation", evaluation.key)
    merge(finished, store, fresh=False)
    after = tables(finished)
    assert (len(before["evaluation"]), after["evaluation"]) == (2, [])
    assert len(after["attempts"]) == len(before["attempts"]), "that it was made stays true"


def test_a_damaged_table_costs_the_rows_of_its_artifact_only(finished: Settings, store: Store) -> None:
    [manifest] = store.manifests("selection")
    assert store.directory
    (store.directory / manifest.ref.uri / "embeddings.parquet").write_bytes(b"no table")
    merged = merge(finished, store, fresh=True)
    [reason] = merged.left_out
    assert "the 'selection' artifact" in reason
    assert "embeddings.parquet has 8 bytes instead of" in reason
    found = tables(finished)
    assert found["selection"] == []
    assert len(found["demonstrations"]) == 5
    assert len(found["artifacts"]) == 10


def test_a_damaged_artifact_of_a_distant_store_costs_its_rows_only(
    settings: Settings, tmp_path: Path
) -> None:
    store = Store(f"memory://{uuid.uuid4().hex}/store")
    made = make_store(store, tmp_path / "made")
    [path] = [one for one in store.objects(made["verdicts"].ref.uri) if one.endswith(".parquet")]
    store.remove([path])
    [reason] = merge(settings, store, fresh=True).left_out
    assert f"the 'verdicts' artifact {made['verdicts'].key[:12]}" in reason


def test_equal_contents_are_copied_once(finished: Settings, store: Store, tmp_path: Path) -> None:
    made = {m.stage: m for m in store.manifests()}
    again = commit(store, "problems", write_artifacts(tmp_path / "again")["problems"], made, seed=1)
    assert (again.digest, again.key) == (made["problems"].digest, again.key)
    merge(finished, store, fresh=False)
    found = tables(finished)
    assert (len(found["problems"]), len(found["artifacts"])) == (4, 11)


def test_folders_with_pattern_characters_and_empty_tables_are_read(
    settings: Settings, tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "a[b]*c?"))
    files = write_artifacts(tmp_path / "made")
    write_records(files["sft_dataset"] / "sft_dataset.parquet", [], SFTExample)
    made: dict[str, Any] = {}
    for stage in ("problems", "primitives", "demonstrations", "verdicts", "selection", "sft_dataset"):
        made[stage] = commit(store, stage, files[stage], made)
    assert merge(settings, store, fresh=True).left_out == []
    assert ask(settings, "lineage/list_training_rows", recipe="kk").height == 0


def test_events_of_any_content_are_taken_as_text(finished: Settings, store: Store) -> None:
    hostile = "\x00 '; drop table attempts; -- \u202e {} [] \ud800 \U0001f9f5"
    log = LineageLog(directory=finished.lineage, recipe="kk.with.dots")
    log.attempt("policy", "k" * 64, []).fail(OSError(hostile))
    (finished.lineage / "torn.jsonl").write_text('{"eventType": "START", "run')
    merge(finished, store, fresh=False)
    [failed] = [row for row in tables(finished)["attempts"] if row[5] == "FAIL"]
    assert failed[2] == "kk.with.dots"
    assert "'; drop table attempts; --" in failed[11]


def test_a_store_that_cannot_be_read_leaves_the_catalog_as_it_was(
    finished: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tables(finished)

    def refuse(*_: object) -> None:
        raise ArtifactError("the store cannot be read")

    monkeypatch.setattr(store, "stages", refuse)
    with pytest.raises(ArtifactError, match="cannot be read"):
        merge(finished, store, fresh=True)
    assert tables(finished) == before
    assert not list(finished.catalog.parent.glob("*.partial*"))


def test_up_and_down_from_an_artifact(finished: Settings, store: Store) -> None:
    made = {m.stage: m for m in store.manifests()}
    with open_catalog(finished.catalog, read_only=True) as connection:
        up = connection.execute(
            "select ancestor_stage, depth from upstream where stage = 'policy' order by depth, ancestor_stage"
        ).fetchall()
        down = connection.execute(
            "select descendant_stage from downstream where stage = 'primitives' order by all"
        ).fetchall()
    assert up == [
        ("problems", 1),
        ("warm_start", 1),
        ("backbone", 2),
        ("sft_dataset", 2),
        ("demonstrations", 3),
        ("selection", 3),
        ("primitives", 4),
        ("verdicts", 4),
    ]
    assert [stage for (stage,) in down] == sorted(
        ["demonstrations", "verdicts", "selection", "sft_dataset", "warm_start", "policy", "evaluation"]
    )
    place = {"stage": "policy", "key": made["policy"].key}
    assert ask(finished, "lineage/list_uses", **place)["stage"].to_list() == ["evaluation"]


def test_a_registered_model_leads_to_every_row_that_made_it_and_every_one_that_did_not(
    finished: Settings,
) -> None:
    rows = ask(finished, "lineage/list_registered_rows", model="kk", alias="policy")
    assert rows.select("demonstration_id", "kept", "rule", "sft_example_id").rows() == [
        ("d0", True, "kept_diverse", "e0"),
        ("d1", True, "kept_diverse", "e1"),
        ("d2", False, "near_duplicate", None),
        ("d3", False, "not_verified", None),
        ("d4", False, "over_budget", None),
    ]
    assert rows.row(2, named=True)["duplicate_of"] == "d0"
    assert rows.equals(ask(finished, "lineage/list_registered_rows", model="kk", alias="warm_start"))
    assert ask(finished, "lineage/list_registered_rows", model="kk", alias="champion").height == 0


def test_a_model_keeps_its_own_rows_when_the_recipe_goes_on(
    finished: Settings, store: Store, tmp_path: Path
) -> None:
    """Another selection, and a model from it: each model leads to the rows of its own."""
    files = write_artifacts(tmp_path / "more")
    made = {m.stage: m for m in store.manifests()}
    old = made["policy"]
    fewer = [
        replace(d, kept=d.demonstration_id == "d0", rule="kept_diverse" if i == 0 else "over_budget")
        for i, d in enumerate(DECISIONS)
    ]
    write_records(files["selection"] / "selection.parquet", fewer)
    for stage in ("selection", "sft_dataset", "warm_start", "policy"):
        directory = files.get(stage, tmp_path / stage)
        if stage not in files:
            directory.mkdir()
            (directory / "config.json").write_text(f"another {stage}\n")
        made[stage] = commit(store, stage, directory, made, seed=1)
    tell_run(finished.lineage, made, version=3)
    merge(finished, store, fresh=False)
    with open_catalog(finished.catalog, read_only=True) as connection:
        kept = dict(
            connection.execute(
                "select model_key, count(*) filter (where kept) from model_rows "
                "where model_stage = 'policy' group by all"
            ).fetchall()
        )
    assert kept == {old.key: 2, made["policy"].key: 1}
    current = ask(finished, "lineage/list_registered_rows", model="kk", alias="policy")
    assert current["kept"].sum() == 1
    tell_run(finished.lineage, {"policy": old}, cached=True)
    merge(finished, store, fresh=False)
    assert ask(finished, "lineage/list_registered_rows", model="kk", alias="policy")["kept"].sum() == 2


def test_impact_of_a_problem_and_of_a_primitive(finished: Settings, store: Store) -> None:
    [problems] = store.manifests("problems")
    place = {"stage": "problems", "key": problems.key}
    told = ask(finished, "lineage/list_impact", row="x1", **place)
    assert told.select("model_stage", "relation", "rows").rows() == [
        ("policy", "dropped", 2),
        ("policy", "fine_tuned", 1),
        ("policy", "reinforced", 1),
        ("warm_start", "dropped", 2),
        ("warm_start", "fine_tuned", 1),
    ]
    told = ask(finished, "lineage/list_impact", row="p1", **place)
    assert ("warm_start", "fine_tuned", 2) in told.select("model_stage", "relation", "rows").rows()
    [evaluation] = store.manifests("evaluation")
    told = ask(finished, "lineage/list_impact", row="t1", stage="evaluation", key=evaluation.key)
    assert told.select("model_stage", "relation", "rows").rows() == [("backbone", "evaluated", 2)]


def test_cost_and_funnel_of_runs(finished: Settings, store: Store) -> None:
    made = {m.stage: m for m in store.manifests()}
    tell_run(finished.lineage, made, cached=True)
    log = LineageLog(directory=finished.lineage, recipe="kk")
    log.attempt("policy", "k" * 64, []).start()
    failed = log.attempt("policy", "k" * 64, [])
    failed.start()
    failed.fail(OSError("disk full"))
    merge(finished, store, fresh=False)
    cost = {row["stage"]: row for row in ask(finished, "runs/summarise_cost", recipe="kk").to_dicts()}
    assert cost.keys() == INPUTS.keys()
    names = ("attempts", "hits", "made", "failures", "unfinished")
    assert [cost["policy"][name] for name in names] == [4, 1, 1, 1, 1]
    assert [cost["problems"][name] for name in names] == [2, 1, 1, 0, 0]
    assert cost["policy"]["seconds"] > 0
    funnel = ask(finished, "runs/list_funnel", recipe="kk")
    assert funnel.select("stage", "entered", "kept").rows() == [("selection", 5, 2)] * 2


RULES = (*UNUSABLE, *get_args(DuplicateRule), "over_budget", "over_token_budget")
"""By which selections drop rows."""


@pytest.mark.parametrize("rule", RULES)
def test_what_remains_of_the_funnel_is_what_was_kept_whatever_dropped_the_rest(
    settings: Settings, store: Store, tmp_path: Path, rule: str
) -> None:
    made = make_store(store, tmp_path / "one")
    files = write_artifacts(tmp_path / "more")
    decided = [replace(d, kept=d.demonstration_id == "d0", rule=rule) for d in DECISIONS]
    write_records(files["selection"] / "selection.parquet", decided)
    made["selection"] = commit(store, "selection", files["selection"], made, seed=1)
    tell_run(settings.lineage, {"selection": made["selection"]})
    merge(settings, store, fresh=True)
    funnel = ask(settings, "selection/count_funnel", recipe="kk")
    assert funnel.filter(polars.col("dropped") > 0).select("rule", "dropped").rows() == [(rule, 4)]
    assert funnel["remaining"].to_list()[-1] == 1


def test_a_recipe_that_used_the_selection_of_another_and_no_more_has_its_provenance(
    finished: Settings, store: Store
) -> None:
    """The other made training rows of it."""
    selection = next(store.manifests("selection"))
    output = Dataset(name="selection", digest=selection.digest, uri="x")
    log = LineageLog(directory=finished.lineage, recipe="sharing")
    log.attempt("selection", selection.key, []).complete(output, cached=True)
    merge(finished, store, fresh=False)
    with open_catalog(finished.catalog, read_only=True) as connection:
        found = connection.execute(
            "select recipe, demonstration_id, rule, sft_example_id from provenance order by all"
        ).fetchall()
    mine = [row[1:] for row in found if row[0] == "kk"]
    assert [row[2] for row in mine] == ["e0", "e1", None, None, None]
    assert [row[1:] for row in found if row[0] == "sharing"] == [(row, rule, None) for row, rule, _ in mine]
    asked = {recipe: ask(finished, "selection/count_dropped", recipe=recipe) for recipe in ("kk", "sharing")}
    assert asked["kk"].rows() == asked["sharing"].rows() != []


def test_the_catalog_answers_about_the_recipes_last_run(finished: Settings) -> None:
    assert ask(finished, "selection/count_funnel", recipe="kk").rows() == [
        (1, "not_verified", 1, 4),
        (2, "not_wanted", 0, 4),
        (3, "contaminated", 0, 4),
        (4, "too_long", 0, 4),
        (5, "exact_duplicate", 0, 4),
        (6, "near_duplicate", 1, 3),
        (7, "semantic_duplicate", 0, 3),
        (8, "over_budget", 1, 2),
        (9, "over_token_budget", 0, 2),
    ]
    assert ask(finished, "selection/count_dropped", recipe="kk").rows() == [
        ("assume first", "near_duplicate", 1, 0.95),
        ("assume first", "not_verified", 1, None),
        ("assume first", "over_budget", 1, 0.5),
    ]
    assert ask(finished, "selection/list_duplicates", recipe="kk", limit=9).rows() == [
        ("near_duplicate", 0.95, "d2", "Trace 2.", "d0", "Trace 0.")
    ]
    assert ask(finished, "contamination/count_shared_hashes", recipe="kk").rows() == [("test", "train", 1)]
    assert ask(finished, "contamination/list_trained_evaluation", recipe="kk").rows() == [
        ("e1", "d1", "x2", "t1", "test")
    ]
    assert ask(finished, "primitives/count_screening", recipe="kk").rows() == [
        ("accepted", "", 1),
        ("rejected", "pass rate 0.1 < 0.8", 1),
    ]
    accuracy = ask(finished, "evaluation/summarise_accuracy", recipe="kk")
    assert accuracy.columns[5:7] == ["pass_at_1", "sound"]
    assert accuracy.rows() == [("base", "test", 3, 1, 2, 0.5, 0.5, 1.0, 4.0)]
    row = ask(finished, "lineage/trace_demonstration", recipe="kk", demonstration="d1").row(0, named=True)
    assert (row["problem_id"], row["canonical_hash"], row["rank"], row["sft_example_id"]) == (
        "x2",
        "h2",
        2,
        "e1",
    )
    trained = ask(finished, "lineage/list_training_rows", recipe="kk")
    assert trained["sft_example_id"].to_list() == ["e0", "e1"]
    assert ask(finished, "lineage/list_training_rows", recipe="other").height == 0


def test_nearest_neighbours_are_numpys(finished: Settings) -> None:
    table = embeddings_table(DIMENSION)
    found = ask(finished, "selection/find_nearest", recipe="kk", table=table, demonstration="d0", limit=3)
    cosines = vectors()[1:] @ vectors()[0]
    order = np.argsort(-cosines)[:3]
    assert found["demonstration_id"].to_list() == [f"d{i + 1}" for i in order]
    assert found["similarity"].to_list() == pytest.approx(cosines[order].tolist(), abs=1e-6)
    with open_catalog(finished.catalog, read_only=True) as connection:
        described = connection.execute(f"describe {table}").fetchall()
    assert (described[2][0], described[2][1]) == ("embedding", f"FLOAT[{DIMENSION}]")

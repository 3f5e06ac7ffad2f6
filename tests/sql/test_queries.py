"""Every query that ships binds against a freshly migrated catalog and does what its header says."""

from __future__ import annotations

import re

import duckdb
import pytest

from tailor_core.catalog.connection import open_catalog
from tailor_core.catalog.embeddings import create_embeddings_table
from tailor_core.catalog.migrations import migrate
from tailor_core.catalog.queries import load_query, query_names

NAMES = query_names()


def header(sql: str, field: str) -> list[str]:
    line = next(line for line in sql.splitlines() if line.startswith(f"-- {field}:"))
    return [word.strip(" ,$") for word in line.split(":", 1)[1].split()]


def test_the_queries_that_people_need_ship() -> None:
    assert {
        "selection/count_funnel",
        "selection/count_dropped",
        "selection/find_nearest",
        "lineage/trace_demonstration",
        "lineage/list_training_rows",
        "contamination/count_shared_hashes",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_is_one_statement_named_verb_object_in_lower_case(name: str) -> None:
    assert re.fullmatch(r"[a-z_]+/(count|delete|find|insert|list|summarise|trace)_[a-z_]+", name)
    sql = load_query(name)
    assert len(duckdb.extract_statements(sql)) == 1
    assert sql.startswith("-- ")
    code = re.sub(r"--.*|'[^']*'", "", sql)
    assert not re.search(r"\b(SELECT|FROM|WHERE|INSERT|WITH)\b", code)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_has_the_parameters_of_its_header(name: str) -> None:
    sql = load_query(name)
    assert set(header(sql, "params")) == set(duckdb.extract_statements(sql)[0].named_parameters)


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("ingest/")])
def test_a_query_binds_and_returns_the_columns_of_its_header(name: str) -> None:
    sql = load_query(name)
    with open_catalog() as connection:
        migrate(connection)
        values = {
            "recipe": "kk",
            "table": create_embeddings_table(connection, 4),
            "demonstration": "d",
            "limit": 3,
            "row": "r",
            "stage": "policy",
            "key": "k",
            "prefix": "3f",
            "places": ["policy/k"],
            "model": "kk",
            "alias": "policy",
        }
        result = connection.execute(sql, {p: values[p] for p in header(sql, "params")})
        assert [column[0] for column in result.description] == header(sql, "columns")

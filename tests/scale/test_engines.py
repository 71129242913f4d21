"""DuckDB and Polars give what `underwrite score` gives, to the bit."""

from __future__ import annotations

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import underwrite
import underwrite.duckdb
import underwrite.polars
from conftest import assert_equal, scored_by_the_program


@pytest.fixture(scope="module")
def expected(model, rows, folder) -> pa.Table:
    return scored_by_the_program(model, rows, folder)


@pytest.fixture
def con():
    with duckdb.connect() as con:
        yield con


def test_duckdb_answers_the_same(con, model, parquet, expected):
    underwrite.duckdb.register(con, model)
    asked = f"select id, underwrite(loans) as scored from '{parquet}/*.parquet' as loans"
    got = con.sql(f"select id, scored.* from ({asked})").to_arrow_table()
    assert_equal(got, expected)
    some = con.sql(
        f"select count(*) from '{parquet}/*.parquet' as loans where underwrite(loans).outcome = 'approve'"
    ).fetchall()
    assert some == [(expected["outcome"].to_pylist().count("approve"),)]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("select underwrite(1)", "expected a row"),
        ("select underwrite(1, 2)", "expected a row"),
        ("select underwrite({'person_incom': 1})", "the column is missing"),
        ("select underwrite(l) from (select * replace (1.5::decimal(9, 2) as loan_amnt) from loans) l", "'loan_amnt': .*decimals"),
        ("select underwrite(l) from (select * replace (date '2026-11-29' as loan_amnt) from loans) l", "'loan_amnt': .*dates"),
        ("select underwrite(l) from (select * replace (-1 as loan_amnt) from loans) l", "row 0: column 'loan_amnt'"),
    ],
)
def test_duckdb_names_what_is_wrong(con, model, rows, query, says):
    con.register("loans", rows)
    underwrite.duckdb.register(con, model)
    with pytest.raises(duckdb.Error, match=says):
        con.sql(query).fetchall()


def test_duckdb_goes_on_where_it_is_told_to(con, model, rows):
    con.register("loans", rows.slice(0, 100))
    underwrite.duckdb.register(con, model, "approval", on_invalid="null")
    query = "select * replace (if(id = 7, -1, loan_amnt) as loan_amnt) from loans"
    got = con.sql(f"select id from ({query}) l where approval(l).probability is null").fetchall()
    assert got == [(7,)]


def test_polars_answers_the_same(model, rows, parquet, expected):
    eager = pl.from_arrow(rows).with_columns(underwrite.polars.score(model).struct.unnest())
    assert_equal(eager.to_arrow(), expected)
    lazy = pl.scan_parquet(f"{parquet}/*.parquet").select(
        "id", underwrite.polars.score(model).struct.unnest()
    )
    for engine in ("in-memory", "streaming"):
        assert_equal(lazy.collect(engine=engine).to_arrow(), expected)


def test_polars_names_what_is_wrong(model, rows):
    table = pl.from_arrow(rows.slice(0, 100))
    score = underwrite.polars.score(model)
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match="person_income"):
        table.drop("person_income").select(score)
    with pytest.raises(Exception, match="'loan_amnt': .*decimals"):
        table.with_columns(pl.col("loan_amnt").cast(pl.Decimal(12, 2))).select(score)
    bad = table.with_columns(loan_amnt=pl.when(pl.col("id") == 7).then(-1.0).otherwise("loan_amnt"))
    with pytest.raises(Exception, match="row 7: column 'loan_amnt'"):
        bad.select(score)
    lenient = bad.select("id", underwrite.polars.score(model, on_invalid="null").struct.unnest())
    assert lenient.filter(pl.col("probability").is_null())["id"].to_list() == [7]

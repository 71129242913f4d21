"""Tables of every library give what single decisions give, to the bit."""

from __future__ import annotations

import subprocess

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import underwrite
from underwrite._program import program

CATEGORIES = ["person_gender", "person_education", "person_home_ownership", "loan_intent", "previous_loan_defaults_on_file"]


def tables(rows: pd.DataFrame) -> dict:
    arrow = pa.Table.from_pandas(rows)
    polars = pl.from_pandas(rows)
    return {
        "pandas": rows,
        "pandas, categorical": rows.astype(dict.fromkeys(CATEGORIES, "category")),
        "pandas, objects": rows.astype(dict.fromkeys(CATEGORIES, object)),
        "polars": polars,
        "polars, categorical": polars.with_columns(pl.col(CATEGORIES).cast(pl.Categorical)),
        "arrow": arrow,
        "arrow, batches and slices": pa.concat_tables([arrow.slice(0, 1001), arrow.slice(1001)]),
        "arrow, dictionaries": pa.table(
            {name: arrow[name].dictionary_encode() for name in arrow.column_names}
        ),
        "a stream": pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(777)),
        "duckdb": duckdb.sql("select * from rows"),
        "columns": {name: rows[name].to_numpy() for name in rows},
        "records": rows.to_records(index=False),
        "dictionaries": rows.to_dict("records"),
    }


KINDS = list(tables(pd.DataFrame({name: ["x"] for name in CATEGORIES})))


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_equals_single_decisions(model, rows, probability, kind):
    given = tables(rows)[kind]
    got = model.predict_proba(given)
    assert got.shape == (len(rows), 2)
    assert (got[:, 1] == np.array(probability)).all()
    assert (got[:, 0] == 1.0 - got[:, 1]).all()


def test_other_columns_are_not_looked_at(model, rows, probability):
    odd = rows.assign(odd=[[1], "x", {}, None, 2.5] * 1000, loan_status=1)
    assert (model.predict_proba(odd)[:, 1] == np.array(probability)).all()


def test_an_array_is_taken_in_the_order_of_the_inputs(model, rows, probability):
    array = rows[list(model.feature_names_in_)].to_numpy(dtype=object)
    assert (model.predict_proba(array)[:, 1] == np.array(probability)).all()
    with pytest.raises(ValueError, match="array of 12 columns"):
        model.predict_proba(array[:, :5])


def test_the_program_scores_the_same(model, rows, tmp_path):
    rows.to_csv(tmp_path / "rows.csv", index=False)
    model.save(tmp_path / "model.wasm")
    out = tmp_path / "scored.csv"
    command = [program(), "score", "--model", tmp_path / "model.wasm", "--input", tmp_path / "rows.csv", "--output", out]
    subprocess.run(command, check=True)
    scored = pd.read_csv(out)
    ours = model.score(rows)
    assert (scored["probability"].to_numpy() == ours["probability"]).all()
    assert (scored["prediction"].to_numpy() == ours["prediction"]).all()
    assert (scored["outcome"].to_numpy() == ours["outcome"]).all()


def test_the_sketch_is_that_of_the_module(model, rows, applications):
    whole = model.sketch(rows)
    assert whole.startswith(b"UWDRIFT")
    assert model.sketch(pl.from_pandas(rows)) == whole
    assert model.sketch(applications) == whole


def test_sketches_of_parts_are_merged_to_the_byte(model, rows):
    parts = [model.sketch(rows.iloc[start : start + 777]) for start in range(0, len(rows), 777)]
    assert underwrite.merge_sketches(parts[::-1]) == model.sketch(rows)
    with pytest.raises(ValueError, match="at least one sketch"):
        underwrite.merge_sketches([])
    with pytest.raises(ValueError, match="sketch"):
        underwrite.merge_sketches([parts[0][:40]])


def test_adjustments_are_counted(model, rows, applications):
    some = rows.head(50).copy()
    some.loc[3, "person_income"] = np.nan
    some.loc[3, "person_age"] = 144
    expected = [len(model.decide(one)["adjustments"]) for one in some.to_dict("records")]
    assert expected[3] == 2
    assert model.score(some)["adjustments"].tolist() == expected


def test_a_refused_row_is_named(model, rows):
    bad = rows.copy()
    bad.loc[[7, 9], "person_income"] = -5
    with pytest.raises(underwrite.RefusedRow) as refused:
        model.predict_proba(bad)
    assert (refused.value.row, refused.value.refused) == (7, 2)
    assert str(refused.value).startswith(
        "row 7: column 'person_income': Input should be greater than or equal to 0, got -5"
    )
    blank = model.score(bad, on_invalid="nan")
    assert np.isnan(blank["probability"]).nonzero()[0].tolist() == [7, 9]
    assert blank["outcome"][7] == "refused"
    with pytest.raises(ValueError, match="on_invalid"):
        model.score(bad, on_invalid="ignore")


def test_a_row_of_a_later_batch_is_named(model, rows):
    bad = rows.copy()
    bad.loc[4321, "loan_amnt"] = -1
    table = pa.Table.from_pandas(bad)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(1000))
    with pytest.raises(underwrite.RefusedRow, match="row 4321: column 'loan_amnt'"):
        model.predict(reader)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pa.array([1] * 3, pa.decimal128(10, 2)), "got decimals"),
        (pa.array([1] * 3, pa.timestamp("us")), "got timestamps"),
        (pa.array([1] * 3, pa.date32()), "got dates"),
        (pa.array([[1]] * 3), "got lists"),
        (pa.array([{"a": 1}] * 3), "got structs"),
        (pa.array([b"1"] * 3), "got bytes"),
        (pa.array([True] * 3), "expected a column of type number, got booleans"),
    ],
)
def test_a_type_without_meaning_is_named(model, rows, values, says):
    table = pa.Table.from_pandas(rows.head(3)).drop_columns(["person_income"])
    table = table.append_column("person_income", values)
    with pytest.raises(ValueError, match=f"column 'person_income': .*{says}"):
        model.predict(table)


def test_a_missing_column_is_named(model, rows):
    with pytest.raises(ValueError, match="'person_income': the column is missing: did you mean"):
        model.predict(rows.rename(columns={"person_income": "person_incom"}))
    without = rows.drop(columns="person_emp_exp")
    with pytest.raises(ValueError, match="'person_emp_exp': the column is missing, and every row"):
        model.predict(without)
    scored = model.score(without, allow_missing_columns=True)
    assert (scored["adjustments"] >= 1).all()


def test_tables_without_rows_and_other_things(model, rows):
    assert model.predict_proba(rows.head(0)).shape == (0, 2)
    assert model.predict(pl.from_pandas(rows.head(0))).shape == (0,)
    with pytest.raises(ValueError):
        model.predict(pl.Series([1, 2]))
    with pytest.raises(ValueError, match="column 'a', row 1: expected text, got list"):
        model.predict({"a": ["x", []]})

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
import underwrite.polars
from underwrite._program import program

CATEGORIES = ["person_gender", "person_education", "person_home_ownership", "loan_intent", "previous_loan_defaults_on_file"]

INPUTS = [
    "person_age", "person_education", "person_income", "person_emp_exp", "person_home_ownership", "loan_amnt",
    "loan_intent", "loan_int_rate", "loan_percent_income", "cb_person_cred_hist_length", "credit_score",
    "previous_loan_defaults_on_file",
]  # fmt: skip


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
        "rows of lists": rows[INPUTS].values.tolist(),
    }


KINDS = list(tables(pd.DataFrame({name: ["x"] for name in [*CATEGORIES, *INPUTS]})))


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
    # Neither their values nor their length.
    columns = {"odd": [[1], 2], **{name: rows[name].to_numpy() for name in rows}}
    assert (model.predict_proba(columns)[:, 1] == np.array(probability)).all()


def masked(rows: pd.DataFrame, name: str) -> dict:
    """Tables in which numpy masks the second of three values of a column."""
    columns = {name: rows[name].to_numpy() for name in rows}
    hidden = np.ma.array(rows[name].tolist(), mask=[False, True, False])
    structured = np.ma.array(rows.to_records(index=False))
    structured[name] = hidden
    array = np.ma.array(rows[INPUTS].to_numpy(dtype=object))
    array[1, INPUTS.index(name)] = np.ma.masked
    return {
        "a column": {**columns, name: hidden},
        "a column of objects": {**columns, name: hidden.astype(object)},
        "a list": {**columns, name: list(hidden)},
        "dictionaries": [dict(zip(columns, row)) for row in zip(*{**columns, name: hidden}.values())],
        "a structured array": structured,
        "a two-dimensional array": array,
        "rows of arrays": list(array),
    }


MASKED = list(masked(pd.DataFrame({name: [1, 2, 3] for name in INPUTS}), INPUTS[0]))


@pytest.mark.parametrize("name", ["person_age", "person_emp_exp", "loan_intent", "previous_loan_defaults_on_file"])
@pytest.mark.parametrize("kind", MASKED)
def test_what_numpy_masks_is_missing(model, rows, kind, name):
    some = rows.head(3).copy()
    if name == "previous_loan_defaults_on_file":
        some[name] = some[name] == "Yes"
    expected = [{**one, name: None} if row == 1 else one for row, one in enumerate(some.to_dict("records"))]
    expected = [model.decide(one) for one in expected]
    assert [one["feature"] for one in expected[1]["adjustments"]] == [name]
    got = model.score(masked(some, name)[kind])
    assert got["probability"].tolist() == [one["probability"] for one in expected]
    assert got["adjustments"].tolist() == [len(one["adjustments"]) for one in expected]


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


def test_periods_of_pandas_are_refused(model, rows):
    periods = rows.head(3).assign(person_age=pd.period_range("2015", periods=3, freq="Y"))
    with pytest.raises(ValueError, match="column 'person_age': .*got the extension type pandas.period"):
        model.score(periods)
    # A column that the model does not read may be what it likes.
    other = rows.head(3).assign(odd=pd.period_range("2015", periods=3, freq="Y"))
    assert len(model.score(other)["probability"]) == 3


@pytest.mark.skipif(not hasattr(pa, "json_"), reason="of a newer PyArrow")
def test_extension_types_that_mean_what_they_store_are_read(model, rows):
    table = pa.Table.from_pandas(rows.head(3), preserve_index=False)
    intents = pa.ExtensionArray.from_storage(
        pa.json_(pa.large_string()), table["loan_intent"].combine_chunks().cast(pa.large_string())
    )
    place = table.column_names.index("loan_intent")
    given = table.set_column(place, "loan_intent", intents)
    assert (model.predict_proba(given) == model.predict_proba(table)).all()


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
        # Stored as an integer: how many years after 1970.
        (pa.array(pd.period_range("2015", periods=3, freq="Y")), "got the extension type pandas.period"),
    ],
)
def test_a_type_without_meaning_is_named(model, rows, values, says):
    table = pa.Table.from_pandas(rows.head(3)).drop_columns(["person_income"])
    table = table.append_column("person_income", values)
    with pytest.raises(ValueError, match=f"column 'person_income': .*{says}"):
        model.predict(table)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([4, True], "row 1: expected a number, as in row 0, got bool: True"),
        ([True, 4], "row 1: expected a boolean, as in row 0, got int: 4"),
        ([4, np.True_], "row 1: expected a number, as in row 0, got bool: np.True_"),
        ([True, "yes"], "row 1: expected a boolean, as in row 0, got str: 'yes'"),
        ([None, 4, "4"], "row 2: expected a number, as in row 1, got str: '4'"),
        ([np.complex128(26 + 9j), 4], "row 0: expected a number, a boolean or text, got complex128"),
        ([4, np.complex128(26 + 9j)], "row 1: expected a number, as in row 0, got complex128"),
        ([4, np.timedelta64(5, "ns")], "row 1: expected a number, as in row 0, got timedelta64"),
        ([4, np.longdouble(5)], "row 1: expected a number, as in row 0, got longdouble"),
        (["x", []], r"row 1: expected text, as in row 0, got list: \[\]"),
    ],
)
def test_a_column_has_values_of_one_kind(model, rows, values, says):
    columns = {name: rows[name].head(len(values)).to_numpy() for name in rows}
    for given in (values, np.array([*values, None], dtype=object)[:-1]):
        with pytest.raises(ValueError, match=f"column 'person_emp_exp', {says}"):
            model.score({**columns, "person_emp_exp": given})
    array = rows[INPUTS].head(len(values)).values.tolist()
    for row, value in zip(array, values):
        row[INPUTS.index("person_emp_exp")] = value
    with pytest.raises(ValueError, match=f"column 'person_emp_exp', {says}"):
        model.score(array)


@pytest.mark.parametrize("integer", [2**53, 2**53 + 1, 2**63, 2**64, -(2**64), 10**400])
@pytest.mark.parametrize("other", [4, 4.5, None])
def test_a_large_integer_is_not_rounded_to_one_that_is_taken(model, applications, integer, other):
    some = [{**applications[0], "person_emp_exp": value} for value in (integer, other)]
    try:
        outcome = model.decide(some[0])["outcome"]
    except underwrite.Refused:
        outcome = "refused"
    try:
        assert model.score(some, on_invalid="nan")["outcome"][0] == outcome
    except ValueError as error:
        assert outcome == "refused"
        assert "column 'person_emp_exp', row 0: expected an integer that a 64-bit float holds exactly" in str(error)


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
    with pytest.raises(ValueError, match="row 1: expected a table with named columns.* of 12 columns .*got 5 values"):
        model.predict([[None] * 12, [None] * 5])


def test_polars_fills_in_no_column_that_is_misspelled(model, rows):
    table = pl.from_pandas(rows.head(3).rename(columns={"person_income": "person_incom"}))
    with pytest.raises((ValueError, pl.exceptions.PolarsError), match="person_income.*did you mean it by 'person_incom'"):
        table.select(underwrite.polars.score(model, columns=table.columns))
    scored = table.select(underwrite.polars.score(model, columns=table.columns, allow_missing_columns=True))
    assert scored["score"].struct.field("adjustments").to_list() == [1, 1, 1]


def test_columns_of_other_objects_are_ignored_where_a_derived_input_is_not_there(model, rows):
    some = rows.head(5).drop(columns="loan_percent_income")
    expected = model.score(some)["probability"].tolist()
    objects = some.assign(notes=[1, "a", {}, [1], 2j])
    assert model.score(objects)["probability"].tolist() == expected
    with pytest.raises(ValueError, match="person_income"):
        model.score(objects.rename(columns={"person_income": "person_incom"}))

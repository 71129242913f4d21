"""The program reads a table as `Model.score` reads it, whatever library the table is of."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import underwrite
from underwrite import _files, _tables

SCHEMA = """
name = "grades"
version = "1"

[[feature]]
name = "grade"
type = "category"
categories = ["1", "2", "3", "4"]
missing = "other"
unknown = "other"

[[feature]]
name = "x"
type = "number"

[[feature]]
name = "flag"
type = "boolean"
missing = "most_frequent"

[[feature]]
name = "seen"
type = "category"
role = "time"

[[feature]]
name = "y"
type = "boolean"
role = "target"
"""

POLICY = """
[policy]
version = "1"

[[rule]]
id = "r"
when = "x > 0.1"
then = "decline"
code = "K"
text = "x"
if_missing = "refer"
"""

ROWS = 400


@pytest.fixture(scope="module")
def gaps() -> pd.DataFrame:
    """What pandas makes of whole numbers and booleans with gaps, and floats of 32 bits."""
    random = np.random.default_rng(1)
    grade = random.integers(1, 5, ROWS).astype(float)
    y = random.random(ROWS) < (grade - 0.5) / 4
    grade[::50] = np.nan
    flag = (random.random(ROWS) < 0.5).astype(float)
    flag[1::50] = np.nan
    # 0.1 is above 0.1 in 32 bits.
    x = np.where(random.random(ROWS) < 0.5, 0.1, 0.05).astype("float32")
    seen = pd.Timestamp("2026-03-31") + pd.to_timedelta(np.arange(ROWS), unit="h")
    return pd.DataFrame({"grade": grade, "x": x, "flag": flag, "seen": seen, "y": y.astype(float)})


@pytest.fixture(scope="module")
def judge(gaps, tmp_path_factory) -> underwrite.Model:
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(POLICY)
    kind = {"model": "logistic_regression", "calibration": "none"}
    tidy = gaps.astype({"grade": "Int64", "x": float, "flag": "boolean", "y": bool})
    return underwrite.train(tidy, SCHEMA, policy=policy, **kind)


TABLES = {
    "pandas": lambda rows: rows,
    "pandas, nullable": lambda rows: rows.astype({"grade": "Int64", "flag": "boolean"}),
    "pandas, categorical": lambda rows: rows.astype({"grade": "category"}),
    "pandas, objects": lambda rows: rows.astype(object),
    "polars": pl.from_pandas,
    "polars, categorical": lambda rows: pl.from_pandas(rows).with_columns(
        pl.col("grade").cast(pl.Int64).cast(pl.String).cast(pl.Categorical)
    ),
    "arrow": lambda rows: pa.Table.from_pandas(rows, preserve_index=False),
    "arrow, dictionaries": lambda rows: pa.table(
        {name: pa.array(rows[name], from_pandas=True).dictionary_encode() for name in rows}
    ),
    "columns": lambda rows: {name: rows[name].to_numpy() for name in rows},
    "dictionaries": lambda rows: rows.to_dict("records"),
}

#: Those that need no PyArrow.
WITHOUT = [kind for kind in TABLES if "arrow" not in kind]


def same_as_scored(judge, given, rows, tmp_path):
    predictions = tmp_path / "predictions.csv"
    figures = underwrite.evaluate(judge, given, resamples=10, predictions=predictions)
    read = pd.read_csv(predictions)
    scored = judge.score(rows.drop(columns=["seen", "y"]))
    assert read["probability"].to_numpy().tolist() == scored["probability"].tolist()
    declined = int((scored["outcome"] == "decline").sum())
    assert figures["outcomes"]["after_rules"]["decline"] == declined
    assert 0.2 * ROWS < declined < ROWS


@pytest.mark.parametrize("kind", TABLES)
def test_evaluate_decides_what_score_decides(judge, gaps, kind, tmp_path):
    same_as_scored(judge, TABLES[kind](gaps), gaps, tmp_path)


@pytest.mark.parametrize("kind", WITHOUT)
def test_the_same_without_pyarrow(judge, gaps, kind, tmp_path, monkeypatch):
    given = TABLES[kind](gaps)
    for module in (_files, _tables):
        monkeypatch.setattr(module, "_pyarrow_is_there", lambda: False)
    same_as_scored(judge, given, gaps, tmp_path)


@pytest.mark.parametrize("kind", TABLES)
def test_drift_counts_what_score_reads(judge, gaps, kind):
    inputs = gaps.drop(columns="y")
    by_sketch = underwrite.drift(judge, judge.sketch(inputs[["grade", "x", "flag"]]))
    by_table = underwrite.drift(judge, TABLES[kind](inputs))
    assert by_table["dataset_drift"] is by_sketch["dataset_drift"] is False


def test_a_model_of_a_table_is_that_of_every_other(gaps):
    kind = {"model": "logistic_regression", "calibration": "none"}
    models = [underwrite.train(TABLES[name](gaps), SCHEMA, **kind) for name in ("pandas", "polars", "columns")]
    scores = [model.score(gaps)["probability"].tolist() for model in models]
    assert scores[0] == scores[1] == scores[2]


def test_the_text_of_a_number_is_that_of_a_request():
    numbers = [3.0, -0.0, 0.1, float(np.float32(0.1)), 2.0**53, 1e300, np.nan, 7]
    texts = ["3", "0", "0.1", "0.10000000149011612", "9007199254740992", "1e+300", "", "7"]
    assert [_files._number(number) for number in numbers] == texts


def test_other_things_are_named(judge, gaps):
    small = gaps.head(8)
    for column, message in [
        ([decimal.Decimal("1.5")] * 8, "column 'x': expected numbers, booleans or text, got decimal"),
        ([[1, 2]] * 8, "column 'x': expected numbers, booleans or text, got list"),
        ([1.0, "a"] * 4, "column 'x': expected numbers, booleans or text"),
    ]:
        with pytest.raises(ValueError, match=message):
            underwrite.evaluate(judge, small.assign(x=column))
    for given in ([[1.0, 2.0]], np.zeros((2, 2)), 7):
        with pytest.raises(TypeError, match="expected a table with named columns"):
            underwrite.evaluate(judge, given)
    with pytest.raises(ValueError, match="columns of one length"):
        underwrite.evaluate(judge, {"x": [1.0], "grade": ["1", "2"]})


def test_times_without_pyarrow_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(_files, "_pyarrow_is_there", lambda: False)
    day = datetime.date(2026, 3, 31)
    given = pd.DataFrame(
        {
            "day": [day, None],
            "time": pd.to_datetime(["2026-03-31 12:30", None]),
            "utc": pd.to_datetime(["2026-03-31 12:30", None], utc=True),
            "text": ['a "b", c', None],
            "yes": [True, False],
        }
    )
    path = _files.write_rows(given, tmp_path, "rows")
    assert path.read_text() == (
        "day,time,utc,text,yes\n"
        '2026-03-31,2026-03-31T12:30:00,2026-03-31T12:30:00Z,"a ""b"", c",true\n'
        ",,,,false\n"
    )

"""Rows, models and a cluster for all tests; `cargo xtask test scale` names them:

UNDERWRITE_SCALE_DIR        a folder to work in
UNDERWRITE_SCALE_ROWS       a CSV file of 45,000 rows, the real one where it is there
UNDERWRITE_TEST_MODELS_DIR  loan.wasm and points.wasm
UNDERWRITE_BIN              the program
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

import cluster
import underwrite
from underwrite._program import program

MANY = 3_000_000
FILES = 24


@pytest.fixture(scope="session")
def folder() -> Path:
    folder = Path(os.environ["UNDERWRITE_SCALE_DIR"]).resolve() / "tests"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def spark(folder):
    spark = cluster.start(folder, cluster.QUICK)
    yield spark
    spark.stop()


@pytest.fixture(scope="session")
def model() -> underwrite.Model:
    return underwrite.Model(Path(os.environ["UNDERWRITE_TEST_MODELS_DIR"]) / "loan.wasm")


@pytest.fixture(scope="session")
def points() -> underwrite.Model:
    return underwrite.Model(Path(os.environ["UNDERWRITE_TEST_MODELS_DIR"]) / "points.wasm")


@pytest.fixture(scope="session")
def rows() -> pa.Table:
    """45,000 labeled rows, numbered."""
    table = pyarrow.csv.read_csv(os.environ["UNDERWRITE_SCALE_ROWS"])
    return table.append_column("id", pa.array(range(len(table)), pa.int64()))


@pytest.fixture(scope="session")
def many(rows) -> pa.Table:
    """3 million rows: those again and again, the incomes and rates a little different."""
    random = np.random.default_rng(19)
    times = -(-MANY // len(rows))
    table = pa.concat_tables([rows] * times).slice(0, MANY).combine_chunks()
    # NaN where a value is missing, which is null again.
    income = table["person_income"].to_numpy() * random.uniform(0.8, 1.25, MANY)
    table = _with(table, "person_income", pa.array(np.round(income, 2), mask=np.isnan(income)))
    rate = table["loan_int_rate"].to_numpy() + random.uniform(-0.4, 0.4, MANY)
    table = _with(table, "loan_int_rate", pa.array(np.round(rate, 3), mask=np.isnan(rate)))
    return _with(table, "id", np.arange(MANY))


def _with(table: pa.Table, name: str, values) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@pytest.fixture(scope="session")
def parquet(folder, rows) -> str:
    return written(rows, folder / "rows", 4)


@pytest.fixture(scope="session")
def many_parquet(folder, many) -> str:
    return written(many, folder / "many", FILES)


def written(table: pa.Table, folder: Path, files: int) -> str:
    """The rows as a folder of Parquet files."""
    folder.mkdir()
    each = -(-len(table) // files)
    for file in range(files):
        part = table.slice(file * each, each)
        pyarrow.parquet.write_table(part, folder / f"part-{file:02}.parquet")
    return str(folder)


def scored_by_the_program(model: underwrite.Model, table: pa.Table, folder: Path) -> pa.Table:
    """What `underwrite score` writes for these rows."""
    model.save(folder / "scored-by.wasm")
    given, out = folder / "given.csv", folder / "scored.csv"
    pyarrow.csv.write_csv(table, given)
    command = [program(), "score", "--model", folder / "scored-by.wasm", "--pass-through"]
    subprocess.run([*command, "--input", given, "--output", out], check=True, capture_output=True)
    types = {"probability": pa.float64(), "outcome": pa.string(), "adjustments": pa.string()}
    only = pyarrow.csv.ConvertOptions(column_types=types, include_columns=["id", *types])
    return pyarrow.csv.read_csv(out, convert_options=only)


def assert_equal(got: pa.Table, expected: pa.Table) -> None:
    """Every row is there once, with the probability to the bit."""
    got, expected = got.sort_by("id"), expected.sort_by("id")
    assert got["id"].equals(expected["id"])
    bits = [table["probability"].to_numpy().view(np.int64) for table in (got, expected)]
    assert (bits[0] == bits[1]).all()
    assert got["outcome"].to_numpy().tolist() == expected["outcome"].to_numpy().tolist()
    if "adjustments" in expected.column_names and expected["adjustments"].type == pa.string():
        texts = expected["adjustments"].to_pylist()
        counts = [text.count(";") + 1 if text else 0 for text in texts]
        assert got["adjustments"].to_pylist() == counts

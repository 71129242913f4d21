"""A model and its rows; `cargo xtask test python` names the model in UNDERWRITE_TEST_MODEL."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

import underwrite

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="session")
def model() -> underwrite.Model:
    return underwrite.Model(os.environ["UNDERWRITE_TEST_MODEL"])


@pytest.fixture(scope="session")
def labeled() -> pd.DataFrame:
    return pd.read_csv(DATA / "loan_sample.csv")


@pytest.fixture(scope="session")
def rows(labeled: pd.DataFrame) -> pd.DataFrame:
    return labeled.drop(columns="loan_status")


@pytest.fixture(scope="session")
def applications(rows: pd.DataFrame) -> list[dict]:
    return rows.to_dict("records")


@pytest.fixture(scope="session")
def probability(model: underwrite.Model, applications: list[dict]) -> list[float]:
    """Of every row, decided one by one."""
    return [model.decide(application)["probability"] for application in applications]

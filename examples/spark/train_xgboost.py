"""Trains XGBoost on the workers of a Spark, and brings the model home as one file.

Usage: train_xgboost.py LOANS.PARQUET LOAN.TOML MODEL.WASM

The import proves itself on rows that Spark predicted: it writes nothing where an answer differs.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import underwrite
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from xgboost.spark import SparkXGBClassifier

#: Rows that the imported model has to answer as Spark did.
CHECKED = 5_000


def encoded(name: str, feature: dict) -> Column:
    """A column as numbers: a category by its code, yes and no as 1 and 0, missing as NaN."""
    column = F.col(name)
    if "codes" in feature:
        codes = F.create_map(*[F.lit(part) for pair in feature["codes"].items() for part in pair])
        column = codes[column]
    elif feature["type"] == "boolean":
        column = F.when(column == "Yes", 1.0).when(column == "No", 0.0)
    return F.coalesce(column.cast("float"), F.lit(float("nan")).cast("float"))


def train(loans: DataFrame, schema: Path, out: Path, workers: int = 2) -> underwrite.Model:
    """Train on all rows of `loans`, one task of XGBoost for each of `workers`."""
    features = tomllib.loads(schema.read_text(encoding="utf-8"))["feature"]
    inputs = [one for one in features if one.get("role", "input") == "input"]
    target = next(one["name"] for one in features if one.get("role") == "target")
    names = [one["name"] for one in inputs]

    numbers = [encoded(one["name"], one).alias(f"x_{one['name']}") for one in inputs]
    rows = loans.select("*", *numbers).withColumn("label", F.col(target).cast("int"))
    estimator = SparkXGBClassifier(
        features_col=[f"x_{name}" for name in names],
        label_col="label",
        num_workers=workers,
        n_estimators=200,
        max_depth=5,
        learning_rate=0.1,
        feature_names=names,
    )
    fitted = estimator.fit(rows)

    check = fitted.transform(rows.limit(CHECKED))
    positive = vector_to_array("probability")[1]
    check = check.select(*names, positive.alias("expected")).toPandas()
    with TemporaryDirectory() as folder:
        booster = Path(folder) / "model.ubj"
        fitted.get_booster().save_model(booster)
        return underwrite.import_model("xgboost", booster, schema=schema, check=check, out=out)


if __name__ == "__main__":
    path, schema, out = sys.argv[1:]
    spark = SparkSession.builder.appName("train").getOrCreate()
    print(train(spark.read.parquet(path), Path(schema), Path(out)))

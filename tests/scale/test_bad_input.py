"""What cannot be scored is an error that names column and partition, and leaves no output."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pyarrow.csv
import pytest
from pyspark import cloudpickle
from pyspark.sql import functions as F

import underwrite
import underwrite.spark
from underwrite.spark import _on_workers

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def loans(spark, parquet):
    return spark.read.parquet(parquet)


@pytest.fixture
def points_rows(spark, points):
    """Rows of the model that refuses nulls, in two partitions."""
    first = pyarrow.csv.read_csv(DATA / "points_sample.csv").slice(0, 1).to_pylist()[0]
    inputs = [F.lit(first[name]).alias(name) for name in points.feature_names_in_]
    return spark.range(0, 2000, 1, 2).select("id", *inputs)


def test_a_missing_column_is_named_before_any_job(loans, model):
    with pytest.raises(ValueError, match="'person_income': the column is missing: did you mean"):
        underwrite.spark.score(loans.withColumnRenamed("person_income", "person_incom"), model)
    with pytest.raises(ValueError, match="'person_emp_exp': the column is missing"):
        underwrite.spark.sketch(loans.drop("person_emp_exp"), model)
    scored = underwrite.spark.score(loans.drop("person_emp_exp"), model, allow_missing_columns=True)
    assert scored.filter("adjustments < 1").count() == 0


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("cast(loan_amnt as decimal(12, 2))", "got decimals"),
        ("date'2026-11-29'", "got dates"),
        ("timestamp'2026-11-29 00:00:00'", "got timestamps"),
        ("array(loan_amnt)", "got lists"),
        ("struct(loan_amnt)", "got structs"),
        ("cast('x' as binary)", "got bytes"),
        ("true", "expected a column of type number, got booleans"),
    ],
)
def test_a_type_without_meaning_is_named_before_any_job(loans, model, value, says):
    with pytest.raises(ValueError, match=f"column 'loan_amnt': .*{says}"):
        underwrite.spark.score(loans.withColumn("loan_amnt", F.expr(value)), model)


def test_the_sql_function_names_the_column_and_the_partition(spark, loans, model):
    underwrite.spark.register(spark, model, "approval")
    odd = loans.withColumn("loan_amnt", F.expr("cast(loan_amnt as decimal(12, 2))"))
    odd.createOrReplaceTempView("odd")
    with pytest.raises(Exception, match=r"partition \d+: column 'loan_amnt': .*got decimals"):
        spark.sql("select approval(struct(*)) from odd").collect()


def test_a_null_where_none_may_be_fails_the_job_and_leaves_nothing(points_rows, points, folder):
    first = str(points.feature_names_in_[0])
    bad = points_rows.withColumn(first, F.expr(f"if(id = 1007, null, {first})"))
    out = folder / "bad"
    with pytest.raises(Exception, match=f"partition 1, row 7: column '{first}': ") as failed:
        underwrite.spark.score(bad, points).write.parquet(str(out))
    assert "got None" not in str(failed.value)
    assert not [file for file in out.rglob("*") if file.suffix == ".parquet" and "_temporary" not in file.parts]
    assert not (out / "_SUCCESS").exists()
    lenient = underwrite.spark.score(bad, points, columns=["id"], on_invalid="null")
    assert [(row["id"], row["outcome"]) for row in lenient.filter("probability is null").collect()] == [(1007, "refused")]
    with pytest.raises(ValueError, match='on_invalid: expected "raise" or "null"'):
        underwrite.spark.score(bad, points, on_invalid="ignore")


def test_a_ratio_that_contradicts_its_formula_is_named_without_what_it_comes_to(loans, folder):
    schema = folder / "strict.toml"
    text = (DATA / "loan.toml").read_text()
    schema.write_text(text.replace('mismatch = "overwrite"', 'mismatch = "error"'))
    assert schema.read_text() != text
    strict = underwrite.train(DATA / "loan_sample.csv", schema, model="logistic_regression")
    # 8000 / 48123 is 0.17.
    odd = loans.limit(1).withColumns({
        "loan_amnt": F.lit(8000), "person_income": F.lit(48123.0), "loan_percent_income": F.lit(0.5),
    })  # fmt: skip
    with pytest.raises(Exception, match="row 0: column 'loan_percent_income': ") as failed:
        underwrite.spark.score(odd, strict).write.format("noop").mode("overwrite").save()
    assert "contradicts its formula" in str(failed.value)
    assert "should be" not in str(failed.value)


def test_text_that_is_no_text_is_named(loans, model):
    broken = loans.withColumn("loan_intent", F.expr("if(id = 3, cast(unhex('FF41') as string), loan_intent)"))
    with pytest.raises(Exception, match=r"partition \d+.*column 'loan_intent'.*UTF-8"):
        underwrite.spark.score(broken, model).write.format("noop").mode("overwrite").save()
    with pytest.raises(Exception, match=r"partition \d+.*column 'loan_intent'.*UTF-8"):
        underwrite.spark.sketch(broken, model)


def test_partitions_and_tables_without_rows(spark, loans, rows, model):
    some = loans.limit(10).repartition(40)
    assert underwrite.spark.score(some, model, columns=["id"]).count() == 10
    none = loans.filter("id < 0")
    scored = underwrite.spark.score(none, model, columns=["id"]).toArrow()
    assert (len(scored), scored.column_names[-1]) == (0, "adjustments")
    assert underwrite.spark.sketch(none, model) == model.sketch(rows.slice(0, 0))


def test_names_that_clash_are_refused(loans, model):
    with pytest.raises(ValueError, match="column 'probability': its name is that of an added one"):
        underwrite.spark.score(loans.withColumn("probability", F.lit(1)), model)
    with pytest.raises(ValueError, match="there is no column 'nobody'"):
        underwrite.spark.score(loans, model, columns=["nobody"])
    twice = loans.select("*", F.col("loan_amnt").alias("LOAN_AMNT"))
    with pytest.raises(ValueError, match="column 'loan_amnt': it is there 2 times"):
        underwrite.spark.score(twice, model, columns=["id"])
    dotted = loans.withColumn("a.b", F.col("id"))
    assert underwrite.spark.score(dotted, model, columns=["a.b"]).count() == loans.count()


def test_another_version_of_the_model_on_a_worker_is_an_error(spark, points_rows, points, folder):
    # A version of its own, so that no process has loaded it.
    other = underwrite.train(
        DATA / "points_sample.csv", DATA / "points.toml", model="logistic_regression", seed=7
    )
    assert other.to_bytes() != points.to_bytes()
    scored = underwrite.spark.score(points_rows, other)
    # Any job brings the file to the workers.
    spark.range(8).repartition(8).mapInArrow(lambda batches: batches, "id bigint").collect()
    copies = list((folder / "spark-home/work").glob(f"*/*/{_name(other)}"))
    assert len(copies) >= 2
    # Two versions, so that Spark's second try on the other worker does not help.
    for path, version in zip(copies, itertools.cycle([points.to_bytes(), b"none at all"])):
        path.chmod(0o644)
        path.write_bytes(version)
    with pytest.raises(Exception, match="the worker .* has another version of the model: expected SHA-256"):
        scored.write.format("noop").mode("overwrite").save()


def _name(model: underwrite.Model) -> str:
    import hashlib

    return f"underwrite-{hashlib.sha256(model.to_bytes()).hexdigest()}.wasm"


def test_a_worker_without_the_package_says_so(tmp_path):
    # As Spark sends it, to a Python without the package on its path.
    sent = tmp_path / "sent"
    sent.write_bytes(cloudpickle.dumps(_on_workers("score_batches", ("name", "digest"))))
    site = Path(cloudpickle.__file__).parents[2]
    script = (
        f"import sys; sys.path.append({str(site)!r}); import pickle\n"
        f"pickle.load(open({str(sent)!r}, 'rb'))(iter([]))"
    )
    ended = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True)
    assert "RuntimeError: the worker " in ended.stderr
    assert "lacks the Python package underwrite" in ended.stderr

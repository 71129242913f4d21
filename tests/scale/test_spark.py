"""Spark gives what `underwrite score` gives, to the bit, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
import threading
import time

import pyarrow as pa
import pyarrow.dataset
import pytest

import cluster
import underwrite
import underwrite.spark
from conftest import assert_equal, scored_by_the_program


@pytest.fixture(scope="module")
def expected(model, rows, folder) -> pa.Table:
    return scored_by_the_program(model, rows, folder)


def test_rows_equal_those_of_the_program(spark, model, parquet, expected):
    scored = underwrite.spark.score(spark.read.parquet(parquet), model, columns=["id"])
    assert scored.columns == ["id", "probability", "outcome", "adjustments"]
    assert_equal(scored.toArrow(), expected)
    # Its own schema says what Arrow says.
    assert [field.dataType.simpleString() for field in scored.schema] == ["bigint", "double", "string", "int"]


def test_all_columns_pass_through_unless_some_are_chosen(spark, model, rows, parquet):
    everything = underwrite.spark.score(spark.read.parquet(parquet), model)
    assert everything.columns == [*rows.column_names, "probability", "outcome", "adjustments"]
    got = everything.toArrow().sort_by("id").select(rows.column_names)
    assert got.equals(rows.cast(got.schema))


def test_the_sql_function_gives_the_same(spark, model, parquet, expected):
    underwrite.spark.register(spark, model, "approval")
    spark.read.parquet(parquet).createOrReplaceTempView("loans")
    asked = "select id, approval(struct(*)) as scored from loans"
    got = spark.sql(f"select id, scored.* from ({asked})").toArrow()
    assert_equal(got, expected)


def test_each_process_loads_the_model_once(spark, model, parquet):
    def loaded(batches):
        import os

        import pyarrow as pa

        from underwrite import _spark_worker

        for _ in batches:
            pass
        known = [id(model) for model in _spark_worker._models.values()]
        yield pa.record_batch([[os.getpid()], [len(known)]], names=["process", "models"])

    scored = underwrite.spark.score(spark.read.parquet(parquet).repartition(8), model, columns=["id"])
    for _ in range(2):
        scored.write.format("noop").mode("overwrite").save()
    seen = scored.repartition(16).mapInArrow(loaded, "process bigint, models bigint").collect()
    assert len({row["process"] for row in seen}) >= 2
    assert {row["models"] for row in seen} == {1}


def test_a_worker_that_is_killed_loses_nothing(spark, model, many, many_parquet, folder):
    out = folder / "many-scored"
    df = spark.read.parquet(many_parquet)
    failed = []

    def write() -> None:
        try:
            underwrite.spark.score(df, model, columns=["id"]).write.parquet(str(out))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    job = threading.Thread(target=write)
    job.start()
    status = spark.sparkContext.statusTracker()
    while job.is_alive():
        stages = [status.getStageInfo(stage) for stage in status.getActiveStageIds()]
        if any(stage and 2 <= stage.numCompletedTasks < stage.numTasks - 2 for stage in stages):
            break
        time.sleep(0.01)
    before = cluster.executors(spark)
    assert job.is_alive() and len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    job.join()
    assert not failed
    assert before[0] not in cluster.executors(spark)
    got = pyarrow.dataset.dataset(out).to_table()
    assert_equal(got, scored_by_the_program(model, many, folder))


def test_a_merged_sketch_is_that_of_one_machine(spark, model, rows, many, parquet, many_parquet):
    for table, path, parts in [(rows, parquet, 7), (many, many_parquet, None)]:
        df = spark.read.parquet(path)
        df = df.repartition(parts) if parts else df
        assert underwrite.spark.sketch(df, model) == model.sketch(table)


def test_a_drift_report_is_that_of_one_machine(spark, model, rows, parquet, folder):
    ours, theirs = folder / "spark.html", folder / "one.html"
    report = underwrite.spark.drift(spark.read.parquet(parquet), model, out=ours)
    expected = underwrite.drift(model, model.sketch(rows), out=theirs)
    assert report["columns"] == expected["columns"]
    assert {k: v for k, v in report.items() if k != "created"} == {
        k: v for k, v in expected.items() if k != "created"
    }
    assert ours.stat().st_size > 10_000

"""How fast Spark scores on two workers of one core each.

Usage: measure.py MODEL.WASM PARQUET FOLDER

Prints rows a second; the CPU time that a row costs in all of Spark, and of it in the Python
worker, Arrow's streams included; and what the model alone takes. FOLDER is for Spark's own files.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset

import cluster
import underwrite
import underwrite.spark
from underwrite._spark_driver import as_model, needed, numbered, ship


def alone(model: underwrite.Model, batches: list[pa.RecordBatch]) -> float:
    """CPU seconds a row of the model alone: no column is made of its answers."""
    began, rows = time.process_time(), 0
    for batch in batches:
        model.score_table(batch, False)
        rows += batch.num_rows
    return (time.process_time() - began) / rows


def timed(spark, name: str, rows: int, work) -> None:
    """Print how long the work takes, and the CPU time of all processes of Spark."""
    began, spent = time.perf_counter(), cluster.cpu_seconds(spark)
    work()
    seconds, cpu = time.perf_counter() - began, cluster.cpu_seconds(spark) - spent
    print(
        f"{name}, {rows} rows: {seconds:.1f} s, {rows / seconds:.0f} rows a second; "
        f"{cpu / rows * 1e6:.2f} us of CPU a row, {2 * rows / cpu:.0f} rows a second on two free cores"
    )


def metered(work):
    """The work of `underwrite.spark.score`, and behind it the CPU seconds of its process."""

    def meter(batches):
        import time

        import pyarrow as pa

        began, rows = time.process_time(), 0
        for batch in work(batches):
            rows += batch.num_rows
        cpu = time.process_time() - began
        yield pa.record_batch([[rows], [cpu]], names=["rows", "cpu"])

    return meter


def main() -> None:
    path, parquet, folder = sys.argv[1:]
    model = as_model(path)
    inputs = list(model.feature_names_in_)
    table = pyarrow.dataset.dataset(parquet).head(400_000, columns=inputs)
    batches = table.to_batches(max_chunksize=10_000)
    alone(model, batches[:4])
    own = min(alone(model, batches) for _ in range(3))
    print(f"model alone: {own * 1e6:.3f} us of CPU a row")

    spark = cluster.start(Path(folder).resolve())
    df = spark.read.parquet(parquet)
    scored = underwrite.spark.score(df, model, columns=["id"])
    save = scored.write.format("noop").mode("overwrite").save
    save()
    rows = df.count()
    for _ in range(2):
        timed(spark, "score", rows, save)

    read = needed(df, model)
    work = underwrite.spark._on_workers("score_batches", ship(spark, model), ["id"], read, "raise", False)
    seen = numbered(df, ["id", *read]).mapInArrow(metered(work), "rows bigint, cpu double").collect()
    each = sum(row["cpu"] for row in seen) / sum(row["rows"] for row in seen)
    print(f"in the Python worker: {each * 1e6:.3f} us of CPU a row, {(each - own) * 1e6:.3f} above the model's own")

    timed(spark, "sketch", rows, lambda: underwrite.spark.sketch(df, model))
    spark.stop()


if __name__ == "__main__":
    main()
